"""The files beside the modules of the page: each is read, and no script stands in Python."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgrec.ui
from imgrec.ui.components import listeners
from imgrec.ui.scripts import script
from imgrec.ui.theme import STYLES

UI = Path(imgrec.ui.__file__).parent


def read_by(module: Path) -> Iterator[Path]:
    """The scripts that a module reads, as `script(__file__, "name.js")`."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(
                func=ast.Name("script"), args=[ast.Name("__file__"), ast.Constant(str(name))]
            ):
                yield module.parent / name


def long_scripts(source: str) -> list[str]:
    """The texts of a Python source that hold an arrow function and more than a line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if "=>" in text and "\n" in text:
            found.append(text)
    return found


def test_each_script_is_read_by_one_module():
    read = [file for module in UI.rglob("*.py") for file in read_by(module)]
    assert sorted(read) == sorted(UI.rglob("*.js"))


def test_each_style_sheet_is_on_the_page_once():
    assert sorted(STYLES) == sorted(UI.rglob("*.css"))


def test_no_long_script_stands_in_a_module():
    modules = {file.name: file.read_text(encoding="utf-8") for file in UI.rglob("*.py")}
    assert {name: found for name, text in modules.items() if (found := long_scripts(text))} == {}


@pytest.mark.parametrize("source", ['"""() => {\n}"""', 'f"""() => {name}\n"""', '"() => {\\n}"'])
def test_a_long_script_is_found(source):
    assert long_scripts(f"js = {source}") and not long_scripts("js = '() => 1'")


def test_scripts_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "document.getElementById" in script(listeners.__file__, "if_seen.js")
