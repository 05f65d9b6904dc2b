# SPDX-License-Identifier: MIT
"""What do `reference/cli.md` and `reference/run-yaml.md` say? Made from the code: run me after it.

    python docs/generate.py

A test compares the pages with the code, so that they cannot fall behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mlmm.cli.main import app
from mlmm.config.base import Settings
from mlmm.config.hydration import HydrationConfig, Source
from mlmm.config.protocol import PROTOCOLS, Protocol, Schedule

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py; change the code's help texts instead. -->\n"


def cli_page() -> str:
    """Return the page of all commands with their arguments and options."""
    lines = [
        MADE,
        "# The command line\n",
        "Exit codes: 0 done; 1 failed (what was finished is kept); 2 bad input, with one sentence",
        "that says what is wrong, and nothing written; 3 stopped before the end, by Ctrl-C or",
        "SIGTERM: give the same command again to go on.\n",
        "Progress and errors go to stderr, results to stdout. `mlmm --verbose ...` tells more, and",
        "where an error happened; `mlmm --version` names the version.\n",
    ]
    root = typer.main.get_command(app)
    for name, command in _commands(root, "mlmm"):
        lines += [f"## `{name}`\n", f"{(command.help or '').strip()}\n"]
        rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            lines += ["| argument or option | meaning | default |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def run_file_page() -> str:
    """Return the page of all keys of run.yaml, and the table of protocols."""
    lines = [
        MADE,
        "# `run.yaml`\n",
        "Every run folder holds this file: everything that was asked, resolved; paths in it are",
        "relative to the folder. `mlmm init hydration` prints one with the defaults, `mlmm run",
        "run.yaml` runs it. A key that is not named here is refused.\n",
    ]
    parts: tuple[tuple[str, type[Settings]], ...] = (
        ("The file", HydrationConfig),
        ("`source`", Source),
        ("`protocol`", Protocol),
        ("`protocol.schedule`", Schedule),
    )
    for title, model in parts:
        lines += [f"## {title}\n", "| key | meaning | default | allowed |", "|---|---|---|---|"]
        lines += list(_keys(model))
        lines.append("")
    names = tuple(PROTOCOLS)
    lines += ["## The named protocols\n", f"| key | {' | '.join(names)} |", "|---" * 5 + "|"]
    for key in Protocol.model_fields:
        if key not in ("name", "schedule"):
            values = (_plain(getattr(PROTOCOLS[name], key)) for name in names)
            lines.append(f"| `{key}` | {' | '.join(values)} |")
    states = (f"{len(p.schedule.states)} states" for p in PROTOCOLS.values())
    lines += [f"| `schedule` | {' | '.join(states)} |", ""]
    lines.append("Why these numbers: [protocols](../explanation/protocols.md).\n")
    return "\n".join(lines)


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, child in inner.items():
        yield from _commands(child, f"{name} {word}")


def _row(parameter: Any) -> str:
    options = getattr(parameter, "opts", [])
    argument = parameter.param_type_name == "argument"
    shown = (parameter.name or "").upper() if argument else ", ".join(options)
    text = (getattr(parameter, "help", None) or "").replace("|", "\\|")
    default = parameter.default
    if parameter.required:
        told = "required"
    else:
        told = "" if default in (None, False) or callable(default) else f"`{default}`"
    return f"| `{shown}` | {text} | {told} |"


def _keys(model: type[Settings]) -> Iterator[str]:
    schema = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        text = " ".join((field.description or "").split()).replace("|", "\\|")
        told = "required" if field.is_required() else _plain(field.default)
        yield f"| `{name}` | {text} | {told} | {_allowed(schema[name])} |"


def _plain(value: Any) -> str:
    if isinstance(value, Settings):
        name = getattr(value, "name", "")
        return f"that of `{name}`" if name else "as below"
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return "`null`" if value is None else f"`{value}`"


def _allowed(schema: dict[str, Any]) -> str:
    """Return kind and limits of a value in words."""
    choices = [schema, *schema.get("anyOf", [])]
    words = []
    for part in choices:
        if "enum" in part or "const" in part:
            words.append(" or ".join(f"`{v}`" for v in part.get("enum", [part.get("const")])))
        elif "type" in part:
            limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤"}
            limits["exclusiveMaximum"] = "<"
            bounds = [f"{sign} {part[key]:.10g}" for key, sign in limits.items() if key in part]
            kind = {"string": "text", "array": "list"}.get(part["type"], part["type"])
            words.append(" ".join((kind, ", ".join(bounds))).strip())
    return " or ".join(words) if words else "keys as below"


def main() -> None:
    """Write both pages."""
    (REFERENCE / "cli.md").write_text(cli_page(), encoding="utf-8")
    (REFERENCE / "run-yaml.md").write_text(run_file_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
