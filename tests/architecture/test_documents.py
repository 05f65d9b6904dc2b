# SPDX-License-Identifier: MIT
"""Do the documents lead somewhere, and speak of the project alone?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from source import ROOT, SOURCE

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)

PUBLISHED = ("src", "docs", "examples", "benchmarks", "tests", "native", ".ci", ".github")
# Assembled here, so that this file does not contain what it looks for.
FOREIGN = re.compile(r"(?<![\w.~])/(?:" + "|".join(("home", "root", "tmp", "opt", "work")) + r")\b")


def published_files() -> list[Path]:
    """Return every file of ours that could speak of the machine that it was written on."""
    below = [p for folder in PUBLISHED for p in (ROOT / folder).rglob("*") if p.is_file()]
    top = [p for p in ROOT.iterdir() if p.is_file() and p.name != ".git"]
    made = ("__pycache__", "egg-info")
    return sorted(p for p in below + top if not any(word in p.as_posix() for word in made))


def relative_links(document: Path) -> list[str]:
    """Return where a document points to inside the repository, without code and anchors."""
    prose = FENCE.sub("", document.read_text(encoding="utf-8"))
    targets = [target.partition("#")[0] for target in LINK.findall(prose)]
    return [t for t in targets if t and not re.match(r"[a-z]+:", t)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    lost = [t for t in relative_links(document) if not (document.parent / t).exists()]
    assert not lost, f"{document.relative_to(ROOT)} points to {lost}"


def test_files_speak_of_the_project_alone() -> None:
    told = []
    for path in published_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # binary
        told += [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(lines, start=1)
            if FOREIGN.search(line)
        ]
    assert not told, f"absolute paths of somebody's machine: {told}"


WALKS = re.findall(
    r"^## (The way of [^\n]*)\n(.*?)^## ",
    (ROOT / "docs" / "map.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize(("title", "text"), WALKS, ids=[title for title, _ in WALKS])
def test_a_way_on_the_map_leads_through_files_that_have_these_functions(
    title: str, text: str
) -> None:
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 10, f"{title} has no steps"
    for _, file, functions, *_ in rows:
        source = (SOURCE / file.strip(" `")).read_text(encoding="utf-8")
        lost = [
            name
            for name in re.findall(r"`(\w+)`", functions)
            if not re.search(rf"^ *(def|class) {name}\b", source, re.MULTILINE)
        ]
        assert not lost, f"{title}: {file} has no {lost}"


@pytest.mark.parametrize(("title", "text"), WALKS, ids=[title for title, _ in WALKS])
def test_a_way_on_the_map_says_how_often_it_returns(title: str, text: str) -> None:
    rooms = [line.split("`")[1].split("/")[0] for line in text.splitlines() if line[:3] == "| `"]
    steps = [room for k, room in enumerate(rooms) if k == 0 or room != rooms[k - 1]]
    returns = len(steps) - len(set(steps))
    assert re.search(rf"^{returns} of these steps return to a room", text, re.MULTILINE), (
        f"{title} returns {returns} times"
    )


@pytest.mark.parametrize("code", ["demo", "test"])
def test_the_commands_of_the_readme_are_targets_of_make(code: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^make {code}\b", readme, re.MULTILINE)
    assert re.search(rf"^{code}:", makefile, re.MULTILINE)
