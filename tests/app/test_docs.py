"""The documents: figures as in the reports, links, commands, flags and endpoints that exist."""

import json
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from support.files import script_module
from support.reports import ABLATION, CLASS_KEYS, SEEDS, TRAINING, VERDICT_KEYS

import demo
from imgrec import environment
from imgrec.files import atomic
from imgrec.files.paths import MODELS, REPORTS, ROOT
from imgrec.ui.page import build_page

FILES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
TEXTS = {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in FILES}
README_BYTES = 7000  # the first read fits on a few screens

BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
COMMAND = re.compile(r"python ((?:scripts/\w+|demo)\.py)([^\n#`]*)")
SCRIPT = re.compile(r"scripts/\w+\.py")
FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
ENDPOINT = re.compile(r"`(/\w+)`")
NUMBER = re.compile(r"\d[\d.,]*\d|\d")


def pairs(pattern):
    """Each document's name with what the pattern finds in it, once."""
    return sorted(
        {(name, found) for name, text in TEXTS.items() for found in pattern.findall(text)}
    )


# Links


def prose(text):
    """A document without its code blocks."""
    return BLOCK.sub("", text)


def anchors(text):
    """The anchors of its headings, as GitHub makes them; repeated ones are numbered."""
    found = []
    for heading in HEADING.findall(prose(text)):
        shown = LINK.sub("]", heading).replace("`", "").replace("*", "")
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.append(anchor + (f"-{found.count(anchor)}" if anchor in found else ""))
    return found


LINKS = [
    (name, target)
    for name, text in TEXTS.items()
    for target in sorted(set(LINK.findall(prose(text))))
]


@pytest.mark.parametrize(("name", "target"), LINKS)
def test_each_link_leads_to_a_file_and_to_a_heading_of_it(name, target):
    path, _, anchor = target.partition("#")
    file = (ROOT / name).parent / path if path else ROOT / name
    assert file.exists()
    assert ROOT in file.resolve().parents  # a link out of the project leads nowhere in a clone
    if anchor:
        assert anchor in anchors(file.read_text(encoding="utf-8"))


def test_anchors_are_those_of_github():
    text = "# A `b`: *c*, d's!\n```\n# no heading\n```\n## Twice\n## Twice\n## [x](y.md) & z\n"
    assert anchors(text) == ["a-b-c-ds", "twice", "twice-1", "x--z"]


# Commands


@cache
def help_of(program, *arguments):
    """What a program prints for --help, asked in this process: TensorFlow is loaded once."""
    written = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, *arguments, "--help"])
        patch.setattr(sys.stdout, "write", written.append)
        main = demo.main if program == "demo.py" else script_module(Path(program).stem).main
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 0
    return "".join(written)


NAMED_SCRIPTS = sorted({found for _, found in pairs(SCRIPT)})


@pytest.mark.parametrize("script", NAMED_SCRIPTS)
def test_each_named_script_explains_itself(script):
    assert help_of(script).startswith("usage:")


def commands():
    """The documents' commands: the program, its first argument if that is a word, its flags."""
    for program, arguments in sorted({found for _, found in pairs(COMMAND)}):
        flags = FLAG.findall(arguments)
        if flags:
            first = arguments.split()[0]
            yield program, () if first.startswith("-") else (first,), flags


@pytest.mark.parametrize(("program", "subcommand", "flags"), list(commands()))
def test_each_flag_of_a_command_exists(program, subcommand, flags):
    assert set(flags) <= {*FLAG.findall(help_of(program, *subcommand))}


def test_the_flags_of_the_page_are_those_that_are_described():
    described = TEXTS["docs/page.md"].split("## Flags")[1].split("\n## ")[0]
    flags = {*FLAG.findall(described)} - {"--help"}
    assert flags == {*FLAG.findall(help_of("demo.py"))} - {"--help"}


def test_the_lines_to_start_and_to_test_stand_by_themselves():
    lines = TEXTS["README.md"].splitlines()
    assert lines.count("pip install -r requirements.txt && python demo.py") == 1
    assert lines.count("pip install -r requirements-dev.txt && python -m pytest") == 1


# Endpoints


def test_the_endpoints_are_those_that_are_described():
    offered = build_page().get_api_info()["named_endpoints"]
    assert {*ENDPOINT.findall(TEXTS["docs/api.md"])} == {*offered}


def test_the_answer_has_the_keys_that_are_described():
    (example,) = re.findall(r"```json\n(.*?)```", TEXTS["docs/api.md"], re.DOTALL)
    (verdict,) = json.loads(example)["verdicts"]
    assert list(verdict) == VERDICT_KEYS
    assert list(verdict["classes"][0]) == CLASS_KEYS


# Figures


@pytest.fixture
def script():
    return script_module("update_readme")


def check(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["update_readme.py", "--check"])
    return script.main()


def test_the_figures_are_those_of_the_reports(script, monkeypatch, capsys):
    code = check(script, monkeypatch)
    assert (code, capsys.readouterr().err) == (0, "")


def test_stale_figures_are_found_and_nothing_is_written(script, monkeypatch, tmp_path, capsys):
    changed = tmp_path / "README.md"
    stale = TEXTS["README.md"].replace(script.END, f"Another figure.\n{script.END}")
    changed.write_text(stale, encoding="utf-8")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "README", changed)
    monkeypatch.setattr(script, "RESULTS", tmp_path / "docs" / "results.md")  # is missing
    assert check(script, monkeypatch) == 1
    assert "README.md and docs/results.md" in capsys.readouterr().err
    assert changed.read_text(encoding="utf-8") == stale
    assert not (tmp_path / "docs").exists()


def cells(text, first):
    """The cells of the table rows whose first cell begins so, or of all."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0].startswith(first)]


def test_what_was_not_measured_leaves_its_section_out(script, tmp_path, monkeypatch):
    monkeypatch.setattr("imgrec.evaluation.training_reports.REPORTS", tmp_path)
    text = script.rendered("results.md.jinja", script.figures.measured())
    assert "### The networks that ship" in text and "### Half precision" in text
    for heading in (
        "### Training time",
        "### Variation",
        "### What each",
        "## All three",
        "## Speed",
    ):
        assert heading not in text
    (row,) = cells(script.rendered("readme_figures.md.jinja", script.figures.measured()), "")[1:]
    fast = atomic.read_json(MODELS / "fast" / "report.json")
    assert f"{100 * fast['test_accuracy']:.2f}%" in row[4] and row[5] == "–"


@pytest.mark.parametrize("name", [file.stem for file in sorted(REPORTS.glob("*.json"))])
def test_any_report_may_be_missing(script, tmp_path, monkeypatch, name):
    for file in REPORTS.glob("*.json"):
        if file.stem != name:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr("imgrec.evaluation.training_reports.REPORTS", tmp_path)
    found = script.figures.measured()
    assert "## To measure again" in script.rendered("results.md.jinja", found)
    assert script.END in script.updated(TEXTS["README.md"], found)


def test_what_the_fast_recipe_comes_to_is_reported_where_it_was_measured(
    script, tmp_path, monkeypatch
):
    for name, report in (("training", TRAINING), ("ablation", ABLATION), ("seeds", SEEDS)):
        atomic.write_json(tmp_path / f"{name}.json", report)
    monkeypatch.setattr("imgrec.evaluation.training_reports.REPORTS", tmp_path)
    text = script.rendered("results.md.jinja", script.figures.measured())
    race = text.split("### Training time")[1].split("\n### ")[0]
    assert cells(race, "`fast`") == [["`fast`", "3", "6 minutes", "93.10%", "94.20%"]]
    assert cells(race, "`classic`")[0] == ["`classic`", "5", "25 minutes", "73.30%", "–"]
    assert [row[-1] for row in cells(race, "`classic` in")] == ["**0.24**", "0.50"]
    seeds = text.split("### Variation")[1].split("\n### ")[0]
    assert "seeds 1, 2, 3" in seeds
    assert [row[-1] for row in cells(seeds, ("one", "with"))] == ["93.52 ± 0.11%", "94.06 ± 0.09%"]
    ablation = text.split("### What each")[1].split("\n### ")[0]
    assert cells(ablation, ("nothing", "a", "b", "c"))[:3] == [
        ["nothing", "the whole recipe", "90.0%"],
        ["c", "d", "85.0%", "−5.0"],
        ["a", "b", "90.4%", "+0.4"],
    ]


def claim(script_name, command):
    """What a script's docstring claims below a command: its lines up to the next empty one."""
    docstring = script_module(script_name).__doc__
    return docstring.split(f"{command}\n")[1].split("\n\n")[0]


def minutes(seconds):
    return f"{seconds / 60:.0f}"


def spread(measured, digits):
    return [f"{100 * measured[key]:.{digits}f}" for key in ("mean", "deviation")]


def assert_claims(text, machine, numbers):
    assert machine in text
    assert NUMBER.findall(text.replace(machine, "")) == numbers


def test_the_docstring_of_fast_claims_what_was_measured():
    report = atomic.read_json(REPORTS / "seeds.json")
    assert_claims(
        claim("train_scratch", "train_scratch.py --network fast"),
        environment.machine(report["environment"]),
        [
            *spread(report["test_accuracy"], 2),
            *spread(report["test_accuracy_views"], 2),
            str(report["epochs"]),
            minutes(report["seconds"]["mean"]),
            str(len(report["seeds"])),
        ],
    )


def test_the_docstring_of_classic_claims_what_was_measured():
    report = atomic.read_json(MODELS / "classic" / "report.json")
    assert_claims(
        claim("train_scratch", "train_scratch.py --network classic"),
        environment.machine(report["environment"]),
        [
            f"{100 * report['test_accuracy']:.2f}",
            f"{100 * report['test_accuracy_views']:.2f}",
            str(report["epochs"]),
            minutes(report["seconds"]),
            "1",
        ],
    )


def test_the_docstring_of_the_heads_claims_what_was_measured():
    heads = atomic.read_json(REPORTS / "heads.json")
    shipped = atomic.read_json(MODELS / "dog_pooled_64" / "report.json")
    draws = heads["heads"]["pooled"]["draws"]
    assert heads["environment"]["processor"] == shipped["environment"]["processor"]
    assert_claims(
        claim("train_transfer", "[--head pooled|flatten]"),
        environment.machine(heads["environment"]),
        [
            *spread(draws["accuracy"], 1),
            *spread(draws["balanced_accuracy"], 1),
            str(heads["photos"] - shipped["photos"]),
            str(shipped["photos"]),
            f"{shipped['seconds']:.1f}",
            str(len(draws["seeds"])),
        ],
    )


# Form


def test_the_readme_is_short():
    assert len(TEXTS["README.md"].encode()) < README_BYTES


@pytest.mark.parametrize("name", TEXTS)
def test_a_percentage_has_no_space(name):
    assert not re.findall(r"\d\s%", TEXTS[name])
