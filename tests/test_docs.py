"""The README: its figures are the reports', its links and its commands lead somewhere."""

import re
import subprocess
import sys

import pytest
from conftest import script_module
from test_race import ABLATION, SEEDS, TRAINING

from imgrec.files.paths import ROOT
from imgrec.models import store

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_figures_are_those_of_the_reports():
    command = [sys.executable, "scripts/update_readme.py", "--check"]
    check = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_each_linked_file_is_there(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize("script", sorted(set(re.findall(r"scripts/\w+\.py", README))))
def test_each_named_script_explains_itself(script):
    help_text = subprocess.run(
        [sys.executable, script, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert help_text.startswith("usage:")


def test_what_the_fast_recipe_comes_to_is_told_where_it_was_measured(tmp_path, monkeypatch):
    script = script_module("update_readme")
    monkeypatch.setattr(script, "REPORTS", tmp_path)
    assert script.race() == script.seeds() == script.ablation() == []
    for name, report in (("training", TRAINING), ("ablation", ABLATION), ("seeds", SEEDS)):
        store.write_json(tmp_path / f"{name}.json", report)
    race, seeds = script.race()[0], script.seeds()[0]
    assert "`fast` takes 6 minutes for its 3 epochs and `classic` 25 minutes for its 5" in race
    assert "**0.24 times as long**, or 0.50 times beside `classic` in bfloat16, by 3 epochs" in race
    assert "93.10 % (94.20 % looking six times) and 73.30 %" in race
    assert "over the seeds 1, 2, 3, `fast` is right on 93.52 ± 0.11 %" in seeds
    rows = [line for line in script.ablation() if line.startswith("| ")][1:]
    assert rows == [
        "| nothing | the whole recipe | 90.0 % |  |",
        "| c | d | 85.0 % | −5.0 |",
        "| a | b | 90.4 % | +0.4 |",
    ]
