"""The README: its figures are the reports', its links and its commands lead somewhere."""

import re
import subprocess
import sys

import pytest

from imgrec.paths import ROOT

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
