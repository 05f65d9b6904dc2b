# SPDX-License-Identifier: MIT
"""Which small wrong changes can be made to a source file? One operator, constant, statement each.

Strings, annotations and the words of errors are left alone: a test need not hold them.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
"""A boundary, and the opposite."""
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """One changed place of a file.

    Attributes:
        id: Stays the same while the function around it is not rewritten.
        file: Path from the root of the repository.
        line: Line of the change.
        where: Qualified name of the function or class around it.
        kind: What was changed.
        before: Source that is replaced.
        after: What replaces it.
        span: Its first and last byte.
    """

    id: str
    file: str
    line: int
    where: str
    kind: str
    before: str
    after: str
    span: tuple[int, int]

    def applied(self, source: bytes) -> bytes:
        """Return the changed file."""
        begin, end = self.span
        return source[:begin] + self.after.encode() + source[end:]


def mutants(file: str, source: bytes) -> list[Mutant]:
    """Return all mutants of a file, in the order of its lines."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found, seen = [], {}
    for node, where in _places(ast.parse(source), ""):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        before = source[begin:end].decode()
        for kind, after in _changes(node):
            key = (where, kind, before, after)
            seen[key] = seen.get(key, 0) + 1
            name = hashlib.sha256(repr((file, *key, seen[key])).encode()).hexdigest()[:10]
            found.append(Mutant(name, file, node.lineno, where, kind, before, after, (begin, end)))
    return found


def _places(node: ast.AST, where: str) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yield every node that may be changed, with the function around it."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            named = isinstance(child, ast.FunctionDef | ast.ClassDef)
            inside = f"{where}.{child.name}".strip(".") if named else where
            if isinstance(child, ast.expr | ast.stmt):
                yield child, where
            if not isinstance(child, ast.Raise):  # its removal is a mutant, its words are not
                yield from _places(child, inside)


def _changes(node: ast.expr | ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield kinds of change of a node, and its source afterwards."""
    if isinstance(node, ast.expr):
        yield from _other_values(node)
    elif isinstance(node, ast.Return):
        if node.value is not None and ast.unparse(node.value) != "None":
            yield "return", "return None"
    elif isinstance(node, ast.Continue | ast.Break):
        yield "loop", "break" if isinstance(node, ast.Continue) else "continue"
    elif isinstance(node, ast.Raise | ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "removed statement", "pass"


def _other_values(node: ast.expr) -> Iterator[tuple[str, str]]:
    changed = copy.deepcopy(node)
    if isinstance(node, ast.Compare) and isinstance(changed, ast.Compare):
        for k, op in enumerate(node.ops):
            for other in COMPARE[type(op)]:
                changed.ops = [*node.ops[:k], other(), *node.ops[k + 1 :]]
                yield "comparison", f"({ast.unparse(changed)})"
    elif isinstance(node, ast.BinOp) and isinstance(changed, ast.BinOp):
        if type(node.op) in ARITHMETIC and not _is_text(node.left):
            changed.op = ARITHMETIC[type(node.op)]()
            yield "operator", f"({ast.unparse(changed)})"
    elif isinstance(node, ast.BoolOp) and isinstance(changed, ast.BoolOp):
        changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and or", f"({ast.unparse(changed)})"
    elif isinstance(node, ast.UnaryOp):
        yield "sign or not", f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant):
        yield from _other_constants(node.value)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)


def _other_constants(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, bool):
        yield "constant", repr(not value)
    elif isinstance(value, int):
        yield "constant", repr(value + 1)
    elif isinstance(value, float):
        yield "constant", repr(value * 1.1 if value else 1.0)
