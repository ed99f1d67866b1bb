"""The layout of the package: imports go one way, files stay short, and start-up stays light."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from imgrec.files.paths import ROOT

PACKAGE = ROOT / "imgrec"
TEMPLATES = PACKAGE / "teaching" / "export_templates"  # Python, but for other programs

# Each part, from the foundation up, and what it may import beside itself. "X and below" means X and
# every part above X in this table.
TABLE: dict[str, tuple[str, ...] | str] = {
    "foundation": (),
    "files": ("foundation",),
    "images": ("foundation",),
    "metrics": (),
    "networks": ("foundation",),
    "data": ("foundation", "files", "images"),
    "models": ("foundation", "files", "metrics", "networks", "data"),
    "approaches": "models and below",
    "training": "approaches and below",
    "teaching": "training and below",
    "evaluation": "training and below",
    "explaining": "teaching and below",
    "ui": "explaining and below",  # how the page looks, and what serves it
    "ui/access": "ui and below",
    "ui/components": "ui/access and below",
    "ui/approaches": "ui/components and below",
    "ui/teach": "ui/components and below",
    "ui/train": "ui/components and below",
    "ui/data": "ui/components and below",
    "ui/lessons": "ui/components and below",
    "ui/results": "ui/components and below",
    "ui/page": "ui/results and below",  # puts the tabs together
}
FOUNDATION = ("errors", "environment", "caching", "background_job")  # modules, beside the folders
TABS = tuple(part for part in TABLE if TABLE[part] == "ui/components and below")

MOST_LINES = 400
TABLES_OF_DATA: dict[str, str] = {}  # files that may be longer, and why
MOST_MODULES = 14  # in a folder, beside its `__init__`

Import = tuple[str, str]  # the module that imports, and the one that is imported


def modules() -> dict[str, Path]:
    """The file of each module of the package."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        if TEMPLATES in file.parents:
            continue
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = file
    return found


def imports(importer: str, source: str, known: Iterable[str]) -> Iterator[Import]:
    """Every import of a known module in a source, also those inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{importer} imports relatively"
            of_module = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module or "" for name in of_module]
        else:
            continue
        for name in names:
            if name in known and name != importer:
                yield importer, name


def all_imports() -> list[Import]:
    found = modules()
    sources = {name: file.read_text(encoding="utf-8") for name, file in found.items()}
    return [each for name, source in sources.items() for each in imports(name, source, found)]


def part_of(module: str) -> str:
    """The part of the table that a module belongs to; the package itself belongs to none."""
    match module.split(".")[1:]:
        case []:
            return ""
        case [name] if name in FOUNDATION:
            return "foundation"
        case ["ui", "page"]:
            return "ui/page"
        case ["ui", folder, *_] if f"ui/{folder}" in TABLE:
            return f"ui/{folder}"
        case [folder, *_]:
            return folder


def allowed(part: str, table: Mapping[str, tuple[str, ...] | str]) -> set[str]:
    """The parts that a part may import."""
    row = table[part]
    if not isinstance(row, str):
        return {part, *row}
    order = list(table)
    return {part, *order[: order.index(row.removesuffix(" and below")) + 1]}


def violations(found: Iterable[Import], table: Mapping[str, tuple[str, ...] | str]) -> list[Import]:
    """The imports that go against the order of the table."""
    return [
        (importer, imported)
        for importer, imported in found
        if part_of(imported) not in {"", *allowed(part_of(importer), table)}
    ]


def between_tabs(found: Iterable[Import]) -> list[Import]:
    """The imports from one tab's folder to another's."""
    return [
        (importer, imported)
        for importer, imported in found
        if {part_of(importer), part_of(imported)} <= set(TABS)
        and part_of(importer) != part_of(imported)
    ]


def cycle(found: Iterable[Import]) -> list[str]:
    """Modules that import each other in a circle; none where there is no circle."""
    order = TopologicalSorter[str]()
    for importer, imported in found:
        order.add(importer, imported)
    try:
        order.prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_every_part_stands_in_the_table():
    assert {part_of(name) for name in modules()} == {"", *TABLE}


def test_imports_go_down_only():
    assert violations(all_imports(), TABLE) == []


def test_no_tab_imports_another():
    assert between_tabs(all_imports()) == []


def test_no_modules_import_each_other_in_a_circle():
    assert cycle(all_imports()) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("imgrec.errors", "imgrec.files.paths"),
        ("imgrec.files.paths", "imgrec.images.decode"),
        ("imgrec.metrics.calibration", "imgrec.errors"),
        ("imgrec.data.photos", "imgrec.networks.heads"),
        ("imgrec.models.store", "imgrec.images.decode"),
        ("imgrec.models.run_log", "imgrec.training.recipes"),
        ("imgrec.approaches.scratch", "imgrec.training.scratch"),
        ("imgrec.teaching.project", "imgrec.evaluation.evaluate"),
        ("imgrec.evaluation.evaluate", "imgrec.teaching.project"),
        ("imgrec.explaining.targets", "imgrec.evaluation.reports"),
        ("imgrec.explaining.targets", "imgrec.ui.components.html"),
        ("imgrec.ui.theme", "imgrec.ui.components.html"),
        ("imgrec.ui.components.html", "imgrec.ui.data.html"),
        ("imgrec.ui.data.tab", "imgrec.ui.train.tab"),
        ("imgrec.ui.data.tab", "imgrec.ui.page"),
    ],
)
def test_an_import_against_the_order_is_found(importer, imported):
    fine = [("imgrec.ui.page", "imgrec.ui.data.tab"), ("imgrec.ui.data.tab", "imgrec.errors")]
    assert violations([*fine, (importer, imported)], TABLE) == [(importer, imported)]


@pytest.mark.parametrize(
    ("importer", "imported", "found"),
    [
        ("imgrec.ui.data.tab", "imgrec.ui.train.refresh", True),
        ("imgrec.ui.lessons.tab", "imgrec.ui.results", True),
        ("imgrec.ui.data.tab", "imgrec.ui.data.html", False),
        ("imgrec.ui.data.tab", "imgrec.ui.components.html", False),
        ("imgrec.ui.page", "imgrec.ui.data.tab", False),
    ],
)
def test_an_import_from_tab_to_tab_is_found(importer, imported, found):
    assert between_tabs([(importer, imported)]) == [(importer, imported)] * found


@pytest.mark.parametrize(
    "source",
    [
        "import imgrec.b",
        "from imgrec import b",
        "from imgrec.b import name",
        "from typing import Any\nfrom imgrec.b import one, other as another",
        "def late():\n    from imgrec.b import name\n    return name",
        "if TYPE_CHECKING:\n    from imgrec import b",
    ],
)
def test_every_way_to_import_is_read(source):
    assert set(imports("imgrec.a", source, {"imgrec", "imgrec.a", "imgrec.b"})) == {
        ("imgrec.a", "imgrec.b")
    }


def test_a_circle_is_found():
    a, b, c = "imgrec.a", "imgrec.b", "imgrec.c"
    assert cycle([(a, b), (b, c), (a, c)]) == []
    assert set(cycle([(a, b), (b, c), (c, a)])) == {a, b, c}


# What an import loads


def loaded_after(names: Iterable[str]) -> set[str]:
    """Which of the large libraries are loaded once a fresh process has imported these modules."""
    code = (
        "import importlib, sys\n"
        f"for name in {list(names)!r}: importlib.import_module(name)\n"
        "print(*({'gradio', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_only_the_page_loads_gradio():
    names = [name for name in modules() if not name.startswith("imgrec.ui")]
    assert "gradio" not in loaded_after(names)


def test_packages_load_nothing_large():
    packages = [name for name, file in modules().items() if file.name == "__init__.py"]
    assert len(packages) > 15
    assert loaded_after(packages) == set()


def test_the_demo_loads_no_network_library():
    assert loaded_after(["demo"]) == {"gradio"}


# How long files are, and how many


def test_no_file_is_long():
    lines = {
        file.relative_to(ROOT).as_posix(): len(file.read_text(encoding="utf-8").splitlines())
        for file in modules().values()
    }
    long = {name: count for name, count in lines.items() if count > MOST_LINES}
    assert {name: count for name, count in long.items() if name not in TABLES_OF_DATA} == {}
    assert set(TABLES_OF_DATA) <= set(long)


def test_no_folder_is_crowded():
    folders = {file.parent for file in modules().values()}
    counts = {
        folder.relative_to(ROOT).as_posix(): sum(
            file.name != "__init__.py" for file in folder.glob("*.py")
        )
        for folder in folders
    }
    assert {name: count for name, count in counts.items() if count > MOST_MODULES} == {}


# The layers of the tests

TESTS = ROOT / "tests"
PAGE = ("gradio", "gradio_client", "playwright", "demo", "imgrec.ui")  # no unit test loads these
FIXTURES = {"app", "browser", "page"}  # nor asks for these


def modules_of_tests() -> dict[str, Path]:
    """The file of each module of the tests; those of `tests/support` as they are imported."""
    files = sorted(TESTS.rglob("*.py"))
    return {".".join(file.relative_to(TESTS).with_suffix("").parts): file for file in files}


def imported(source: str) -> set[str]:
    """The full name of all that a source imports, also inside functions, but not for types only."""
    tree = ast.parse(source)
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def reached(start: str, sources: Mapping[str, str]) -> set[str]:
    """What a module of the tests imports, itself or through other modules of the tests."""
    found, waiting, seen = set(), [start], set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        names = imported(sources[module])
        found |= names
        ours = {name for name in sources for each in names if f"{each}.".startswith(f"{name}.")}
        waiting += ours - seen
    return found


def of_the_page(names: Iterable[str]) -> set[str]:
    """Those that belong to the page, or to a browser."""
    return {name for name in names if any(f"{name}.".startswith(f"{each}.") for each in PAGE)}


def asked_for(source: str) -> set[str]:
    """The names of the arguments of all functions: a test's are fixtures."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    tests = [node for node in functions if node.name.startswith("test_") or node.decorator_list]
    return {argument.arg for node in tests for argument in node.args.args}


def sources_of_tests() -> dict[str, str]:
    return {name: file.read_text(encoding="utf-8") for name, file in modules_of_tests().items()}


def test_no_unit_test_imports_the_page_or_a_browser():
    sources = sources_of_tests()
    units = [name for name in sources if name.startswith("unit.")]
    assert len(units) > 30
    found = {name: of_the_page(reached(name, sources)) for name in units}
    assert {name: names for name, names in found.items() if names} == {}


def test_no_unit_test_asks_for_the_running_page():
    units = {name: text for name, text in sources_of_tests().items() if name.startswith("unit.")}
    found = {name: asked_for(text) & FIXTURES for name, text in units.items()}
    assert {name: fixtures for name, fixtures in found.items() if fixtures} == {}


def test_no_test_module_imports_another():
    sources = sources_of_tests()
    shared = {name for name in sources if name.startswith("support")}
    names = {name.rpartition(".")[2] for name in sources if name not in shared}
    assert {"conftest", "test_architecture", "test_client"} <= names
    for module, source in sources.items():
        parts = {part for name in imported(source) for part in name.split(".")}
        assert not parts & names, module


@pytest.mark.parametrize(
    "source",
    [
        "import gradio as gr",
        "from gradio.media import get_image",
        "def late():\n    from imgrec.ui.components import html",
        "from imgrec import ui",
        "import demo",
        "from support.app import RunningApp",
    ],
)
def test_a_unit_test_that_reaches_the_page_is_found(source):
    sources = {"unit.test_made_up": source, "support.app": "from playwright import sync_api"}
    assert of_the_page(reached("unit.test_made_up", sources))


@pytest.mark.slow
def test_collecting_the_unit_tests_loads_no_gradio():
    code = (
        "import sys, pytest\n"
        "code = pytest.main(['tests/unit', '--collect-only', '-qq', '-n0', '-pno:cacheprovider'])\n"
        "large = {'gradio', 'gradio_client', 'playwright', 'demo'}\n"
        "print(int(code), sorted(large & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stdout
