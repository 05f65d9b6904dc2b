# SPDX-License-Identifier: MIT
"""Are repeats that keep their conformers told from those that change them?"""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from merrow.free_energy.populations import Torsions
from merrow.hydration.analysis.torsions import Conformations, SoluteTorsions, solute_torsions
from merrow.system.torsions import equivalence_classes

FRAMES = 400


def series(*populations: float) -> tuple[np.ndarray, np.ndarray]:
    """Angles of one torsion in repeats that are at 60° with these probabilities, else at 180°."""
    random = np.random.default_rng(4)
    angles = [np.where(random.random(FRAMES) < p, 60.0, 180.0) for p in populations]
    noise = random.normal(0.0, 10.0, FRAMES * len(angles))
    return (np.concatenate(angles) + noise)[:, None], np.repeat(np.arange(len(angles)), FRAMES)


def torsions(**phases: tuple[float, ...]) -> SoluteTorsions:
    """The same torsion in some ensembles; "by_mm" ends the name of those by MM."""
    found = {}
    for name, populations in phases.items():
        phase = "water" if name.startswith("water") else "gas"
        found[name.replace("_", " ")] = Conformations(phase, *series(*populations))
    return SoluteTorsions(Torsions({"t": (0,)}, {}, mirrored=False), found)


def test_phases_whose_repeats_differ_are_unsettled():
    both = torsions(water=(0.7, 0.7), gas=(0.4, 0.4))
    assert not both.unsettled("water")
    assert not both.unsettled("gas")
    assert torsions(water=(1.0, 0.0), gas=(0.4, 0.4)).unsettled("water")
    assert torsions(water=(0.7, 0.7), gas=(0.9, 0.2)).unsettled("gas")
    assert not torsions(water=(0.0, 0.0)).unsettled("water")
    by_mm = torsions(water=(0.7, 0.7), water_by_mm=(1.0, 0.0))
    assert by_mm.unsettled("water") == {"water by mm"}
    assert not by_mm.unsettled("gas")


def test_a_single_repeat_has_nothing_to_agree_with():
    alone = torsions(water=(0.7,), gas=(0.9, 0.2))
    assert not alone.unsettled("water")
    told = {verdict.name: verdict.ok for verdict in alone.verdicts()}
    assert told["starting conformers, water"] is False


def test_a_rigid_molecule_is_settled():
    none = Conformations("water", np.zeros((2 * FRAMES, 0)), np.repeat([0, 1], FRAMES))
    rigid = SoluteTorsions(Torsions({}, {}, mirrored=True), {"water": none})
    assert not rigid.unsettled("water")
    assert [verdict.ok for verdict in rigid.verdicts()] == [True]


@pytest.mark.parametrize(
    "smiles", ["CC(C)CCl", "CC(C)O", "CCN", "ClC(Cl)C(Cl)Cl", "CC(C)C(C)C", "CCCC", "COCOC"]
)
def test_mirror_images_pass_and_other_conformers_do_not(smiles):
    """Conformers of MMFF: the same up to mirror image and order of equivalent atoms, or not."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMultipleConfs(molecule, 12, randomSeed=7)
    energies = [e for _, e in AllChem.MMFFOptimizeMoleculeConfs(molecule, maxIters=2000)]
    frames = np.array([c.GetPositions() for c in molecule.GetConformers()])
    prepared = prepared_of(molecule)
    classes = np.array(equivalence_classes(prepared.topology, prepared.region.atoms))
    upper = np.triu_indices(len(classes), 1)
    pairs = [tuple(sorted((classes[i], classes[j]))) for i, j in zip(*upper, strict=True)]
    order = np.array([sorted(set(pairs)).index(pair) for pair in pairs])
    prints = []
    for frame in frames:
        lengths = np.linalg.norm(frame[upper[0]] - frame[upper[1]], axis=1)
        prints.append(lengths[np.lexsort((lengths, order))])
    rng, seen = np.random.default_rng(1), {True: 0, False: 0}
    for i, j in itertools.combinations(range(len(frames)), 2):
        gap = np.abs(prints[i] - prints[j]).max()
        if 0.05 < gap < 0.4:
            continue  # neither the same nor clearly different
        same = gap <= 0.05 and abs(energies[i] - energies[j]) < 0.05
        noisy = [frames[k] + 0.03 * rng.standard_normal((50, *frames[k].shape)) for k in (i, j)]
        gas = SimpleNamespace(positions=np.concatenate(noisy), group=np.repeat([0, 1], 50))
        found = solute_torsions({"gas": gas}, prepared)
        assert bool(found.unsettled("gas")) != same, (i, j, gap)
        seen[same] += 1
    assert seen[True]


def test_torsions_of_residues_with_the_same_atom_names_are_all_compared():
    molecule = Chem.AddHs(Chem.MolFromSmiles("OCCCCCCCCCCN"))
    alone = prepared_of(molecule)
    doubled = prepared_of(molecule)
    doubled.region.labels = [f":{1 + k // 4}@{k % 4}" for k in range(molecule.GetNumAtoms())]
    both = [solute_torsions({}, prepared).torsions for prepared in (alone, doubled)]
    assert len(both[0].singles) == len(both[1].singles) > 8
    assert len(both[0].pairs) == len(both[1].pairs)
    assert list(both[0].singles.values()) == list(both[1].singles.values())


def prepared_of(molecule: Chem.Mol) -> SimpleNamespace:
    """A solute with the elements and bonds of a molecule."""
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    topology = SimpleNamespace(numbers=numbers, bonds_among=lambda _: bonds)
    labels = [f":1@{k}" for k in range(len(numbers))]
    region = SimpleNamespace(atoms=tuple(range(len(numbers))), labels=labels)
    return SimpleNamespace(topology=topology, region=region)
