# SPDX-License-Identifier: MIT
"""A prmtop as text in sections of fixed columns, to be written in other ways or with a slip."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

_FORMAT = re.compile(r"%FORMAT\((\d+)([aIEF])(\d+)(?:\.(\d+))?\)")


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        flag: Its name.
        per_line: Fields of a line.
        kind: "a", "I", "E" or "F".
        width: Characters of a field.
        digits: Decimals of a field, or "".
        fields: Its values as they stand.
    """

    flag: str
    per_line: int
    kind: str
    width: int
    digits: str
    fields: tuple[str, ...]

    def text(self, *, comment: str = "", trailing: str = "", end: str = "\n") -> str:
        """Return it as the file has it, with a comment and blanks where they do not matter."""
        digits = f".{self.digits}" if self.digits else ""
        head = [f"%FLAG {self.flag}", f"%FORMAT({self.per_line}{self.kind}{self.width}{digits})"]
        if comment:
            head.insert(1, f"%COMMENT {comment}")
        rows = [
            "".join(self.fields[i : i + self.per_line])
            for i in range(0, len(self.fields), self.per_line)
        ]
        return "".join(line + trailing + end for line in [*head, *(rows or [""])])

    def numbers(self) -> np.ndarray:
        """Return its values as numbers."""
        return np.array([float(f) if self.kind in "EF" else int(f) for f in self.fields])

    def holding(self, values: Sequence[float] | np.ndarray) -> Section:
        """Return it with other values, as its format writes them."""
        if self.kind in "EF":
            fields = [f"{v:{self.width}.{self.digits}{self.kind}}" for v in values]
        else:
            fields = [f"{int(v):{self.width}d}" for v in values]
        return replace(self, fields=tuple(fields))


def sections(text: str) -> dict[str, Section]:
    """Return the sections of a prmtop by their names, in the order of the file."""
    found = {}
    for part in text.split("%FLAG ")[1:]:
        flag, form, *lines = (row for row in part.splitlines() if not row.startswith("%COMMENT"))
        told = _FORMAT.match(form)
        per_line, kind, width = int(told[1]), told[2], int(told[3])
        fields = [
            line[i : i + width].ljust(width) if kind == "a" else line[i : i + width]
            for line in lines
            for i in range(0, len(line) if kind == "a" else len(line.rstrip()), width)
        ]
        found[flag.strip()] = Section(
            flag.strip(), per_line, kind, width, told[4] or "", tuple(fields)
        )
    return found


def written(parts: Mapping[str, Section], **words: str) -> str:
    """Return the text of a prmtop; the words are those of `Section.text`."""
    head = "%VERSION  VERSION_STAMP = V0001.000  DATE = 01/01/26  00:00:00" + words.get("end", "\n")
    return head + "".join(part.text(**words) for part in parts.values())
