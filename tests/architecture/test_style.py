# SPDX-License-Identifier: MIT
"""Does every file keep the rules that a reader relies on?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from source import Module, called, modules, nodes

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
SPDX = "# SPDX-License-Identifier: MIT"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

PRODUCT = modules("src")
TESTS = modules("tests")
EVERY = modules("src", "tests", "benchmarks", "examples")


def by_name(files: tuple[Module, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", files, ids=lambda module: module.name)


@by_name(EVERY)
def test_file_opens_with_its_licence_and_its_question(module: Module) -> None:
    # A script may have its interpreter's line first.
    assert SPDX in module.text.splitlines()[:2], f"{module.name} lacks the line {SPDX!r}."
    assert ast.get_docstring(module.tree), f"{module.name} has no module docstring."


@by_name(EVERY)
def test_file_is_short(module: Module) -> None:
    lines = len(module.text.splitlines())
    assert lines <= MAX_FILE_LINES, f"{module.name} has {lines} lines; make two files of it."


@by_name(EVERY)
def test_functions_are_short(module: Module) -> None:
    long = [
        f"{module.at(node)} {node.name} has {length} lines"
        for node in nodes(module, ast.FunctionDef, ast.AsyncFunctionDef)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not long, "; ".join(long)


@by_name(PRODUCT)
def test_product_raises_named_errors_and_never_asserts(module: Module) -> None:
    found = [module.at(node) for node in nodes(module, ast.Assert)]
    assert not found, f"assert vanishes under python -O; raise a named error: {found}"


@by_name(PRODUCT)
def test_every_public_name_is_documented(module: Module) -> None:
    bare = [
        f"{module.at(node)} {node.name}"
        for node in public_definitions(module.tree)
        if not ast.get_docstring(node)
    ]
    assert not bare, f"no docstring: {'; '.join(bare)}"


def public_definitions(parent: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """Yield public functions, classes and their public methods; not what a function hides."""
    for node in parent.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node)


@by_name(TESTS)
def test_no_comparison_is_made_and_then_forgotten(module: Module) -> None:
    comparisons = ("isclose", "allclose", "approx", "array_equal", "equal")
    forgotten = [
        module.at(node)
        for node in nodes(module, ast.Expr)
        if isinstance(node.value, ast.Call) and called(node.value).split(".")[-1] in comparisons
    ]
    assert not forgotten, f"a comparison without assert cannot fail: {forgotten}"


def test_test_files_have_names_of_their_own() -> None:
    # pytest imports them by their last name, and would leave out the second of two
    names = [module.name.rpartition("/")[2] for module in TESTS]
    twice = {name for name in names if names.count(name) > 1 and name.startswith("test_")}
    assert not twice, f"two test files are called {', '.join(sorted(twice))}; rename one."


def test_the_rules_see_the_product() -> None:
    # All tests above pass on an empty list; this one does not.
    assert {module.name for module in PRODUCT} >= {"src/merrow/units.py", "src/merrow/errors.py"}
