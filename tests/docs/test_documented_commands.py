# SPDX-License-Identifier: MIT
"""Does every command line of the documents name commands and options that there are?"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import typer

from merrow.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
OLD = ("CHANGELOG.md", "decisions")
"""What speaks of the past."""


def command_lines(text: str) -> list[str]:
    """Return the commands `merrow ...` of the blocks and of the code in the text."""
    blocks = [block.replace("\\\n", " ") for block in FENCE.findall(text)]
    indented = re.findall(r"^    (merrow .*)$", text, re.MULTILINE)
    inline = re.findall(r"`(merrow [^`]*)`", FENCE.sub("", text).replace("\n", " "))
    lines = [line for block in blocks for line in block.splitlines()]
    found = (re.search(r"(?:^|[;&] |MERROW_\S+ )\s*(merrow .*)", line) for line in lines)
    return [match[1] for match in found if match] + indented + inline


def unknown(line: str) -> str:
    """Return what of a command line does not exist; "" if all does."""
    words = shlex.split(re.split(r"[|>&#;]", line.replace("…", ""))[0], posix=True)[1:]
    command = typer.main.get_command(app)
    while words and not words[0].startswith("-") and hasattr(command, "commands"):
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands"):
        return ""  # a group by itself, or its help
    if (command.context_settings or {}).get("ignore_unknown_options"):
        return ""  # flags of sander
    known = {"--help", "-h"}
    for parameter in command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    for word in words:
        name = word.partition("=")[0]
        if re.match(r"--?[A-Za-z]", word) and name not in known:
            return f"no option {name}"
    return ""


def test_commands_and_options_exist() -> None:
    lines = {
        (str(path.relative_to(ROOT)), line)
        for path in DOCUMENTS
        if not any(word in path.parts for word in OLD)
        for line in command_lines(path.read_text(encoding="utf-8"))
    }
    assert len(lines) > 150
    wrong = [f"{page}: {line}: {found}" for page, line in sorted(lines) if (found := unknown(line))]
    assert not wrong
