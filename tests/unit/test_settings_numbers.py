# SPDX-License-Identifier: MIT
"""Do settings take numbers where numbers are meant, and nothing that only looks like one?"""

from __future__ import annotations

from typing import Literal

import pytest
import yaml
from pydantic import Field

from merrow.errors import InputError
from merrow.settings import Settings, read_value


class Asked(Settings):
    """Settings of every kind with a number in it."""

    steps: int = 1
    time: float | None = None
    version: Literal[1, 2] = 2
    values: tuple[float, ...] = ()
    by_name: dict[str, float | None] = Field(default_factory=dict)
    switch: bool = False
    either: bool | float = False


class Named(Settings):
    """Settings with a text."""

    name: str


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


@pytest.mark.parametrize(
    ("text", "value"),
    [("010", 10), ("08", 8), ("1e3", 1000), ("1.5e-3", 0.0015), (".5", 0.5), ("+3", 3), ("-0", 0)],
)
def test_a_number_is_read_as_it_looks(text, value):
    assert Asked.from_yaml(f"time: {text}", source="asked.yaml").time == value
    assert read_value(text) == value


@pytest.mark.parametrize("text", ["12:00:00", "1:30", "0x10", "2026-01-01", "!!int x", "1__0"])
def test_what_only_yaml_of_old_takes_for_a_number_is_refused(text):
    with pytest.raises(InputError):
        Asked.from_yaml(f"time: {text}", source="asked.yaml")


@pytest.mark.parametrize("name", ["NO", "no", "on", "Y", "1e5", "08", "010", "1:30", "true", "~"])
def test_a_name_stays_a_name(name):
    """Hydroxylamine is NO in SMILES; molecules of tables have numbers for names."""
    written = Named(name=name).to_yaml()
    assert Named.from_yaml(written, source="named.yaml").name == name
    assert yaml.safe_load(written) == {"name": name}


def test_hydroxylamine_needs_no_quotes():
    assert Named.from_yaml("name: NO", source="named.yaml").name == "NO"


@pytest.mark.parametrize("text", ["[1", "a: b: c", "!!int x", "[" * 5000])
def test_a_value_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="is not a value in YAML"):
        read_value(text)
