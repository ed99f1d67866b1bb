"""The layout of the package: imports go one way, files stay short, and start-up stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from imgrec.files.paths import ROOT

PACKAGE = ROOT / "imgrec"

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
