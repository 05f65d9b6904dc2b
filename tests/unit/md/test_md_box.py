# SPDX-License-Identifier: MIT
"""Are sander's Ewald settings derived as sander derives them, and kept while the box breathes?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erfc

from merrow.amber.coordinates import Coordinates
from merrow.md.box import cell_of, nonbonded_of
from merrow.md.from_mdin import md_settings
from merrow.md.notes import _coarse, _constant
from merrow.md.settings import MdSettings
from merrow.mdin.mlp import MlSettings
from merrow.mdin.namelist import parse_mdin
from merrow.system.pme import FINENESS, ewald_coefficient, grid_points


@pytest.mark.parametrize(("cutoff", "printed"), [(8.0, 0.34864), (9.0, 0.30768)])
def test_the_ewald_coefficient_is_the_one_that_sander_prints(cutoff, printed):
    beta = ewald_coefficient(cutoff, 1e-5)
    assert erfc(beta * cutoff) / cutoff == pytest.approx(1e-5, rel=1e-9)
    assert beta == pytest.approx(printed, abs=5e-6)  # sander prints five decimals


@pytest.mark.parametrize(
    ("length", "points"), [(21.684, 24), (24.0, 24), (24.01, 30), (31.0, 32), (33.0, 36)]
)
def test_the_grid_is_even_and_at_most_one_angstrom_wide(length, points):
    assert grid_points(length) == points


@pytest.mark.parametrize("edge", [24.0, 31.0])
def test_the_grid_is_finer_than_sanders_only_where_the_cutoff_is_short(edge):
    box = np.diag([edge / 10] * 3)
    for cutoff in (4.0, 5.0, 6.5, 7.5, 8.0, 9.0, 12.0):
        settings = MdSettings(ml=MlSettings(mask=":1"), cutoff_angstrom=cutoff)
        pme = nonbonded_of(settings, box, None).pme
        (points,) = set(pme.grid)
        assert pme.alpha / 10 * edge / points <= FINENESS
        assert points >= grid_points(edge)
        assert points == grid_points(edge) or cutoff < 8.0


def test_a_run_that_goes_on_keeps_its_grid_unless_another_is_asked_for():
    box = np.diag([2.5, 2.5, 2.5])
    text = "&cntrl cut=8.0, ifmlp=1 /\n&mlp animask=':1' /\n"
    grid = "&ewald nfft1=40, nfft2=40, nfft3=40 /"
    plain = md_settings(parse_mdin(text, source="mdin"))
    asked = md_settings(parse_mdin(text + grid, source="mdin"))
    assert nonbonded_of(plain, box, None).pme.grid == (30, 30, 30)
    assert nonbonded_of(plain, box, (24, 24, 24)).pme.grid == (24, 24, 24)
    assert nonbonded_of(asked, box, (24, 24, 24)).pme.grid == (40, 40, 40)
    shorter = plain.model_copy(update={"cutoff_angstrom": 5.0})  # than that of the run before
    assert nonbonded_of(shorter, box, (30, 30, 30)).pme.grid == (48, 48, 48)


def test_a_grid_that_is_too_coarse_is_noted_with_that_of_the_box():
    coordinates = Coordinates(np.zeros((1, 3)), None, np.full(3, 25.0), np.full(3, 90.0))
    settings = MdSettings(ml=MlSettings(mask=":1"))
    for points, noted in ((12, True), (20, True), (24, False), (40, False), (None, False)):
        grid = None if points is None else (points, points, points)
        notes = tuple(_coarse(settings.model_copy(update={"pme_grid": grid}), coordinates))
        assert len(notes) == noted
        assert all("the grid of this box is nfft1=30, nfft2=30, nfft3=30" in one for one in notes)


def test_a_run_that_ends_before_its_volume_changes_is_noted():
    for steps, restarts, every, noted in (
        (99, 500, 100, 99),
        (100, 500, 100, 0),
        (20, 20, 50, 20),
    ):
        asked = {"steps": steps, "restart_interval": restarts, "barostat_interval": every}
        asked |= {"pressure_bar": 1.0, "thermostat": "bussi"}
        settings = MdSettings(ml=MlSettings(mask=":1"), **asked)
        (told,) = tuple(_constant(settings)) or ("",)
        assert (f"its {noted} steps without a restart are fewer than mcbarint" in told) == bool(
            noted
        )
        assert not tuple(_constant(settings.model_copy(update={"pressure_bar": None})))


def test_a_cell_grows_with_the_volume_and_keeps_its_shape():
    angle = 109.4712190
    lengths, angles = np.full(3, 40.0), np.full(3, angle)
    cell = cell_of(Coordinates(np.zeros((1, 3)), None, lengths, angles))
    # volume of a truncated octahedron of edge vector a: 4 a³ / (3 √3)
    assert cell.volume == pytest.approx(4 * 4.0**3 / (3 * np.sqrt(3)), rel=1e-6)
    side = np.cbrt(cell.volume) * 1.01
    assert cell.lengths_at(np.diag([side] * 3)) == pytest.approx(lengths * 1.01)
    assert cell_of(Coordinates(np.zeros((1, 3)))) is None


def test_the_edges_of_a_rectangular_cell_change_each_by_itself():
    lengths = np.array([20.123, 25.0, 30.7])
    cell = cell_of(Coordinates(np.zeros((1, 3)), None, lengths, np.full(3, 90.0)))
    grown = cell.lengths_at(np.diag([2.0123 * 1.02, 2.5, 3.07 * 0.97]))
    assert grown == pytest.approx(lengths * [1.02, 1.0, 0.97], rel=1e-12)
    # a box at rest keeps its lengths to the last bit
    assert np.array_equal(cell.lengths_at(np.diag(cell.edges)), lengths)
