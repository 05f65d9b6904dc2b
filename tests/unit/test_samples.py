# SPDX-License-Identifier: MIT
"""Does the table between simulation and analysis keep its rows together?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merrow.errors import MerrowError
from merrow.samples import ROW_FIELDS, LambdaState, WindowSamples, concatenate

STATES = (LambdaState(1.0, 1.0), LambdaState(0.5, 1.0), LambdaState(0.0, 1.0))


def table(n: int, *, first: int = 0) -> WindowSamples:
    """Return n rows whose every column tells the row's number, counted from `first`."""
    row = np.arange(first, first + n)
    real = row.astype(np.float64)
    return WindowSamples(
        states=STATES,
        temperature=298.15,
        repeat=row % 2,
        replica=row % 3,
        state=row % len(STATES),
        time=0.8 * real,
        u=real[:, None] + np.arange(len(STATES)),
        dvdl=np.stack([real, -real], axis=1),
        internal=real - 100.0,
        spread=np.full(n, np.nan),
        volume=real + 9.0,
        size_slope=real / 7.0,
    )


def assert_same_rows(left: WindowSamples, right: WindowSamples) -> None:
    """Fail unless both tables hold the same rows in the same order."""
    assert left.states == right.states
    assert left.temperature == right.temperature
    for name in ROW_FIELDS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def test_every_column_of_rows_is_named_in_row_fields() -> None:
    columns = set(WindowSamples.__dataclass_fields__) - {"states", "temperature"}
    assert set(ROW_FIELDS) == columns


def test_length_is_the_number_of_rows() -> None:
    assert len(table(7)) == 7
    assert len(table(0)) == 0


@given(st.lists(st.integers(min_value=0, max_value=5), min_size=1, max_size=5))
def test_tables_cut_from_one_come_back_as_that_one(lengths: list[int]) -> None:
    starts = np.concatenate([[0], np.cumsum(lengths)])
    parts = [table(n, first=int(s)) for n, s in zip(lengths, starts[:-1], strict=True)]
    assert_same_rows(concatenate(parts), table(sum(lengths)))


@given(st.lists(st.booleans(), max_size=12))
def test_a_mask_and_its_complement_split_the_rows(chosen: list[bool]) -> None:
    mask = np.array(chosen, dtype=bool)
    whole = table(len(mask))
    kept, rest = whole.select(mask), whole.select(~mask)
    assert len(kept) + len(rest) == len(whole)
    np.testing.assert_array_equal(kept.internal, whole.internal[mask])
    np.testing.assert_array_equal(rest.u, whole.u[~mask])


def test_where_keeps_all_columns_of_the_chosen_row() -> None:
    chosen = table(5).select(np.array([False, False, False, True, False]))
    assert_same_rows(chosen, table(1, first=3))


def test_where_leaves_the_original_alone() -> None:
    whole = table(4)
    whole.select(np.zeros(4, dtype=bool))
    assert_same_rows(whole, table(4))


@pytest.mark.parametrize(("column", "shape"), [("u", (4, 2)), ("u", (3, 3)), ("dvdl", (4, 3))])
def test_a_column_of_another_shape_is_refused(column: str, shape: tuple[int, int]) -> None:
    with pytest.raises(MerrowError, match=r"4 rows and 3 states"):
        replace(table(4), **{column: np.zeros(shape)})


def test_nothing_cannot_be_put_together() -> None:
    with pytest.raises(MerrowError, match="no samples"):
        concatenate([])


def test_samples_of_another_temperature_are_not_pooled() -> None:
    with pytest.raises(MerrowError, match="temperatures"):
        concatenate([table(2), replace(table(2), temperature=300.0)])


def test_samples_of_another_schedule_are_not_pooled() -> None:
    other = (LambdaState(1.0, 1.0), LambdaState(0.25, 1.0), LambdaState(0.0, 1.0))
    with pytest.raises(MerrowError, match="schedules"):
        concatenate([table(2), replace(table(2), states=other)])
