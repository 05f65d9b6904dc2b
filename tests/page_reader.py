# SPDX-License-Identifier: MIT
"""Is a report one file that loads nothing, closes every element, and leads where it says?"""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "link", "br", "img", "hr"}
LARGEST = 3_000_000
"""Bytes of a page."""
BESIDE = re.compile(r"[\w.%/-]+\.(json|csv|yaml|html|svg|pdb)")
"""Files of the same folder that a page may name."""


class Page(HTMLParser):
    """Collects elements, ids and text; every element must be closed in order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.words, self.scripts = [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        """What is read, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def tags(self, *names):
        """Return the attributes of all elements of these names."""
        return [attributes for tag, attributes in self.elements if tag in names]


def check_page(html):
    """Hold the rules of every report and return its page."""
    assert len(html.encode()) < LARGEST
    page = Page(html)
    _loads_nothing(page, html)
    _is_built_well(page)
    words = re.findall(r"\w+", page.text)
    assert not {"null", "None", "nan", "inf"} & set(words)
    return page


def _loads_nothing(page, html):
    ids = {a["id"] for _, a in page.elements if "id" in a}
    for tag, attributes in page.elements:
        assert tag not in {"iframe", "object", "embed", "img", "base", "form"}
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        link = attributes.get("href") or attributes.get("xlink:href")
        if link is None or (tag == "link" and link == "data:,"):
            continue
        if link.startswith("#"):
            assert link[1:] in ids, link
        elif tag == "a" and not link.startswith("https://"):
            assert BESIDE.fullmatch(link), link
        else:
            assert tag == "a", (tag, link)
    assert "@import" not in html
    assert not re.findall(r"url\((?!#)", html)
    policy = next(a["content"] for a in page.tags("meta") if a.get("http-equiv"))
    allowed = set(re.findall(r"'(sha256-[^']+)'", policy))
    digests = [hashlib.sha256(text.encode()).digest() for text in page.scripts]
    assert {f"sha256-{base64.b64encode(d).decode()}" for d in digests} == allowed


def _is_built_well(page):
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a} <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(low - high <= 1 for high, low in pairwise(levels))
    assert len(page.tags("table")) == len(page.tags("caption"))
    hidden = page.tags("svg")
    assert all(a.get("role") == "img" and a.get("aria-label") for a in hidden)
