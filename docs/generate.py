# SPDX-License-Identifier: MIT
"""What does the reference say of commands, Python, settings and mdin? Made from the code.

    python docs/generate.py

A test compares the pages with the code, so that they cannot fall behind.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

import merrow
import merrow.potentials
import merrow.testing
from merrow.api.runs import Picture, Plots, Run
from merrow.api.showing import JobResult
from merrow.campaign.config import CampaignConfig
from merrow.cli.main import app
from merrow.executor import ClusterConfig
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS, Protocol, Schedule
from merrow.md.settings import Coupling, MdSettings
from merrow.md.simulate_config import SimulationConfig
from merrow.mdin.keys import TABLES, Key
from merrow.mdin.mlp import Confinement, MlSettings
from merrow.settings import Settings

sys.path.insert(0, str(Path(__file__).resolve().parent))

import speed

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
MADE = "<!-- Made by docs/generate.py; change the code's help texts instead. -->\n"


def cli_page() -> str:
    """Return the page of all commands with their arguments and options."""
    lines = [
        MADE,
        "# The command line\n",
        "Exit codes: 0 done; 1 failed (what was finished is kept); 2 bad input, with one sentence",
        "that says what is wrong, and nothing written; 3 stopped because the time was up, 130 by",
        "Ctrl-C, 143 by SIGTERM: the message says how to go on, mostly with the same command.\n",
        "Progress and errors go to stderr, results to stdout. `merrow --verbose ...` prints more,",
        "and where an error happened; `merrow --version` names the version.\n",
    ]
    root = typer.main.get_command(app)
    for name, command in _commands(root, "merrow"):
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
        "relative to the folder. `merrow init hydration` prints one with the defaults, `merrow run",
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


def mdin_page() -> str:
    """Return the page of all keys of sander's namelists: what each does, or why it is refused."""
    lines = [
        MADE,
        "# `mdin`, key by key\n",
        "What `merrow md` does with each key of a sander input. **Honoured** keys do what sander's",
        "manual says, or what is said here where it differs. **Noted** keys are accepted, do",
        "nothing here, and mdout says so with the reason. **Refused** keys pass only with the",
        "value that leaves their feature off. A key that is not in this table, given twice, or of",
        "another type is refused with its line; so are keys that contradict each other. A key that",
        "needs another one is noted where that is missing. How to use them:",
        "[how-to](../how-to/md.md).\n",
    ]
    for group, table in TABLES.items():
        lines += [f"## `&{group}`\n", "| key | default | what happens | meaning or reason |"]
        lines += ["|---|---|---|---|", *(_mdin_row(name, key) for name, key in table.items()), ""]
    lines += [
        "Directly below `&wt type='END'`, where alone sander reads it, a line `DISANG=file` names",
        "distance, angle and torsion restraints: `&rst` namelists with `iat` (two to four atoms),",
        "`r1` to `r4`, `rk2`, `rk3`.\n",
    ]
    return "\n".join(lines)


def python_page() -> str:
    """Return the page of all public names."""
    lines = [
        MADE,
        "# Python\n",
        "All names of `import merrow`, which loads each when it is first used. Files may be `str`",
        "or `Path`; settings are keywords. `progress` is False, True for a line on stderr, or a",
        "function that is called with every `merrow.Progress`. Results are frozen; `to_json()`",
        "gives the text that the command prints with `--json`, `to_frame()` a table of pandas, and",
        "a notebook shows them. Errors are `merrow.MerrowError`, or `merrow.InputError` for wrong",
        "input: one sentence. Energies are in kcal/mol and lengths in Å, but in Systems of OpenMM,",
        "which keep its units.",
        "How to use them: [Python](../how-to/python.md).\n",
    ]
    found = {name: getattr(merrow, name) for name in merrow.__all__}
    doors = {
        name: one
        for name, one in found.items()
        if getattr(one, "__module__", "").startswith("merrow.api.")
    }
    for name, one in doors.items():
        lines += _definition(f"merrow.{name}", one, "##")
        lines += _members(name, one)
    for one in (Run, Plots, Picture, JobResult):
        lines += [*_definition(one.__name__, one, "##"), *_members(one.__name__, one)]
    for name in sorted(found.keys() - doors.keys()):
        lines += _further(f"merrow.{name}", found[name])
    lines += [
        "# For those who add a potential\n",
        "Names of `merrow.potentials` and `merrow.testing`, for",
        "[a potential of your own](../tutorials/new-potential.md).\n",
    ]
    for module in (merrow.potentials, merrow.testing):
        for name in module.__all__:
            if name not in found:
                lines += _further(f"{module.__name__}.{name}", getattr(module, name))
    return "\n".join([*lines, ""])


def settings_page() -> str:
    """Return the page of the settings of dynamics, campaigns and clusters."""
    lines = [
        MADE,
        "# Settings of dynamics, campaigns and clusters\n",
        "Keys of the files that these commands write and read, and fields of the classes in",
        "Python. A key that is not named here is refused. Those of a hydration free energy are in",
        "[run.yaml](run-yaml.md), those of a sander input in [mdin, key by key](mdin.md).\n",
    ]
    parts: tuple[tuple[str, str, type[Settings]], ...] = (
        ("`simulate.yaml`", "What `merrow simulate` was asked.", SimulationConfig),
        ("`campaign.yaml`", "What `merrow campaign run` was asked.", CampaignConfig),
        ("A cluster file", "`merrow cluster init` writes one.", ClusterConfig),
        ("`merrow.MdSettings`", "A run of `merrow md`, without an input file.", MdSettings),
        ("`MdSettings.ml`", "The ML region; `&mlp` of a sander input.", MlSettings),
        ("`MdSettings.ml.confinement`", "The wall of `mlp_confine`.", Confinement),
        ("`MdSettings.coupling`", "One state of a coupling path.", Coupling),
    )
    for title, about, model in parts:
        lines += [f"## {title}\n", f"{about}\n"]
        lines += ["| key | meaning | default | allowed |", "|---|---|---|---|", *_keys(model), ""]
    return "\n".join(lines)


def conformance_page() -> str:
    """Return the page of what programs do with forces, images, charge and cuts, as measured."""
    measured = json.loads((ROOT / "benchmarks/results/conformance.json").read_text())
    same = measured["same_kcal"]
    lines = [
        "<!-- Made by docs/generate.py from benchmarks/results/conformance.json. -->\n",
        "# What programs do with a network in an OpenMM System\n",
        "The same Systems and the same weights went to both programs; every cell is an answer that",
        "[`benchmarks/conformance.py`](../../benchmarks/conformance.py) found",
        "([figures](../../benchmarks/results/conformance.json), with all versions). What each",
        "column asks:\n",
        "- **forces / slope**: the largest force on an atom of methanol over the fall of E_ML",
        "  along it; 1 if forces are the slope of the energy.",
        "- **cut by the box**: E_ML [kcal/mol] of a molecule that the wall of the box cuts, minus",
        "  that of the molecule whole.",
        "- **in the box − alone**: E_ML [kcal/mol] in a box of 22 Å minus what the model says of",
        "  the molecule by itself. Not zero where a network sees images, or changes its Coulomb",
        "  sum.",
        "- **acetate**: what becomes of the charge of −1 e in the System.",
        "- **cut bond**: what becomes of a methyl group that is cut off a dipeptide.\n",
        "| model | program | forces / slope | cut by the box | in the box − alone | acetate "
        "| cut bond |",
        "|---" * 7 + "|",
    ]
    for row in measured["rows"]:
        cells = [row["model"], row["peer"], _number(row["slope"], ".2f")]
        cells += [_number(row["images"], "+.2f"), _number(row["alone"], "+.2f")]
        cells += [_of_charge(row["charge"], same), _of_link(row["link"], same)]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "The package `aimnet` sums Coulomb interactions with a cutoff as soon as it gets a box,",
        "hence its difference. openmm-ml caps a cut bond with a particle of its own, so",
        "that topology and positions change; merrow adds none. amber-mlips, which works between",
        "sander and a network, is compared in",
        "[ML/MM in your own sander](../how-to/sander.md#speed).",
        "",
    ]
    return "\n".join(lines)


def _number(value: float | dict[str, str], form: str) -> str:
    """Return a measured number, or the sentence with which the program stopped."""
    if isinstance(value, dict):
        return _stops(value)
    return f"{round(value, 2) + 0.0:{form}}".replace("-", "−")


def _stops(found: dict[str, str]) -> str:
    return f"stops: {found['stops'].partition(': ')[2].split(';')[0].split('. ')[0]}"


def _of_charge(found: dict[str, Any], same: float) -> str:
    """Return in words what becomes of the charge of an anion."""
    plain, model = found["not told"], found["the model"]
    if isinstance(plain, dict):
        return "refused" if "net charge" in plain["stops"] else _stops(plain)
    if isinstance(model, dict):
        return "computed as if it had none, without a word"
    if abs(plain - model) < same:
        return "taken from the System"
    told = found["told -1"]
    right = not isinstance(told, dict) and abs(told - model) < same
    return "taken as 0 unless `charge=-1` is given" if right else "not understood"


def _of_link(found: dict[str, Any], same: float) -> str:
    """Return in words what becomes of a region that cuts a bond."""
    if "stops" in found:
        return _stops(found)
    capped = abs(found["e_ml"] - found["methane"]) < same
    return f"capped with H at {found['bond_angstrom']:.2f} Å" if capped else "another molecule"


def _further(name: str, one: Any) -> list[str]:
    """Return the entry of a further name; settings have a page of their own."""
    if isinstance(one, Mapping):
        return [f"## `{name}`\n", f"A mapping of {', '.join(f'`{key}`' for key in one)}.\n"]
    if inspect.isclass(one) and issubclass(one, Settings):
        page = "run-yaml.md" if one is Protocol else "settings.md"
        about = (inspect.getdoc(one) or "").split("\n\n")[0]
        return [f"## `{name}`\n", f"{about} Its fields: [settings]({page}).\n"]
    if not (inspect.isclass(one) or inspect.isfunction(one)):
        return [f"## `{name}`\n", f"A constant: `{one!r}`.\n"]
    return [*_definition(name, one, "##"), *_members(name.rpartition(".")[2], one)]


def _definition(name: str, one: Any, level: str) -> list[str]:
    """Return heading, call and docstring of a class, function or method."""
    lines = [f"{level} `{name}`\n"]
    if inspect.isfunction(one) or (inspect.isclass(one) and "__init__" in vars(one)):
        parameters = inspect.signature(one).parameters.values()
        shown = [_parameter(p) for p in parameters if p.name != "self"]
        star = [p.kind is p.KEYWORD_ONLY for p in parameters if p.name != "self"]
        if any(star):
            shown.insert(star.index(True), "*")
        call = f"{name.rpartition('.')[2]}({', '.join(shown)})"
        lines += ["```", *textwrap.wrap(call, 100, subsequent_indent="    "), "```\n"]
    return [*lines, "```", inspect.getdoc(one) or "", "```\n"]


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return parameter.name
    default = getattr(parameter.default, "__name__", repr(parameter.default))
    return f"{parameter.name}={default}"


def _members(name: str, one: Any) -> Iterator[str]:
    """Yield the lines of what a class offers: methods and properties of its own."""
    for member_name, member in vars(one).items() if inspect.isclass(one) else ():
        if not member_name.startswith("_") and (
            inspect.isfunction(member) or isinstance(member, property | cached_property)
        ):
            yield from _definition(f"{name}.{member_name}", member, "###")


def _mdin_row(name: str, key: Key) -> str:
    default = "" if key.default is None else f"`{key.default!r}`"
    limits = [f"≥ {key.low:g}" if key.low is not None else ""]
    limits += [f"≤ {key.high:g}" if key.high is not None else ""]
    told = "noted" if key.idle else "honoured"
    if key.allowed is not None:
        values = " or ".join(f"`{value!r}`" for value in key.allowed)
        told = f"honoured: {values}" if len(key.allowed) > 1 else f"refused unless {values}"
    elif any(limits):
        told += f", {' and '.join(one for one in limits if one)}"
    reason = key.meaning + (f"; otherwise: {key.refusal}" if key.refusal else "")
    if key.needs is not None:
        wanted = " or ".join(f"{key.needs[0]}={value}" for value in key.needs[1])
        reason += f" (needs {wanted})"
    return f"| `{name}` | {default} | {told} | {reason} |".replace("  ", " ")


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
        default = field.get_default(call_default_factory=True)
        told = "required" if field.is_required() else _plain(default)
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
    """Write the pages."""
    (REFERENCE / "cli.md").write_text(cli_page(), encoding="utf-8")
    (REFERENCE / "run-yaml.md").write_text(run_file_page(), encoding="utf-8")
    (REFERENCE / "python.md").write_text(python_page(), encoding="utf-8")
    (REFERENCE / "conformance.md").write_text(conformance_page(), encoding="utf-8")
    (REFERENCE / "settings.md").write_text(settings_page(), encoding="utf-8")
    (REFERENCE / "mdin.md").write_text(mdin_page(), encoding="utf-8")
    speed.PAGE.write_text(speed.speed_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
