# SPDX-License-Identifier: MIT
"""Settings of the site: `make site` builds it from these pages, with warnings as errors.

The pages are read on the forge too, so their links are relative paths. What lies outside of this
folder (scripts, figures, licences) has no page of its own: such a link leads to the repository.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import merrow

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NOTEBOOKS = ROOT / "examples" / "notebooks"  # docs/notebooks is a copy that the build makes
REPOSITORY = "https://github.com/merrow/merrow"
PAGES = {  # files of the repository's first folder that are pages of the site
    "CHANGELOG.md": "project/changelog.md",
    "CODE_OF_CONDUCT.md": "project/conduct.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
}

project = "merrow"
author = "The merrow developers"
copyright = author  # noqa: A001  (the name that Sphinx reads)
version = release = merrow.__version__

extensions = ["myst_nb"]
exclude_patterns = ["Thumbs.db", "**.ipynb_checkpoints"]
nitpicky = True
highlight_language = "text"
myst_heading_anchors = 4
nb_execution_mode = "off"  # the tests execute the notebooks; what is committed is shown

html_theme = "furo"  # it brings its fonts and scripts: a page asks no other machine for anything
html_title = f"merrow {release}"
html_show_sphinx = False
html_copy_source = False

LINK = re.compile(r"(\]\()([^)\s]+)(\))")


shutil.copytree(
    NOTEBOOKS, HERE / "notebooks", dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*")
)


def lead_out(page: Path, text: str) -> str:
    """Return a page in which links to files without a page lead to the repository.

    Args:
        page: Where the text stands, from which its links are counted.
        text: The page, in Markdown.
    """

    def target(match: re.Match[str]) -> str:
        link, _, anchor = match[2].partition("#")
        if not link or re.match(r"[a-z]+:", link):
            return match[0]
        aim = (page.parent / link).resolve()
        ending = f"#{anchor}" if anchor else ""
        for folder, place in ((NOTEBOOKS, "/notebooks/"), (HERE, "/")):
            if aim.is_relative_to(folder) and aim.suffix:
                return f"{match[1]}{place}{aim.relative_to(folder).as_posix()}{ending}{match[3]}"
        inside = aim.relative_to(ROOT).as_posix()
        if inside in PAGES:
            return f"{match[1]}/{PAGES[inside]}{ending}{match[3]}"
        kind = "tree" if aim.is_dir() else "blob"
        return f"{match[1]}{REPOSITORY}/{kind}/main/{inside}{ending}{match[3]}"

    return LINK.sub(target, text)


def _read(app: Any, name: str, content: list[str]) -> None:
    content[0] = lead_out(Path(app.env.doc2path(name)), content[0])


def _included(_app: Any, relative: Path, _parent: str, content: list[str]) -> None:
    page = (HERE / relative).resolve()
    content[0] = lead_out(page, content[0])


def setup(app: Any) -> None:
    """Let the links of every page lead somewhere."""
    app.connect("source-read", _read)
    app.connect("include-read", _included)
