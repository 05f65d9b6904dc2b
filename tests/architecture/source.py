# SPDX-License-Identifier: MIT
"""What is written in our files? Read and parsed once for all tests of this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "merrow"


@dataclass(frozen=True)
class Module:
    """One Python file: where it is and what it says."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file; one that cannot be parsed fails only its own tests."""
        return ast.parse(self.text, self.name)

    @property
    def name(self) -> str:
        """Path from the top of the repository, as in a message."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        """Folder below the package, or the file's own name at its top."""
        return self.path.relative_to(SOURCE).parts[0].removesuffix(".py")

    def is_in(self, place: str) -> bool:
        """Whether this is a file of the package, or lies in a folder of it, such as md/nve."""
        inside = self.path.relative_to(SOURCE).with_suffix("").as_posix()
        return inside == place or inside.startswith(f"{place}/")

    def at(self, node: ast.AST) -> str:
        """Return "file:line" of a node."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Return every Python file below some folders of the repository, in order."""
    paths = sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))
    return tuple(Module(path, path.read_text(encoding="utf-8")) for path in paths)


def nodes(module: Module, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of some kinds in a file."""
    return (node for node in ast.walk(module.tree) if isinstance(node, kinds))


def called(node: ast.Call) -> str:
    """Return the dotted name that a call is made by, such as "np.random.rand", or ""."""
    return ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""


def imported(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield each import of a file, at any depth, with the full name of what it brings in."""
    for node in nodes(module, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)
