# SPDX-License-Identifier: MIT
"""Parser of the namelists of a sander input, with keys, values and line numbers.

f90nml is not used, since it keeps the last of duplicate keys, drops leading digits of names, has no
line numbers, and prints to the terminal for an unclosed quote.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from merrow.errors import InputError

Value = int | float | bool | str

REPEATED = ("wt", "rst")
"""Namelists that may occur more than once in a file."""
REDIRECTIONS = ("LISTIN", "LISTOUT", "DUMPAVE", "DISANG")
"""Keys of lines KEY=file below &wt."""

_OPEN = re.compile(r"[ \t]*[&$](\w+)")
_REDIRECTION = re.compile(r"\s*(\w+)\s*=\s*(\S+)\s*$")
_CARDS = re.compile(r"^ *(RES|ATOM|FIND|SEARCH)[ \t\r]", re.MULTILINE)
"""Groups of atoms in the syntax of older inputs."""
_TOKEN = re.compile(
    r"""(?P<blank>\s+|![^\n]*)
    |(?P<end>/|[&$]end\b)
    |(?P<text>'(?:[^'\n]|'')*'|"(?:[^"\n]|"")*")
    |(?P<equals>=)
    |(?P<comma>,)
    |(?P<word>[^\s,=!'"/&$]+)""",
    re.VERBOSE | re.IGNORECASE,
)
_WHOLE = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([deDE][+-]?[0-9]+)?")
_REPEAT = re.compile(r"([0-9]+)\*([^*]+)")
LONGEST_WHOLE = 18
"""Number of digits of an integer that surely fits into 64 bits."""
MOST_REPEATS = 100_000
"""Maximum number of values that a repetition such as "3*0.5" may expand to."""


@dataclass(frozen=True)
class Entry:
    """The values of a key, in order, and its line number."""

    values: tuple[Value, ...]
    line: int


@dataclass(frozen=True)
class Group:
    """A namelist: its name and keys in lower case, and its first line."""

    name: str
    line: int
    entries: Mapping[str, Entry]


@dataclass(frozen=True)
class Mdin:
    """An input file.

    Attributes:
        source: Name of the file, for messages.
        text: Content of the file.
        title: Its first line, if that is not a namelist.
        groups: Its namelists in order.
        files: Redirections such as DISANG, by key.
    """

    source: str
    text: str
    title: str
    groups: tuple[Group, ...]
    files: Mapping[str, str] = field(default_factory=dict)

    def group(self, name: str) -> Group | None:
        """Return the first namelist of a name, or None."""
        return next((group for group in self.groups if group.name == name), None)


@dataclass
class _Redirections:
    """Lines KEY=file, which sander reads directly below the first &wt type='END' and nowhere else.

    Attributes:
        source: Name of the file, for messages.
        files: File and line by key.
        lost: Key and line of the first one that sander would not read.
        ended: Whether there was a &wt type='END'.
        below: Whether sander would read a redirection here.
        closed: Line on which the last namelist ended.
    """

    source: str
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    lost: tuple[str, int] | None = None
    ended: bool = False
    below: bool = False
    closed: int = 0

    def pass_by(self, group: Group, line: int) -> None:
        """Note a namelist that ends on a line."""
        kind = group.entries["type"].values[0] if "type" in group.entries else ""
        ends = group.name == "wt" and str(kind).upper() == "END"
        self.below, self.closed = ends and not self.ended, line
        self.ended = self.ended or ends

    def add(self, key: str, file: str, line: int) -> None:
        """Add a redirection, or refuse its second one."""
        if key in self.files:
            first = self.files[key][1]
            raise InputError(
                f"{self.source} line {line}: {key} is given twice (first on line {first})."
            )
        if self.lost is None and not (self.below and line > self.closed):
            self.lost = key, line
        self.files[key] = file, line

    def checked(self) -> dict[str, str]:
        """Return the files by key, all of which sander would read."""
        if self.lost is not None:
            key, line = self.lost
            advice = (
                "move it there" if self.ended else "write &wt type='END' / on the line above it"
            )
            raise InputError(
                f"{self.source} line {line}: {key} is not directly below &wt type='END', where "
                f"alone sander reads it; {advice}."
            )
        return {key: file for key, (file, _) in self.files.items()}


def parse_mdin(text: str, *, source: str) -> Mdin:
    """Read the namelists of a sander input, or of a file of &rst restraints.

    Args:
        text: Content of the file.
        source: Name of the file in messages.

    Raises:
        InputError: The text does not consist of namelists, or one is malformed.
    """
    groups: list[Group] = []
    redirections = _Redirections(source)
    title, position, line = "", 0, 1
    while position < len(text):
        opened = _OPEN.match(text, position)
        if opened:
            name = opened[1].lower()
            start = line + text.count("\n", position, opened.start(1))
            position, entries = _read_entries(text, opened.end(), start, f"{source}: &{name}")
            if name not in REPEATED and any(group.name == name for group in groups):
                raise InputError(f"{source} line {start}: there is a second &{name}; keep one.")
            groups.append(Group(name, start, entries))
            line = 1 + text.count("\n", 0, position)
            redirections.pass_by(groups[-1], line)
            rest = text[position:].partition("\n")[0]
            if (behind := _OPEN.match(rest)) and behind[1].lower() != "end":
                raise InputError(
                    f"{source} line {line}: &{behind[1].lower()} begins on the line on which "
                    f"&{name} ends, where sander does not see it; begin it on a line of its own."
                )
            if "=" not in rest:
                position += len(rest)  # words after the end, which Fortran ignores
            continue
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        written = text[position:end].strip()
        words = re.split("[!#]", written)[0].strip()
        if not groups:
            title = title or words
        elif words:
            cards = _CARDS.search(text, position) is not None
            redirections.add(*_redirection(words, source, line, cards=cards), line)
        elif written and line > redirections.closed:
            redirections.below = False  # a comment, at which sander stops
        position, line = end + 1, line + 1
    if not groups:
        raise InputError(f"{source} contains no namelist: it needs a group that begins &cntrl.")
    return Mdin(source, text, title, tuple(groups), redirections.checked())


def _redirection(words: str, source: str, line: int, *, cards: bool) -> tuple[str, str]:
    found = _REDIRECTION.match(words)
    if found and found[1] in REDIRECTIONS:
        return found[1], found[2].strip("'\"")
    if found and found[1].upper() in REDIRECTIONS:
        raise InputError(
            f"{source} line {line}: sander does not read {found[1]} in small letters; write "
            f"{found[1].upper()}={found[2]}."
        )
    if cards:
        raise InputError(
            f"{source} line {line}: {words!r} belongs to a group of restrained or frozen atoms, "
            "which is not read; name its atoms by restraintmask='...', with restraint_wt."
        )
    raise InputError(
        f"{source} line {line}: {words!r} is outside of any namelist; take it out, or close "
        "the namelist before it with a / after its last key."
    )


def _read_entries(
    text: str, position: int, line: int, source: str
) -> tuple[int, Mapping[str, Entry]]:
    """Return the end of the namelist, and its entries."""
    entries: dict[str, Entry] = {}
    values: list[Value] = []
    key, word, at, filled = "", "", line, True
    for kind, token, position_after, here in _tokens(text, position, line, source):
        if word and kind == "equals":
            _store(entries, key, values, at, source)
            key, values, at, word, filled = word.lower(), [], here, "", False
            continue
        if word:
            values += _numbers(word, source, key, at)
            word = ""
            filled = True
        if kind == "end":
            _store(entries, key, values, at, source)
            return position_after, entries
        if kind == "text":
            quote = token[0]
            values.append(token[1:-1].replace(quote * 2, quote))
            filled = True
        elif kind == "word":
            word = token
        elif kind == "comma":
            if not filled:
                raise InputError(f"{source} line {here}: {key or 'a comma'} has an empty value.")
            filled = False
        else:
            raise InputError(f"{source} line {here}: '=' has no key before it.")
    raise InputError(f"{source}: the namelist has no end; close it with a / after its last key.")


def _tokens(
    text: str, position: int, line: int, source: str
) -> Iterator[tuple[str, str, int, int]]:
    """Yield kind, text, end and line of every token."""
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            told = text[position:].splitlines()[0].strip()
            what = "a quote is not closed" if told[0] in "'\"" else "this is not understood"
            raise InputError(f"{source} line {line}: {what}: {told[:40]}.")
        kind = str(found.lastgroup)
        if kind != "blank":
            yield kind, found[0], found.end(), line
        line += found[0].count("\n")
        position = found.end()


def _store(
    entries: dict[str, Entry], key: str, values: list[Value], line: int, source: str
) -> None:
    if not key:
        if values:
            raise InputError(f"{source} line {line}: {values[0]!r} belongs to no key.")
        return
    if not values:
        raise InputError(f"{source} line {line}: {key} has no value.")
    if key in entries:
        first = entries[key].line
        raise InputError(f"{source} line {line}: {key} is given twice (first on line {first}).")
    entries[key] = Entry(tuple(values), line)


def _numbers(word: str, source: str, key: str, line: int) -> list[Value]:
    """Return the values of an unquoted word; "3*0.5" gives three."""
    repeat = _REPEAT.fullmatch(word)
    if repeat:
        if len(repeat[1]) > LONGEST_WHOLE or int(repeat[1]) > MOST_REPEATS:
            told = word[:LONGEST_WHOLE]
            raise InputError(f"{source} line {line}: {key}: {told} repeats a value too often.")
        return int(repeat[1]) * _numbers(repeat[2], source, key, line)
    if _FLOAT.fullmatch(word):
        value = float(re.sub("[dD]", "e", word))
        whole = _WHOLE.fullmatch(word) is not None
        if not math.isfinite(value) or (whole and len(word.lstrip("+-")) > LONGEST_WHOLE):
            told = word[:LONGEST_WHOLE] + "…" * (len(word) > LONGEST_WHOLE)
            raise InputError(f"{source} line {line}: {key}: {told} is too large a number.")
        return [int(word) if whole else value]
    if re.fullmatch(r"\.?(t|true|f|false)\.?", word, re.IGNORECASE):
        return ["t" in word.lower()]
    raise InputError(
        f"{source} line {line}: {key or 'a value'}: {word} is no number; put text between quotes."
    )
