# SPDX-License-Identifier: MIT
"""Are model files of the package `aimnet` read as data, and is what they hold computed rightly?

The networks in the files are those of the published ensemble of 2023, written down in the layout
that the package's own exporter writes (`aimnet.train.export_model`, version 0.2.5).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from acetate import ACETATE, GEOMETRY, conformers

from merrow.errors import InputError, MissingComponentError, UnsupportedPhysicsError
from merrow.potentials import Molecule, load_potential
from merrow.potentials.aimnet2.weights import AIM_WEIGHTS
from merrow.potentials.registry import located
from merrow.testing import METHANOL, METHANOL_GEOMETRY, check_potential
from merrow.units import EV_KCAL

SPECIES = [1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 53]
DESCRIPTION = """
class: aimnet.models.AIMNet2
kwargs:
    nfeature: 16
    d2features: true
    ncomb_v: 12
    hidden:
        - [512, 380]
        - [512, 380]
        - [512, 380, 380]
    aim_size: 256
    aev:
        rc_s: 5.0
        nshifts_s: 16
    outputs:
        energy_mlp:
            class: aimnet.modules.Output
            kwargs:
                n_in: 256
                n_out: 1
                key_in: aim
                key_out: energy
                mlp:
                    activation_fn: torch.nn.GELU
                    last_linear: true
                    hidden: [128, 128]
        atomic_shift:
            class: aimnet.modules.AtomicShift
            kwargs: {key_in: energy, key_out: energy}
        atomic_sum:
            class: aimnet.modules.AtomicSum
            kwargs: {key_in: energy, key_out: energy}
        srcoulomb:
            class: aimnet.modules.SRCoulomb
            kwargs: {rc: 4.6, key_in: charges, key_out: energy, envelope: exp}
"""


@pytest.fixture(scope="module")
def artifacts() -> list[dict]:
    """What the package would write of the four published networks."""
    try:
        path = AIM_WEIGHTS["aimnet2"].fetch()
    except MissingComponentError as error:
        pytest.skip(str(error))
    ensemble = torch.jit.load(str(path), map_location="cpu")
    return [artifact(member.module) for member in ensemble.models.children()]


def artifact(member) -> dict:
    tensors = {
        key: value.clone()
        for key, value in member.state_dict().items()
        if not key.startswith(("outputs.lrcoulomb", "outputs.d3bj"))
    }
    shifts = "outputs.atomic_shift.shifts.weight"
    tensors[shifts] = tensors[shifts].double()
    tensors["outputs.srcoulomb.rc"] = torch.tensor(4.6)
    return {
        "format_version": 2,
        "model_yaml": DESCRIPTION,
        "cutoff": 5.0,
        "needs_coulomb": True,
        "needs_dispersion": True,
        "coulomb_mode": "sr_embedded",
        "coulomb_sr_rc": 4.6,
        "coulomb_sr_envelope": "exp",
        "d3_params": {"s8": 0.3908, "a1": 0.566, "a2": 3.128, "s6": 1.0},
        "has_embedded_lr": True,
        "has_embedded_d3ts": False,
        "implemented_species": SPECIES,
        "state_dict": tensors,
    }


def test_a_folder_with_the_four_networks_is_the_published_ensemble(artifacts, tmp_path):
    for number, content in enumerate(artifacts):
        torch.save(content, tmp_path / f"member_{number}.pt")
    x = conformers(2)
    ours = load_potential(f"aimnet2:{tmp_path}", ACETATE, precision="float64").evaluate(x)
    theirs = load_potential("aimnet2", ACETATE, precision="float64").evaluate(x)
    # the same numbers on the same path: nothing but the files may make a difference
    for field in ("energies", "forces", "spread", "charges"):
        assert np.array_equal(getattr(ours, field), getattr(theirs, field)), field


def test_networks_with_another_dispersion_are_no_ensemble(artifacts, tmp_path):
    torch.save(artifacts[0], tmp_path / "a.pt")
    torch.save(artifacts[1] | {"d3_params": {"s8": 0.1, "a1": 0.5, "a2": 3.0}}, tmp_path / "b.pt")
    with pytest.raises(InputError, match="not of one ensemble"):
        load_potential(f"aimnet2:{tmp_path}", ACETATE)


@pytest.mark.slow
def test_one_network_keeps_the_contract_without_a_spread(artifacts, tmp_path):
    torch.save(artifacts[2], tmp_path / "one.pt")
    name = f"aimnet2:{tmp_path / 'one.pt'}"
    promises = [f.promise for f in check_potential(name, ACETATE, GEOMETRY, conformers=2)]
    assert "it has a spread if, and only if, it is an ensemble" in promises
    assert load_potential(name, ACETATE).capabilities.ensemble_size == 1


def test_the_tensors_and_facts_of_the_file_decide(artifacts, tmp_path):
    def energy(**changes):
        torch.save(artifacts[0] | changes, tmp_path / "one.pt")
        potential = load_potential(f"aimnet2:{tmp_path / 'one.pt'}", ACETATE, precision="float64")
        return potential.evaluate(GEOMETRY[None]).energies[0], potential.identity

    plain, identity = energy()
    moved = dict(artifacts[0]["state_dict"])
    key = "outputs.atomic_shift.shifts.weight"
    moved[key] = moved[key].index_add(0, torch.tensor([8]), torch.ones(1, 1, dtype=torch.float64))
    shifted, other = energy(state_dict=moved)
    assert shifted - plain == pytest.approx(2 * EV_KCAL, abs=1e-8)  # 1 eV for each oxygen
    assert other != identity
    weak = energy(d3_params={"s6": 0.0, "s8": 0.0, "a1": 0.566, "a2": 3.128})[0]
    assert (
        0.5 < weak - plain < 20.0
    )  # dispersion binds, by some kcal/mol in a molecule of this size


@pytest.mark.parametrize("number", range(2))
def test_the_package_aimnet_says_the_same(artifacts, tmp_path, number):
    calculators = pytest.importorskip("aimnet.calculators", reason="pip install aimnet")
    path = tmp_path / "one.pt"
    torch.save(artifacts[number], path)
    x = conformers(3)
    calculator = calculators.AIMNet2Calculator(str(path))
    asked = {
        "coord": torch.tensor(x, dtype=torch.float32),
        "numbers": torch.tensor([ACETATE.numbers] * 3),
        "charge": torch.full((3,), -1.0),
    }
    theirs = calculator(asked, forces=True)
    ours = load_potential(f"aimnet2:{path}", ACETATE, precision="float64").evaluate(x)
    # theirs is in float32 where ours is not
    np.testing.assert_allclose(
        ours.energies / EV_KCAL, theirs["energy"].detach(), atol=1e-5, rtol=0
    )
    np.testing.assert_allclose(ours.forces / EV_KCAL, theirs["forces"].detach(), atol=1e-5, rtol=0)
    np.testing.assert_allclose(ours.charges, theirs["charges"].detach(), atol=1e-5, rtol=0)


def test_openmm_ml_and_the_package_take_the_same_file(artifacts, tmp_path):
    pytest.importorskip("aimnet.calculators", reason="pip install aimnet")
    pytest.importorskip("openmmml", reason="pip install 'merrow[openmmml]'")
    path = tmp_path / "one.pt"
    torch.save(artifacts[0], path)
    through = load_potential("openmmml:aimnet", METHANOL, weights=path)
    theirs = through.evaluate(METHANOL_GEOMETRY[None])
    ours = load_potential(f"aimnet2:{path}", METHANOL, precision="float64")
    ours = ours.evaluate(METHANOL_GEOMETRY[None])
    np.testing.assert_allclose(
        ours.energies / EV_KCAL, theirs.energies / EV_KCAL, atol=1e-5, rtol=0
    )
    np.testing.assert_allclose(ours.forces / EV_KCAL, theirs.forces / EV_KCAL, atol=1e-5, rtol=0)


def described(**changes) -> str:
    content = yaml.safe_load(DESCRIPTION)
    content["kwargs"] |= changes
    return yaml.safe_dump(content, sort_keys=False)


def outputs(**changes) -> dict:
    return yaml.safe_load(DESCRIPTION)["kwargs"]["outputs"] | changes


OTHERS = {
    "radicals": ({"model_yaml": described(num_charge_channels=2)}, "num_charge_channels is 2"),
    "size": ({"model_yaml": described(nfeature=32)}, "nfeature is 32"),
    "option": ({"model_yaml": described(new=1)}, "new is 1, and only 'not there'"),
    "basis": (
        {"model_yaml": described(aev={"rc_s": 5.0, "nshifts_s": 16, "rc_v": 3.5})},
        "aev rc_v is 3.5",
    ),
    "no dispersion": ({"needs_dispersion": False}, "needs_dispersion is False"),
    "learned dispersion": (
        {"model_yaml": described(outputs=outputs(d3={"class": "aimnet.modules.D3TS"}))},
        "'D3TS'",
    ),
    "range": ({"coulomb_sr_rc": 4.0}, "srcoulomb rc is 4.6, and only 4.0"),
    "version": ({"format_version": 3}, "format_version is 3"),
    "no facts": ({"d3_params": None}, "not a model file of the package aimnet"),
    "no yaml": ({"model_yaml": "class: ["}, "not a model file of the package aimnet"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_architecture_is_refused_with_what_it_is(artifacts, tmp_path, case):
    changes, message = OTHERS[case]
    torch.save(artifacts[0] | changes, tmp_path / "other.pt")
    with pytest.raises(InputError, match=message) as caught:
        load_potential(f"aimnet2:{tmp_path / 'other.pt'}", ACETATE)
    assert "other.pt" in str(caught.value)


def test_a_tensor_of_another_shape_is_named(artifacts, tmp_path):
    tensors = artifacts[0]["state_dict"] | {"mlps.0.0.weight": torch.zeros(3, 4)}
    torch.save(artifacts[0] | {"state_dict": tensors}, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"mlps\.0\.0\.weight of this AIMNet2 has shape \(3, 4\)"):
        load_potential(f"aimnet2:{tmp_path / 'other.pt'}", ACETATE)


def test_elements_and_charges_are_those_of_the_file(artifacts, tmp_path):
    path = tmp_path / "neutral.pt"
    limits = {"implemented_species": [1, 6, 7, 8], "supports_charged_systems": False}
    torch.save(artifacts[0] | limits, path)
    with pytest.raises(UnsupportedPhysicsError, match=r"neutral\.pt knows only H, C, N, O"):
        load_potential(f"aimnet2:{path}", Molecule((16, 1, 1)))
    with pytest.raises(UnsupportedPhysicsError, match=r"neutral\.pt is made for neutral"):
        load_potential(f"aimnet2:{path}", ACETATE)


class Evil:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_a_pickle_a_program_and_a_damaged_file_are_refused_and_not_run(
    artifacts, tmp_path, monkeypatch
):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # as mace-torch leaves it
    trace, path = tmp_path / "executed", tmp_path / "mine.pt"
    torch.save(artifacts[0] | {"more": Evil(trace)}, path)
    with pytest.raises(InputError, match="can run any program and are not opened"):
        load_potential(f"aimnet2:{path}", ACETATE)
    assert not trace.exists()
    torch.save(artifacts[0], path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InputError, match="or it is damaged"):
        load_potential(f"aimnet2:{path}", ACETATE)
    with pytest.raises(InputError, match="`aimnet convert`"):
        load_potential(f"aimnet2:{AIM_WEIGHTS['aimnet2'].fetch()}", ACETATE)
    with pytest.raises(InputError, match=r"there is no file .*lost\.pt"):
        load_potential(f"aimnet2:{tmp_path / 'lost.pt'}", ACETATE)


def test_a_path_is_made_absolute_against_the_input_that_names_it(tmp_path):
    (tmp_path / "mine.pt").write_text("x")
    assert located("aimnet2:mine.pt", tmp_path) == f"aimnet2:{tmp_path / 'mine.pt'}"
    assert located("aimnet2", tmp_path) == "aimnet2"
