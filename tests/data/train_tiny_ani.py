# SPDX-License-Identifier: MIT
"""Makes the tiny ANI of the tests: an ensemble that has learnt GAFF2 of seven small molecules.

    python tests/data/train_tiny_ani.py

takes minutes on one core. Its symmetry functions are those of ANI-1x, its networks have three small
hidden layers. It holds molecules together, so that dynamics, link atoms and free energies of ML/MM
can be tested with a real ensemble; it is not made for science.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.potentials.ani.files import write_state_dict
from merrow.potentials.ani.parameters import AniParameters, Layer
from merrow.potentials.ani.torch_engine import TorchAni
from merrow.system.potentials import open_potential
from merrow.system.region import select_region
from merrow.units import ANGSTROM_PER_NM, GAS_CONSTANT, HARTREE_KCAL, KCAL_PER_KJ, KJ_PER_KCAL

DATA = Path(__file__).resolve().parent
MOLECULES = ("methane", "methanol", "ethanol", "acetone", "butane", "toluene", "methylacetamide")
ELEMENTS = (1, 6, 7, 8)
MASSES = {1: 1.008, 6: 12.011, 7: 14.007, 8: 15.999}  # dalton
TEMPERATURES = (300.0, 600.0, 900.0)  # K
WALKERS, FRAMES, STRIDE, STEP = 6, 16, 60, 5e-4  # per temperature; steps; ps
SHAKES = (0.04, 0.1)  # Å
ATOMIC = (-0.6007, -38.08, -54.71, -75.19)  # Hartree, so that totals are as large as those of DFT
MEMBERS, HIDDEN = 4, (12, 10, 8)
BATCH, RATE = 12, 0.01
FORCE_WEIGHT = 3.0  # Å², of forces against energies per atom

AEV = {
    "radial_cutoff": 5.2, "angular_cutoff": 3.5,
    "radial_eta": 16.0, "radial_shifts": 0.9 + 0.26875 * np.arange(16),
    "angular_eta": 8.0, "zeta": 32.0, "angular_shifts": 0.9 + 0.65 * np.arange(4),
    "sections": (np.arange(8) + 0.5) * np.pi / 8,
}  # fmt: skip


def frames_of(name: str, seed: int):
    """Return numbers, positions (F, N, 3) [Å], energies [Hartree] and forces [Hartree/Å]."""
    topology = read_topology(DATA / "systems" / f"{name}.prmtop")
    region = select_region(topology, ":1")
    mm = open_potential("mm", topology, region)
    start = read_coordinates(DATA / "systems" / f"{name}.inpcrd", len(topology)).positions
    rng = np.random.default_rng(seed)
    mass = np.array([MASSES[number] for number in topology.numbers])
    temperature = np.repeat(TEMPERATURES, WALKERS)[:, None, None]
    inverse = KJ_PER_KCAL * ANGSTROM_PER_NM**2 / mass[:, None]  # (kcal/mol/dalton in Å²/ps²)
    width = np.sqrt(GAS_CONSTANT * KCAL_PER_KJ * temperature * inverse)
    x = np.repeat(start[None], len(temperature), axis=0)
    v = rng.standard_normal(x.shape) * width
    keep, kept = np.exp(-5.0 * STEP), []
    forces = mm.evaluate(x).forces
    for count in range(FRAMES * STRIDE):
        v += 0.5 * STEP * forces * inverse
        x = x + 0.5 * STEP * v
        v = keep * v + np.sqrt(1 - keep**2) * width * rng.standard_normal(x.shape)
        x = x + 0.5 * STEP * v
        forces = mm.evaluate(x).forces
        v += 0.5 * STEP * forces * inverse
        if (count + 1) % STRIDE == 0:
            kept.append(x)
    x = np.concatenate(kept)
    x = np.concatenate([x, *(x[::3] + rng.normal(0, s, x[::3].shape) for s in SHAKES)])
    labels = mm.evaluate(x)
    return topology.numbers, x, labels.energies / HARTREE_KCAL, labels.forces / HARTREE_KCAL


def initial(self_energies: np.ndarray, seed: int) -> AniParameters:
    """Return networks with random weights."""
    rng = np.random.default_rng(seed)
    n_inputs = 16 * len(ELEMENTS) + 32 * len(ELEMENTS) * (len(ELEMENTS) + 1) // 2
    sizes = (n_inputs, *HIDDEN, 1)
    networks = tuple(
        tuple(
            Layer(
                rng.normal(0, 1 / np.sqrt(min(a, 60)), (MEMBERS, a, b)).astype(np.float32),
                np.zeros((MEMBERS, b), dtype=np.float32),
            )
            for a, b in pairwise(sizes)
        )
        for _ in ELEMENTS
    )
    return AniParameters(
        name="tiny-ani", elements=ELEMENTS, networks=networks, self_energies=self_energies, **AEV
    )


class Trainable(TorchAni):
    """One molecule on weights that all molecules share, with forces that can be learnt from."""

    def __init__(self, numbers, parameters, networks) -> None:
        super().__init__(parameters, numbers, "float32")
        self._networks = networks

    def answer(self, positions):
        """Return energies (R, M) without self energies and forces (R, M, N, 3) of all members."""
        pairs, triples = self._neighbours(positions)
        x = torch.tensor(positions, dtype=torch.float32, requires_grad=True)
        conformer, i, j = (torch.from_numpy(index) for index in pairs)
        arms = x[conformer, j] - x[conformer, i]
        descriptors = self._describe(arms, pairs, triples, len(positions))
        members = self._member_energies(descriptors.view(*positions.shape[:2], -1))
        forces = [
            -torch.autograd.grad(members[:, m].sum(), x, create_graph=True)[0]
            for m in range(members.shape[1])
        ]
        return members, torch.stack(forces, dim=1)


def train(sets, parameters: AniParameters, steps: int, seed: int) -> AniParameters:
    """Return the parameters after so many steps of Adam, each with a batch of one molecule."""
    networks = [
        [
            (
                torch.tensor(layer.weight, requires_grad=True),
                torch.tensor(layer.bias[:, None], requires_grad=True),
            )
            for layer in layers
        ]
        for layers in parameters.networks
    ]
    tensors = [t for layers in networks for pair in layers for t in pair]
    optimizer = torch.optim.Adam(tensors, lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 1e-5)
    models = [Trainable(numbers, parameters, networks) for numbers, *_ in sets]
    rng = np.random.default_rng(seed)
    told = []
    for step in range(steps):
        k = rng.integers(len(sets))
        _, x, energies, forces = sets[k]
        chosen = rng.integers(len(x), size=BATCH)
        members, found = models[k].answer(x[chosen])
        target = torch.tensor(energies[chosen] - models[k]._self_energy)
        off = (members - target[:, None]).float() * HARTREE_KCAL / x.shape[1]
        pull = (found - torch.tensor(forces[chosen]).float()[:, None]) * HARTREE_KCAL / 30
        loss = (off**2).mean() + FORCE_WEIGHT * (pull**2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tensors, 1.0)
        optimizer.step()
        schedule.step()
        told.append(
            (float((off**2).mean().detach()) ** 0.5, 30 * float((pull**2).mean().detach()) ** 0.5)
        )
        if step % 200 == 199:
            print(step + 1, *(f"{v:.3f}" for v in np.mean(told[-200:], axis=0)), flush=True)
    learnt = tuple(
        tuple(Layer(w.detach().numpy(), b.detach().numpy()[:, 0]) for w, b in layers)
        for layers in networks
    )
    return AniParameters(**{**vars(parameters), "networks": learnt})


def main() -> None:
    """Make frames, train, write weights and what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--output", type=Path, default=DATA / "tiny_ani.pt")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = [frames_of(name, seed) for seed, name in enumerate(MOLECULES)]
    counts = np.array([[s[0].count(z) for z in ELEMENTS] for s in sets])
    means = np.array([s[2].mean() for s in sets])
    self_energies = np.linalg.lstsq(counts, means, rcond=None)[0].astype(np.float32)
    parameters = initial(self_energies.astype(np.float64), seed=7)
    parameters = train(sets, parameters, options.steps, seed=8)
    whole = (self_energies + np.array(ATOMIC)).astype(np.float32).astype(np.float64)
    parameters = AniParameters(**{**vars(parameters), "self_energies": whole})
    write_state_dict(options.output, parameters)
    told = {"digest": parameters.digest(), "frames": sum(len(s[1]) for s in sets), "molecules": {}}
    for name, (numbers, x, energies, forces) in zip(MOLECULES, sets, strict=True):
        members, found = TorchAni(parameters, numbers, "float64").evaluate(x)
        shift = sum(ATOMIC[ELEMENTS.index(number)] for number in numbers)
        off = HARTREE_KCAL * (members.mean(axis=1) - energies - shift)
        told["molecules"][name] = {
            "energy_rmse_kcal": round(float(np.sqrt((off**2).mean())), 3),
            "force_rmse_kcal": round(
                float(np.sqrt(((found - forces) ** 2).mean())) * HARTREE_KCAL, 3
            ),
        }
    print(json.dumps(told, indent=1))
    options.output.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
