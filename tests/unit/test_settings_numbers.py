# SPDX-License-Identifier: MIT
"""Do settings take numbers where numbers are meant, and nothing that only looks like one?"""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field

from merrow.errors import InputError
from merrow.settings import Settings


class Asked(Settings):
    """Settings of every kind with a number in it."""

    steps: int = 1
    time: float | None = None
    version: Literal[1, 2] = 2
    values: tuple[float, ...] = ()
    by_name: dict[str, float | None] = Field(default_factory=dict)
    switch: bool = False
    either: bool | float = False


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": True},
        {"time": False},
        {"version": True},
        {"values": [0.5, True]},
        {"by_name": {"a": True}},
    ],
)
def test_true_and_false_are_no_numbers(wrong):
    with pytest.raises(InputError, match="input should be a number, got"):
        Asked.checked(wrong, source="asked.yaml")


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), float("nan")])
@pytest.mark.parametrize("wrong", [lambda x: {"time": x}, lambda x: {"values": [x]}])
def test_a_number_is_finite(value, wrong):
    with pytest.raises(InputError, match="input should be a finite number"):
        Asked.checked(wrong(value), source="asked.yaml")


def test_a_switch_is_true_or_false_and_numbers_are_taken():
    right = {"switch": True, "either": True, "time": 1, "version": 1, "by_name": {"a": None}}
    assert Asked.checked(right, source="asked.yaml").model_dump() == {
        "steps": 1,
        "values": (),
        **right,
    }
