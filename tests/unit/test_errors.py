# SPDX-License-Identifier: MIT
"""Does every failure carry the exit code that the documents promise?"""

from __future__ import annotations

import inspect
import pickle

import pytest

from merrow import errors

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.MerrowError, 1),
        (errors.NumericsError, 1),
        (errors.InputError, 2),
        (errors.UnsupportedPhysicsError, 2),
        (errors.MissingComponentError, 2),
        (errors.IncompleteError, 3),
    ],
)
def test_exit_code_is_the_documented_one(kind: type[errors.MerrowError], code: int) -> None:
    assert kind.exit_code == code


@pytest.mark.parametrize("kind", ALL)
def test_one_except_clause_catches_every_failure(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.MerrowError)


@pytest.mark.parametrize("kind", ALL)
def test_failure_comes_back_whole_from_another_process(kind: type[Exception]) -> None:
    sentence = "gas.prmtop has 6 atoms but gas.inpcrd has 7; give two files of one molecule."
    returned = pickle.loads(pickle.dumps(kind(sentence)))
    assert type(returned) is kind
    assert str(returned) == sentence


def test_refused_physics_and_missing_parts_count_as_bad_input() -> None:
    assert issubclass(errors.UnsupportedPhysicsError, errors.InputError)
    assert issubclass(errors.MissingComponentError, errors.InputError)
