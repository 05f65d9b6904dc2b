# SPDX-License-Identifier: MIT
"""Is a molecule that a potential is not made for refused, in one clear sentence?"""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from merrow.api.systems import MLPotential
from merrow.errors import (
    InputError,
    MerrowError,
    MissingComponentError,
    NumericsError,
    UnsupportedPhysicsError,
)
from merrow.potentials import (
    Capabilities,
    Evaluation,
    Molecule,
    capabilities,
    check_molecule,
    load_potential,
    potential_names,
)
from merrow.potentials.ani.models import ANI_MODELS
from merrow.potentials.elements import symbol
from merrow.system.force import PotentialBridge
from merrow.system.potentials import check_name
from merrow.testing import check_potential

WATER = Molecule((8, 1, 1))


def refusal(name: str, molecule: Molecule, labels: list[str] | None = None) -> str:
    with pytest.raises(UnsupportedPhysicsError) as caught:
        check_molecule(capabilities(name), molecule, labels)
    return str(caught.value)


def accepts(name: str, molecule: Molecule) -> bool:
    try:
        check_molecule(capabilities(name), molecule)
    except UnsupportedPhysicsError:
        return False
    return True


def test_a_molecule_that_fits_is_not_refused():
    assert [name for name in potential_names() if accepts(name, WATER)] == list(potential_names())
    thing = Molecule((17, 9, 16, 1, 1))
    fitting = [name for name in potential_names() if accepts(name, thing)]
    assert {"ani2x", "aimnet2"} <= set(fitting)
    assert not {"ani1x", "ani1ccx"} & set(fitting)


def test_an_unknown_element_names_the_atom_and_the_potential_that_has_it():
    text = refusal("ani1ccx", Molecule((16, 1, 1)), ["S@4", "H1@5", "H2@6"])
    assert text.startswith("S@4 is S, but ani1ccx knows only H, C, N, O")
    assert "--potential ani2x" in text
    assert "atom 2 is Br" in refusal("ani2x", Molecule((1, 35)))
    assert " or aimnet2 or xtb:gfn2 or " in refusal("ani2x", Molecule((1, 35)))


def test_charges_and_open_shells_are_refused():
    assert "net charge of +1" in refusal("ani2x", Molecule((7, 1, 1, 1, 1), charge=1))
    assert "2 unpaired" in refusal("ani1x", Molecule((8, 8), multiplicity=3))


def test_a_radical_is_refused_even_if_nobody_said_that_it_is_one():
    assert "9 electrons cannot have multiplicity 1" in refusal("ani1x", Molecule((6, 1, 1, 1)))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"there is no potential .*; did you mean ani2x\?"):
        load_potential("ani2", WATER)


@pytest.mark.parametrize("name", ["mm", "MM", "mm:other.prmtop"])
def test_the_terms_of_a_prmtop_are_no_potential_without_a_prmtop(name):
    with pytest.raises(InputError, match="stands for the MM terms of a prmtop") as caught:
        load_potential(name, WATER)
    assert "did you mean" not in str(caught.value)


def test_mm_is_suggested_only_where_it_is_taken():
    with pytest.raises(InputError) as caught:
        load_potential("nope", WATER)
    assert "mm" not in str(caught.value).split("choose one of ")[1].rstrip(".").split(", ")
    with pytest.raises(InputError, match=r"'mmm'; did you mean mm\?"):
        check_name("mmm")
    with pytest.raises(InputError, match=r"'MM'; did you mean mm\?"):
        MLPotential("MM")


def test_an_unknown_precision_is_refused(models_folder, monkeypatch):
    monkeypatch.setenv("MERROW_MODELS", str(models_folder))
    with pytest.raises(InputError, match="float32 or float64"):
        load_potential("ani1x", WATER, precision="half")


def test_identity_is_the_hash_of_the_content_whatever_the_molecule(models_folder):
    ids = {
        load_potential("ani1x", molecule, weights=models_folder).identity
        for molecule in (WATER, Molecule((6, 1, 1, 1, 1)))
    }
    assert len(ids) == 1
    assert ids.pop() == f"ani1x:{ANI_MODELS['ani1x'].digest}"


def test_capabilities_tell_the_precision_that_was_asked_for(models_folder):
    for precision in ("float32", "float64"):
        potential = load_potential("ani1x", WATER, weights=models_folder, precision=precision)
        assert potential.capabilities.dtype == precision


def test_a_position_or_result_that_is_not_finite_names_conformer_and_atom(models_folder):
    x = np.array([[[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]]] * 2)
    x[1, 2, 0] = np.nan
    potential = load_potential("ani1x", WATER, weights=models_folder, precision="float64")
    with pytest.raises(NumericsError, match=r"atom 3 \(H\) of conformer 2"):
        potential.evaluate(x)
    x[1, 2] = x[1, 1]
    with pytest.raises(NumericsError, match="conformer 2 gets no finite energy"):
        potential.evaluate(x)


@pytest.mark.parametrize(("number", "expected"), [(1, "H"), (6, "C"), (17, "Cl"), (118, "Og")])
def test_symbols_stand_at_their_atomic_number(number, expected):
    assert symbol(number) == expected
    assert symbol(0) == "element 0"


class Springs:
    """A plug-in: every atom is bound to the origin with 1 kcal/mol/Å²."""

    capabilities = Capabilities(name="springs", elements=None, charged=True, open_shell=True)
    identity = "springs:1"

    def evaluate(self, positions):
        return Evaluation(0.5 * (positions**2).sum((1, 2)), -positions)


def make_springs(molecule: Molecule, weights: Path | None, precision: str) -> Springs:
    if weights is not None:
        raise MissingComponentError("springs have no weights")
    return Springs()


make_springs.capabilities = Springs.capabilities  # type: ignore[attr-defined]


@pytest.fixture
def plugged_in(monkeypatch):
    point = EntryPoint("springs", "test_registry:make_springs", "merrow.potentials")
    monkeypatch.setattr(
        "merrow.potentials.registry.entry_points",
        lambda group: [point] if group == "merrow.potentials" else [],
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("def make(", "does not load (SyntaxError"),
        ("raise RuntimeError('no licence')", "does not load (RuntimeError: no licence)"),
        ("def make(molecule, weights, precision): pass", "has no capabilities"),
    ],
)
def test_a_broken_plug_in_is_named_and_leaves_refusals_of_others_alone(
    content, told, tmp_path, monkeypatch
):
    name = f"broken_{abs(hash(content))}"
    (tmp_path / f"{name}.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("broken", f"{name}:make", "merrow.potentials")
    monkeypatch.setattr("merrow.potentials.registry.entry_points", lambda group: [point])
    with pytest.raises(MissingComponentError) as caught:
        load_potential("broken", Molecule((8, 1, 1)))
    assert f"the plug-in broken ({name}:make) {told}" in str(caught.value)
    assert "broken" not in refusal("ani2x", Molecule((35, 1)))


@pytest.mark.usefixtures("plugged_in")
def test_a_plug_in_is_listed_loaded_and_recommended():
    assert potential_names()[:3] == ("ani1x", "ani1ccx", "ani2x")
    assert potential_names()[-1] == "springs"
    ion = Molecule((35,), charge=-1)
    potential = load_potential("springs", ion)
    assert potential.evaluate(np.full((1, 1, 3), 2.0)).energies == pytest.approx([6.0])
    assert "springs" in refusal("ani2x", ion)


def test_weights_may_be_a_path_or_its_name(ani_weights):
    path = ani_weights / "ani1x_state_dict.pt"
    one, two = (load_potential("ani1x", WATER, weights=kind(path)) for kind in (str, Path))
    assert one.identity == two.identity
    assert check_potential("ani1x", weights=str(path))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda e, f: Evaluation(e[:, None], f), "energies of shape (1, 1)"),
        (lambda e, f: Evaluation(e[0], f), "energies of shape ()"),
        (lambda e, f: Evaluation(e, f.reshape(1, -1)), "forces of shape (1, 9)"),
        (lambda e, f: Evaluation(e, f[0]), "forces of shape (3, 3)"),
        (lambda e, f: (e, f), "energies of shape ()"),
        (lambda e, f: None, "forces of shape ()"),
    ],
)
def test_an_answer_of_another_form_is_told_in_a_sentence(change, told):
    known = Capabilities(name="mine", elements=None)
    answer = change(np.zeros(1), np.zeros((1, 3, 3)))
    mine = SimpleNamespace(capabilities=known, identity="mine:1", evaluate=lambda _: answer)
    with pytest.raises(MerrowError, match=re.escape(told)) as error:
        PotentialBridge(mine).evaluate(np.zeros((3, 3)))
    assert "test the plug-in by `merrow.testing.check_potential`" in str(error.value)


def test_an_answer_in_lists_is_taken():
    answer = Evaluation([1.0], [[[0.0, 0.0, 1.0]] * 3])
    mine = SimpleNamespace(capabilities=None, identity="mine:1", evaluate=lambda _: answer)
    mine.capabilities = Capabilities(name="mine", elements=None)
    energy, forces, _ = PotentialBridge(mine).evaluate(np.zeros((3, 3)))
    assert energy == pytest.approx(4.184)
    assert forces[2, 2] == pytest.approx(41.84)
