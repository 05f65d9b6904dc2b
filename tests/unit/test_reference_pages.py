# SPDX-License-Identifier: MIT
"""Do the generated pages of the reference say what the code says?"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from pydantic import Field

from merrow.settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def generator():
    """The script that makes the pages."""
    return runpy.run_path(str(DOCS / "generate.py"))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("cli.md", "cli_page"),
        ("run-yaml.md", "run_file_page"),
        ("mdin.md", "mdin_page"),
        ("python.md", "python_page"),
        ("settings.md", "settings_page"),
        ("conformance.md", "conformance_page"),
    ],
)
def test_the_page_is_what_the_code_says(generator, name, function):
    there = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert generator[function]() == there, "run `python docs/generate.py`"


def test_tables_of_the_page_on_speed_are_the_figures(generator):
    speed = generator["speed"]
    assert speed.speed_page() == speed.PAGE.read_text(encoding="utf-8"), (
        "run `python docs/generate.py`"
    )


@pytest.mark.parametrize("page", sorted((DOCS / "reference").glob("*.md")), ids=lambda p: p.name)
def test_no_page_shows_a_value_of_a_library_as_a_default(page):
    assert not re.findall(r"PydanticUndefined|<factory>|<class |<object| at 0x", page.read_text())


def test_a_default_that_is_made_is_shown_as_what_it_is(generator):
    class Asked(Settings):
        names: dict[str, str] = Field(default_factory=lambda: {"name": "id"})

    assert "| `{'name': 'id'}` |" in next(generator["_keys"](Asked))
