# SPDX-License-Identifier: MIT
"""Can alchemlyb work with our tables, in memory and from disk?"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from alchemlyb.estimators import BAR, MBAR, TI
from alchemlyb.parsing.parquet import extract_dHdl, extract_u_nk

from merrow.errors import NumericsError
from merrow.free_energy.frames import U_CLIP, dhdl, relative_potential, storable, u_nk
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.report.build import _inefficiencies
from merrow.samples import LambdaState


def test_tables_say_temperature_and_unit_and_name_their_levels(path):
    for table in (u_nk(path()), dhdl(path())):
        assert table.attrs == {"temperature": 300.0, "energy_unit": "kT"}
        assert table.index.names == ["time", "coul-lambda", "vdw-lambda"]
    assert u_nk(path()).columns[1] == (0.5, 1.0)
    assert list(dhdl(path()).columns) == ["coul", "vdw"]


def test_alchemlyb_reads_u_nk_back_from_parquet_and_gets_the_same_free_energy(path, tmp_path):
    table = u_nk(path())
    storable(table).to_parquet(tmp_path / "u_nk.parquet")
    back = extract_u_nk(tmp_path / "u_nk.parquet", 300.0)
    pd.testing.assert_frame_equal(back, table)
    assert back.attrs == table.attrs
    for estimator in (MBAR, BAR):
        ours, theirs = estimator().fit(table).delta_f_, estimator().fit(back).delta_f_
        assert np.array_equal(ours, theirs)


def test_alchemlyb_reads_dhdl_back_from_parquet_and_gets_the_same_free_energy(path, tmp_path):
    table = dhdl(path())
    storable(table).to_parquet(tmp_path / "dHdl.parquet")
    back = extract_dHdl(tmp_path / "dHdl.parquet", 300.0)
    pd.testing.assert_frame_equal(back, table)
    assert np.array_equal(TI().fit(table).delta_f_, TI().fit(back).delta_f_)


def test_parquet_of_another_temperature_is_refused_by_alchemlyb(path, tmp_path):
    storable(u_nk(path())).to_parquet(tmp_path / "u_nk.parquet")
    with pytest.raises(ValueError, match="300"):
        extract_u_nk(tmp_path / "u_nk.parquet", 310.0)


def test_overlapping_atoms_in_a_foreign_state_become_the_clip(path):
    samples = path()
    samples.u[0, 3], samples.u[1, 3], samples.u[2, 3] = np.inf, np.nan, 1e30
    assert np.array_equal(relative_potential(samples)[:3, 3], [U_CLIP] * 3)
    assert np.isfinite(u_nk(samples)).all(axis=None)


def test_constant_of_a_row_does_not_matter(path):
    samples = path()
    shifted = dataclasses.replace(samples, u=samples.u + np.arange(len(samples))[:, None])
    # Rounding of 5e4 + 1e3 in float64, twice.
    np.testing.assert_allclose(relative_potential(shifted), relative_potential(samples), atol=1e-10)


def test_energy_that_is_not_finite_in_its_own_state_is_refused(path):
    samples = path()
    samples.u[0, 0] = np.nan
    with pytest.raises(NumericsError, match="state 0"):
        u_nk(samples)


def test_derivative_that_is_not_finite_is_refused(path):
    samples = path()
    samples.dvdl[5, 1] = np.inf
    with pytest.raises(NumericsError, match="1 of 1000 samples"):
        dhdl(samples)


def test_the_table_of_inefficiencies_can_be_joined_with_the_samples_by_their_states(tmp_path):
    """λ was rounded to six digits there, which no Gauss-Legendre node of the paper survives."""
    states = tuple(LambdaState(*s) for s in PROTOCOLS["paper"].schedule.states)
    samples = SimpleNamespace(repeat=np.array([0, 0, 1]), states=states)
    g = np.arange(2.0 * len(states)).reshape(2, -1)
    text = _inefficiencies(SimpleNamespace(samples=samples, rows=SimpleNamespace(g=g)))
    (tmp_path / "g.csv").write_text(text)
    back = pd.read_csv(tmp_path / "g.csv")
    assert list(zip(back["coul-lambda"], back["vdw-lambda"], strict=True)) == 2 * [*states]
    assert list(back["rows_per_independent_row"]) == list(g.ravel())
