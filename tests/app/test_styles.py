"""The style sheets, which share one page: what one lays out, another must not upset."""

import re
from collections import defaultdict

from imgrec.ui.theme import STYLES

RULE = re.compile(r"([^{}]+)\{")
BARE_CLASS = re.compile(r"\.(?!dark$)[\w-]+")  # .dark holds each sheet's own colours


def test_a_class_is_laid_out_by_one_sheet():
    sheets = defaultdict(set)
    for sheet in STYLES:
        rules = RULE.findall(
            re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.S)
        )
        for selector in (part.strip() for rule in rules for part in rule.split(",")):
            if BARE_CLASS.fullmatch(selector):
                sheets[selector].add(sheet.name)
    assert len(sheets) > 50
    assert {name: found for name, found in sheets.items() if len(found) > 1} == {}
