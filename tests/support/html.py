"""Verdicts to show, and a reader of the HTML that is made of them."""

import re
from html.parser import HTMLParser

from PIL import Image

from imgrec.approaches.verdict import ClassProbability, Verdict
from imgrec.ui.components import verdict_cards

HOSTILE = """<script>alert("1")</script><img src=x onerror='alert(2)'>&"""
VOID = {"img", "br", "hr", "input", "meta", "link"}


def verdict(approach="scratch", dog=0.5, **changes) -> Verdict:
    settled = {
        "model": "classic CNN",
        "trained_on": "CIFAR-10",
        "stand_in": False,
        "classes": (ClassProbability(5, "dog", 0.75), ClassProbability(3, "cat", 0.25)),
        "milliseconds": 12.4,
        "parameters": 1_250_858,
        "saw": Image.new("RGB", (32, 32)),
    }
    return Verdict(approach=approach, dog=dog, **(settled | changes))


def three(*dogs: float) -> list[Verdict]:
    return [verdict(name, dog) for name, dog in zip(verdict_cards.TITLES, dogs, strict=True)]


class Page(HTMLParser):
    """Checks that tags are closed in order; collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def widths(self) -> list[float]:
        """The widths of the bars, in percent."""
        styles = [attributes["style"] for _, attributes in self.tags if "style" in attributes]
        return [float(re.fullmatch(r"width:([\d.]+)%", style)[1]) for style in styles]


def text(html: str) -> str:
    """The text with single spaces between its parts."""
    return " ".join(" ".join(Page(html).texts).split())
