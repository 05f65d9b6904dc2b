# SPDX-License-Identifier: MIT
"""Does a test run what each message recommends?

A recommendation is a clause that begins with an imperative ("use ntx=5", "give both", "did you mean
…"). Its key, the first words of the clause, must stand in a table of remedies (`TABLES`), whose
tests are refused with that message and then do what it says; a key that several messages share
needs a row for each. What cannot be run is one of `KINDS`, or stands in `remedies_not_run.txt`
with the reason.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass

from source import ROOT, SOURCE, Module, modules

TABLES = ("*remedies*.py", "test_mask.py")
NOT_RUN = ROOT / "tests" / "architecture" / "remedies_not_run.txt"
VERBS = (
    "add|apply|ask|begin|bring|call|center|choose|close|confine|continue|convert|copy|correct|create|"
    "decrease|delete|edit|enlarge|equilibrate|export|fix|generate|give|go|hold|increase|install|keep|"
    "leave|let|list|make|merge|minimise|move|mutate|name|omit|pass|pip|prepare|provide|put|raise|read|"
    "reduce|remove|rename|reorder|repair|replace|request|resume|restart|restore|retry|run|sample|save|"
    "say|select|separate|set|shorten|shrink|solvate|specify|spell|split|start|state|strip|switch|take|"
    "try|turn|unset|update|upgrade|use|wait|wrap|write"
)
KINDS = {
    "the reader looks for himself": r"(look|see|compare|check|judge|mistrust)\b",
    "a fault of the program, to be told": r"(please )?report it",
    "statistics, held by the tests of the estimators": (
        r"(run|sample|make it) (it )?longer|run (on|at least two)|(add|or add) (a )?states?\b|"
        r"lengthen|take more water|sample intermediate"
    ),
    "needs a download or another program": r"(install|pip|conda|run .?pip|run .?merrow models get)",
    "to go on after a stop: tests/fault, and 200 times by benchmarks/faults.py": (
        r"run the same command|make room|run it again|(begin|start) again from"
    ),
}
CLAUSE = re.compile(
    rf"(?:^|[;:(,`] ?|\b(?:or|and|then|so) )(?P<said>(?:{VERBS})(?=[ ,.;]|$)|did you mean)", re.I
)
WORDS = 4
"""So many words of a clause are its key."""
PLACE = "\N{BLACK SQUARE}"
"""What stands for a value that is filled in."""


@dataclass(frozen=True)
class Recommendation:
    """One clause of one message: where, the message, the words that a row must hold."""

    place: str
    message: str
    key: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The key, in which any text may be filled in."""
        words = [".+?".join(map(re.escape, w.split(PLACE))) for w in self.key.split()]
        return re.compile(r"\s+".join(words), re.IGNORECASE)


def texts(module: Module) -> list[str]:
    """Return the literal texts of a file that are no docstrings, nor help of an option."""
    skipped: set[int] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        if isinstance(node, ast.keyword) and node.arg in ("help", "epilog", "description"):
            skipped |= {id(inner) for inner in ast.walk(node.value)}
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(inner) for inner in ast.walk(node) if inner is not node}
    found = []
    for node in ast.walk(module.tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [v.value if isinstance(v, ast.Constant) else PLACE for v in node.values]
            found.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            found.append(node.value)
    return [" ".join(text.split()) for text in found]


def recommendations() -> list[Recommendation]:
    """Return what the messages of the package recommend."""
    found = []
    for module in modules("src"):
        name = module.path.relative_to(SOURCE).as_posix()
        for text in texts(module):
            for match in CLAUSE.finditer(text):
                begin = match.start("said")
                clause = re.split(r"[;.(]( |$)|, or | or | so ", text[begin:])[0]
                key = " ".join(clause.split()[:WORDS]).rstrip(",:`'?")
                fixed = [w for w in key.split() if re.search(r"\w", w.replace(PLACE, ""))]
                if len(fixed) < 2:
                    key = " ".join([*text[:begin].split()[-3:], key])
                found.append(Recommendation(name, text, key))
    return found


def rows() -> list[str]:
    """Return the texts of the tables of remedies."""
    paths = {path for pattern in TABLES for path in (ROOT / "tests").rglob(pattern)}
    mine = [m for m in modules("tests") if m.path in paths and m.path.name != "test_remedies.py"]
    return [text for module in mine for text in texts(module)]


def excused() -> dict[tuple[str, str], str]:
    """Return the reasons of `remedies_not_run.txt` by place and key."""
    lines = [line.split(" | ") for line in NOT_RUN.read_text().splitlines() if " | " in line]
    return {(place, key): why for place, key, why in lines}


def unrun() -> dict[tuple[str, str], str]:
    """Return the messages, by place and key, whose recommendation no test runs."""
    told, excuses = rows(), excused()
    messages = defaultdict(set)
    for one in recommendations():
        kind = any(re.match(kind, one.key, re.IGNORECASE) for kind in KINDS.values())
        if not kind and (one.place, one.key) not in excuses:
            messages[one.key].add((one.place, one.message))
    found = {}
    for key, places in messages.items():
        pattern = Recommendation("", "", key).pattern
        if sum(bool(pattern.search(row)) for row in told) < len(places):
            found |= {(place, key): message for place, message in places}
    return found


def test_what_a_message_recommends_is_run_by_a_test():
    missing = sorted(unrun().items())
    assert not missing, "\n".join(f"{at} | {key} | {message}" for (at, key), message in missing)


def test_no_excuse_has_lost_its_message():
    assert excused().keys() <= {(one.place, one.key) for one in recommendations()}


def test_a_new_recommendation_is_found():
    text = "the box is odd; please use a box that is even, or take none."
    assert [m["said"] for m in CLAUSE.finditer(text.replace("please ", ""))] == ["use", "take"]


if __name__ == "__main__":
    for (place, key), message in sorted(unrun().items()):
        print(f"{place} | {key} | {message[:150]}")
