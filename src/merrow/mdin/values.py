# SPDX-License-Identifier: MIT
"""Validation of namelist values: known keys, correct types, supported values."""

from __future__ import annotations

import difflib
from typing import Any

from merrow.errors import InputError
from merrow.mdin.keys import TABLES, Key
from merrow.mdin.namelist import Entry, Group, Mdin, Value

Values = dict[str, Any]


def check_groups(mdin: Mdin) -> None:
    """Refuse unknown namelists.

    Raises:
        InputError: A namelist is unknown.
    """
    for group in mdin.groups:
        if group.name not in TABLES:
            raise InputError(_unknown_group(mdin.source, group))


def defaults(name: str) -> Values:
    """Return the default values of a namelist; None if they follow from other keys."""
    return {key: known.default for key, known in TABLES[name].items()}


def judged(source: str, group: Group, notes: list[str]) -> Values:
    """Return all values of a namelist, including defaults; keys without effect add a note."""
    table = TABLES[group.name]
    values = defaults(group.name)
    for name, entry in sorted(group.entries.items(), key=lambda item: item[0] != "type"):
        at = f"{source} line {entry.line}: "
        if name not in table:
            close = difflib.get_close_matches(name, table, n=1)
            hint = f"did you mean {close[0]}?" if close else "docs/reference/mdin.md has them all."
            raise InputError(f"{at}&{group.name} has no key {name}: {hint}")
        values[name] = _value(at, name, table[name], entry)
        if table[name].idle:
            notes.append(f"{name} does nothing here: {table[name].meaning}.")
    for name in group.entries:
        needs = table[name].needs
        if needs is not None and values[needs[0]] not in needs[1]:
            wanted = " or ".join(f"{needs[0]}={one}" for one in needs[1])
            notes.append(f"{name} does nothing here: it needs {wanted}.")
    return values


def _value(at: str, name: str, key: Key, entry: Entry) -> Value:
    if len(entry.values) != 1:
        raise InputError(f"{at}{name} has {len(entry.values)} values; give one.")
    value = entry.values[0]
    if key.kind is float and type(value) is int:
        value = float(value)
    if key.kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not key.kind:
        kinds = {int: "a whole number", float: "a number", str: "text between quotes"}
        raise InputError(f"{at}{name} should be {kinds[key.kind]}, got {value!r}.")
    if isinstance(value, str):
        value = value.strip()
    allowed = key.allowed
    if allowed is not None and value not in allowed:
        choices = " or ".join(repr(one) for one in allowed)
        raise InputError(
            f"{at}{name}={value!r} is refused, only {choices} is understood"
            f" ({key.meaning}): {key.refusal or 'choose one of these'}."
        )
    if not isinstance(value, str) and not (
        (key.low is None or value >= key.low) and (key.high is None or value <= key.high)
    ):
        limits = [f"at least {key.low:g}" if key.low is not None else ""]
        limits += [f"at most {key.high:g}" if key.high is not None else ""]
        told = " and ".join(one for one in limits if one)
        raise InputError(f"{at}{name} should be {told}, got {value:g}.")
    return value


def _unknown_group(source: str, group: Group) -> str:
    close = difflib.get_close_matches(group.name, TABLES, n=1)
    hints = {"ani": "the ML region is described in &mlp", "qmmm": "use ifmlp=1 and &mlp"}
    hint = hints.get(group.name) or (f"did you mean &{close[0]}?" if close else "")
    known = ", ".join(f"&{name}" for name in TABLES)
    return (
        f"{source} line {group.line}: &{group.name} is not understood"
        + (f": {hint.rstrip('?.')}" if hint else "")
        + f"; known are {known}."
    )
