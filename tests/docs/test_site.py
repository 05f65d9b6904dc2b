# SPDX-License-Identifier: MIT
"""Do the pages become a site without a warning, whose links lead somewhere, without a network?"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKED = re.compile(r"<(?:script|link|img|iframe|source|video)\b[^>]*?(?:src|href)=\"([^\"]+)\"")
IMPORTED = re.compile(r"(?:@import\s*|url\()[\s\"']*([^\"')\s]+)")
LINK = re.compile(r"<a\b[^>]*?href=\"([^\"]+)\"")
ANCHOR = re.compile(r"\bid=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site as `make site` builds it."""
    folder = tmp_path_factory.mktemp("site")
    words = ["-q", "-W", "--keep-going", "-n", "-b", "html", "-d", str(folder / "trees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words, str(ROOT / "docs"), str(folder / "html")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.mark.slow  # Sphinx reads all pages
def test_no_page_asks_another_machine_for_anything(site):
    asked = [
        f"{page.relative_to(site)}: {address}"
        for page in site.rglob("*.html")
        for address in ASKED.findall(page.read_text(encoding="utf-8"))
        if re.match(r"(?:https?:)?//", address)
    ]
    asked += [
        f"{style.relative_to(site)}: {address}"
        for style in site.rglob("*.css")
        for address in IMPORTED.findall(style.read_text(encoding="utf-8"))
        if re.match(r"(?:https?:)?//", address)
    ]
    assert not asked


@pytest.mark.slow  # Sphinx reads all pages
def test_every_link_within_the_site_leads_to_a_place(site):
    pages = {page.resolve(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    anchors = {page: set(ANCHOR.findall(text)) for page, text in pages.items()}
    lost = []
    for page, text in pages.items():
        for address in LINK.findall(text):
            if re.match(r"[a-z]+:|//", address):
                continue
            name, _, anchor = unquote(address).partition("#")
            aim = (page.parent / name).resolve() if name else page
            if not aim.exists() or (anchor and aim in anchors and anchor not in anchors[aim]):
                lost.append(f"{page.relative_to(site)}: {address}")
    assert len(pages) > 60
    assert not lost
