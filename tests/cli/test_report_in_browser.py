# SPDX-License-Identifier: MIT
"""Does a real browser show the page without an error and without asking anybody for anything?"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from merrow.campaign.report.page import render_campaign

UNIT = Path(__file__).parents[1] / "unit"
SYNTHETIC = UNIT / "hydration" / "report" / "synthetic_report.py"
CAMPAIGN = UNIT / "campaign" / "test_campaign_results.py"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--virtual-time-budget=8000", "--enable-logging=stderr", "--v=0"),
    # No test leaves this machine. That a page asks is said on the console by its own policy.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


@pytest.fixture(scope="module")
def page():
    """The page of made-up numbers."""
    return runpy.run_path(str(SYNTHETIC))["synthetic_page"]("endpoint", "quick")


def browse(html, folder, *flags):
    """Return the document after loading and what the console said."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    profile = folder / "profile"
    profile.mkdir()
    done = subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={profile}", *flags, path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=os.environ | {"HOME": str(folder)},
    )
    return done.stdout, re.findall(r":CONSOLE[(:]\d+\)?\] (.*)", done.stderr)


def test_the_page_opens_without_console_message_or_request(page, tmp_path):
    document, console = browse(page, tmp_path, "--dump-dom")
    assert console == []
    assert document.count("<svg") == 8
    assert "−3.13 ± 0.09" in document
    assert document.rstrip().endswith("</html>")


def test_the_table_of_a_campaign_sorts_by_its_own_script_alone(tmp_path):
    data = runpy.run_path(str(CAMPAIGN))["synthetic_campaign"]()
    document, console = browse(render_campaign(data), tmp_path, "--dump-dom")
    assert console == []
    begin = document.index('<table class="wide sortable"')
    head = document[begin : document.index("</thead>", begin)]
    assert head.count("<button>") == head.count('<th scope="col"') == 8


def test_a_page_that_asks_a_stranger_or_runs_a_script_is_stopped_and_reported(page, tmp_path):
    strangers = (
        '<img alt="" src="https://example.org/picture.png">'
        '<link rel="stylesheet" href="https://example.org/style.css">'
        '<script src="https://example.org/script.js"></script>'
    )
    _, console = browse(page.replace("</main>", f"{strangers}</main>"), tmp_path, "--dump-dom")
    for name in ("picture.png", "style.css", "script.js"):
        assert any(name in line and "Content Security Policy" in line for line in console), name


def test_the_page_can_be_printed(page, tmp_path):
    paper = tmp_path / "report.pdf"
    browse(page, tmp_path, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    assert paper.read_bytes().startswith(b"%PDF")
