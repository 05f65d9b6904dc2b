# SPDX-License-Identifier: MIT
"""What do programs that put a network into an OpenMM System do with forces, images, charge, cuts?

    python benchmarks/conformance.py --folder FOLDER [--aimnet FOLDER]

The same Systems and the same files of weights go to merrow and to openmm-ml. Asked are

- slope: the largest force on an atom over the fall of E_ML along it: 1 if forces are the slope;
- images: E_ML of a molecule that the wall of the box cuts, minus E_ML of the same molecule whole;
- alone: E_ML in the box minus E_ML of the molecule by itself, by the model asked directly;
- charge: what becomes of acetate, in a System whose charges sum to -1 e;
- link atoms: what becomes of a region that cuts a bond between two carbons.

A program that stops is quoted. Weights: ANI-1ccx as published; one of the four published AIMNet2
networks, in the layout of the package `aimnet`; the small MACE of the tests. The package `aimnet`
is no part of our environment; `--aimnet` names a folder into which it was installed with
`pip install --no-deps --target FOLDER aimnet==0.2.5 warp-lang nvalchemi-toolkit-ops`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm
from common import ROOT, SYSTEMS, parser, save
from openmm import app, unit

import merrow
from merrow.ambertools.solvent import solvate
from merrow.potentials import Molecule, load_potential
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ

GROUP = 9
STEP_NM = 0.001
BOND_ANGSTROM = 1.09
"""Length of a link atom's bond to carbon."""
SAME_KCAL = 0.2
"""Energies that agree within this are the same: float32 rounds 1e5 kcal/mol to 0.01, sums of it to
some times that. What is told apart here differs by far more."""


@dataclass(frozen=True)
class Made:
    """A mixed System, and where the atoms that were asked about stand in it."""

    system: mm.System
    places: list[int]


@dataclass(frozen=True)
class Answer:
    """E_ML [kcal/mol], the forces on the atoms [kJ/mol/nm], positions of all particles [nm]."""

    energy: float
    forces: np.ndarray
    particles: np.ndarray


Maker = Callable[[app.Topology, mm.System, list[int], dict[str, Any]], Made]


@dataclass(frozen=True)
class Case:
    """A System of MM, its region, and where the atoms are [nm]."""

    topology: app.Topology
    system: mm.System
    region: list[int]
    positions: np.ndarray
    vectors: np.ndarray | None = None

    def ask(self, made: Made, positions: np.ndarray | None = None) -> Answer:
        """Return what the potential says of the region."""
        reference = mm.Platform.getPlatformByName("Reference")
        context = mm.Context(made.system, mm.VerletIntegrator(0.001), reference)
        if self.vectors is not None:
            context.setPeriodicBoxVectors(*self.vectors)
        x = np.zeros((made.system.getNumParticles(), 3))
        x[made.places] = self.positions if positions is None else positions
        context.setPositions(x)
        context.computeVirtualSites()
        state = context.getState(energy=True, forces=True, positions=True, groups={GROUP})
        forces = np.array(state.getForces(asNumpy=True)._value)[made.places]
        energy = state.getPotentialEnergy()._value * KCAL_PER_KJ
        return Answer(energy, forces, np.array(state.getPositions(asNumpy=True)._value))


def methanol(folder: Path) -> Case:
    """Return methanol in 300 waters."""
    gas = SYSTEMS / "methanol.prmtop"
    wet = solvate(gas, gas.with_suffix(".inpcrd"), folder=folder, n_waters=300)
    prmtop, crd = app.AmberPrmtopFile(str(wet[0])), app.AmberInpcrdFile(str(wet[1]))
    system = prmtop.createSystem(nonbondedMethod=app.PME, nonbondedCutoff=0.8 * unit.nanometer)
    vectors = np.array(crd.boxVectors.value_in_unit(unit.nanometer))
    prmtop.topology.setPeriodicBoxVectors(crd.boxVectors)
    region = [a.index for a in next(iter(prmtop.topology.residues())).atoms()]
    return Case(
        prmtop.topology,
        system,
        region,
        np.array(crd.positions.value_in_unit(unit.nanometer)),
        vectors,
    )


def acetate() -> Case:
    """Return acetate without a box: elements, charges that sum to -1 e, springs for its bonds."""
    from acetate import ACETATE, GEOMETRY  # noqa: PLC0415

    topology, system = app.Topology(), mm.System()
    residue = topology.addResidue("ACT", topology.addChain())
    force, springs = mm.NonbondedForce(), mm.HarmonicBondForce()
    for number in ACETATE.numbers:
        element = app.Element.getByAtomicNumber(number)
        topology.addAtom(element.symbol, element, residue)
        system.addParticle(element.mass)
        force.addParticle(-1.0 / len(ACETATE.numbers), 0.3, 0.1)
    distance = np.linalg.norm(GEOMETRY[:, None] - GEOMETRY[None], axis=-1)
    atoms = list(topology.atoms())
    for i in range(len(atoms)):
        for j in range(i):
            hydrogens = [ACETATE.numbers[i], ACETATE.numbers[j]].count(1)
            if distance[i, j] < 1.65 - 0.4 * hydrogens:
                topology.addBond(atoms[j], atoms[i])
                springs.addBond(j, i, distance[i, j] / ANGSTROM_PER_NM, 1e5)
                force.addException(j, i, 0.0, 0.3, 0.0)
    system.addForce(force)
    system.addForce(springs)
    return Case(topology, system, list(range(len(atoms))), GEOMETRY / ANGSTROM_PER_NM)


def dipeptide() -> Case:
    """Return alanine dipeptide, whose region is the methyl of its side chain."""
    path = SYSTEMS / "dipeptide.prmtop"
    prmtop = app.AmberPrmtopFile(str(path))
    crd = app.AmberInpcrdFile(str(path.with_suffix(".inpcrd")))
    system = prmtop.createSystem(nonbondedMethod=app.NoCutoff)
    methyl = ("CB", "HB1", "HB2", "HB3")
    residues = [r for r in prmtop.topology.residues() if r.name == "ALA"]
    region = [a.index for a in residues[0].atoms() if a.name in methyl]
    positions = np.array(crd.positions.value_in_unit(unit.nanometer))
    return Case(prmtop.topology, system, region, positions)


def ours(name: str) -> Maker:
    """Return what makes merrow's Systems."""

    def make(topology, system, atoms, words):
        known = {k: v for k, v in words.items() if k == "link_atoms"}
        potential = merrow.MLPotential(name)
        mixed = potential.create_mixed_system(topology, system, atoms, force_group=GROUP, **known)
        return Made(mixed, list(range(topology.getNumAtoms())))

    return make


def theirs(name: str, **files: str) -> Maker:
    """Return what makes openmm-ml's Systems."""

    def make(topology, system, atoms, words):
        import openmmml  # noqa: PLC0415

        known = {k: v for k, v in words.items() if k == "charge"}
        potential = openmmml.MLPotential(name, **files)
        if name == "mace":
            known |= {"returnEnergyType": "energy", "precision": "double", "mlLongRange": False}
        info = potential.createMixedSystem(
            topology, system, atoms, forceGroup=GROUP, returnInfo=True, **known
        )
        return Made(info["system"], list(info["oldToNew"]))

    return make


def quoted(ask: Callable[[], Any]) -> Any:
    """Return the answer, or the sentence with which the program stops."""
    try:
        return ask()
    except Exception as error:  # whatever it is, it is the finding
        words = " ".join(str(error).split())
        return {"stops": f"{type(error).__name__}: {words}"[:300]}


def slope(case: Case, made: Made) -> float:
    """Return the largest force over the fall of the energy along it."""
    force = case.ask(made).forces
    atom = int(np.argmax(np.linalg.norm(force, axis=1)))
    size = float(np.linalg.norm(force[atom]))
    along = {}
    for steps in (-2, -1, 1, 2):
        x = case.positions.copy()
        x[atom] += steps * STEP_NM * force[atom] / size
        along[steps] = case.ask(made, x).energy / KCAL_PER_KJ
    fall = (8 * (along[-1] - along[1]) - (along[-2] - along[2])) / (12 * STEP_NM)
    return size / fall


def cut(case: Case) -> np.ndarray:
    """Return the positions with half of the region's atoms moved by a vector of the box."""
    x = case.positions.copy()
    x[case.region[::2]] += case.vectors[0]
    return x


def linked(case: Case, make: Maker, direct: Callable[..., float]) -> dict[str, float]:
    """Return E_ML of a methyl that was cut off, and that of methane with the program's own cap."""
    made = make(case.topology, case.system, case.region, {"link_atoms": True})
    answer = case.ask(made)
    x = case.positions * ANGSTROM_PER_NM
    added = sorted(set(range(len(answer.particles))) - set(made.places))
    if added:
        link = answer.particles[added[0]] * ANGSTROM_PER_NM
    else:  # merrow adds no particle
        names = {a.name: a.index for a in case.topology.atoms() if a.residue.name == "ALA"}
        out = x[names["CA"]] - x[case.region[0]]
        link = x[case.region[0]] + BOND_ANGSTROM * out / np.linalg.norm(out)
    methane = direct([6, 1, 1, 1, 1], np.vstack([x[case.region], link]))
    length = float(np.linalg.norm(link - x[case.region[0]]))
    return {"e_ml": answer.energy, "methane": methane, "bond_angstrom": length}


def ion_alone(ion: Case) -> tuple[list[int], np.ndarray]:
    """Return atomic numbers and positions [Å]."""
    return [a.element.atomic_number for a in ion.topology.atoms()], ion.positions * ANGSTROM_PER_NM


def row(peer: str, model: str, make: Maker, direct: Callable[..., float], cases: tuple) -> dict:
    """Return what one program does with one model."""
    wet, ion, peptide = cases
    found: dict[str, Any] = {"peer": peer, "model": model}
    made = quoted(lambda: make(wet.topology, wet.system, wet.region, {}))
    whole = made if isinstance(made, dict) else quoted(lambda: wet.ask(made).energy)
    if isinstance(whole, dict):
        found |= {"slope": whole, "images": whole, "alone": whole}
    else:
        elements = [a.element.atomic_number for a in wet.topology.atoms()]
        x = wet.positions[wet.region] * ANGSTROM_PER_NM
        found["slope"] = quoted(lambda: slope(wet, made))
        found["images"] = quoted(lambda: wet.ask(made, cut(wet)).energy - whole)
        found["alone"] = quoted(lambda: whole - direct([elements[i] for i in wet.region], x))

    def anion(words: dict[str, Any]) -> float:
        return ion.ask(make(ion.topology, ion.system, ion.region, words)).energy

    found["charge"] = {
        "not told": quoted(lambda: anion({})),
        "told 0": quoted(lambda: anion({"charge": 0})),
        "told -1": quoted(lambda: anion({"charge": -1})),
        "the model": quoted(lambda: direct(*ion_alone(ion), charge=-1)),
    }
    found["link"] = quoted(lambda: linked(peptide, make, direct))
    print(found, file=sys.stderr)
    return found


def asked_directly(name: str) -> Callable[..., float]:
    """Return a function (numbers, positions [Å], charge) → the model's own energy [kcal/mol]."""

    def energy(numbers: list[int], positions: np.ndarray, charge: int = 0) -> float:
        molecule = Molecule(tuple(numbers), charge=charge)
        potential = load_potential(name, molecule, precision="float64")
        return float(potential.evaluate(positions[None]).energies[0])

    return energy


def weights(folder: Path, aimnet: Path | None) -> dict[str, tuple[Maker, Maker | None, str]]:
    """Return model → what makes merrow's Systems, openmm-ml's, and merrow's name of the model."""
    import torch  # noqa: PLC0415
    from test_aimnet2_files import artifact  # noqa: PLC0415

    from merrow.potentials.aimnet2.weights import AIM_WEIGHTS  # noqa: PLC0415
    from merrow.potentials.ani.files import read_ani  # noqa: PLC0415
    from merrow.potentials.ani.models import ANI_MODELS  # noqa: PLC0415
    from merrow.potentials.ani.weights import weights_of  # noqa: PLC0415
    from stand_ins import write_for_torchani  # noqa: PLC0415

    (folder / "StateDicts").mkdir(exist_ok=True)
    ani = ANI_MODELS["ani1ccx"]
    parameters = read_ani(weights_of(ani).fetch(), ani)
    write_for_torchani(folder / "StateDicts" / "ani1ccx_state_dict.pt", parameters)
    network = folder / "aimnet2_0.pt"
    if not network.exists():
        ensemble = torch.jit.load(str(AIM_WEIGHTS["aimnet2"].fetch()), map_location="cpu")
        torch.save(artifact(next(iter(ensemble.models.children())).module), network)
    mace = ROOT / "tests" / "data" / "tiny_mace.model"
    if aimnet is not None:
        sys.path.append(str(aimnet))
    return {
        "ANI-1ccx": (ours("ani1ccx"), theirs("ani1ccx"), "ani1ccx"),
        "AIMNet2 (one network)": (
            ours(f"aimnet2:{network}"),
            None if aimnet is None else theirs("aimnet", modelPath=str(network)),
            f"aimnet2:{network}",
        ),
        "MACE (the small one of the tests)": (
            ours(f"mace:{mace}"),
            theirs("mace", modelPath=str(mace)),
            f"mace:{mace}",
        ),
    }


def main() -> None:
    """Ask both programs and write the table."""
    asked = parser(
        __doc__,
        "folder",
        aimnet={"type": Path, "help": "folder with the package aimnet"},
    ).parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    tests = ROOT / "tests"
    sys.path += [str(tests), str(tests / "plugins"), str(tests / "unit" / "potentials")]
    os.environ["TORCHANI_DATA_DIR"] = str(asked.folder.resolve())
    cases = (methanol(asked.folder), acetate(), dipeptide())
    peers = {"merrow": merrow.__version__, "openmm-ml": version("openmmml")}
    rows = []
    for model, (mine, other, name) in weights(asked.folder, asked.aimnet).items():
        direct = asked_directly(name)
        for peer, make in (("merrow", mine), ("openmm-ml", other)):
            if make is not None:
                rows.append(row(f"{peer} {peers[peer]}", model, make, direct, cases))
    save("conformance", {"same_kcal": SAME_KCAL, "rows": rows})


if __name__ == "__main__":
    main()
