# SPDX-License-Identifier: MIT
"""Makes the small MACE of the tests: methanol as ANI-2x sees it, learnt in minutes.

Three steps, each kept in `--folder`, so that an interrupted run goes on where it stopped:

1. geometries: Langevin dynamics of methanol on ANI-2x at 300, 450 and 600 K, and the same frames
   shaken, all labelled with energies and forces of ANI-2x;
2. training: a ScaleShiftMACE, with a checkpoint after every epoch;
3. verdict: errors on frames of walkers that were not trained on, and 1 ps of dynamics at 300 K and
   600 K on the model itself, written beside the model as its provenance.

The model knows methanol and nothing else. It exists so that every step from a `.model` file to a
free energy can be tested with a real one; it is not made for science.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from importlib.metadata import version
from pathlib import Path

import mace  # noqa: F401 — before e3nn, which cannot read its own constants otherwise
import numpy as np
import torch
from e3nn import o3
from mace import modules
from numpy.typing import NDArray

from merrow.potentials import Molecule, Potential, load_potential
from merrow.units import ANGSTROM_PER_NM, EV_KCAL, GAS_CONSTANT, KCAL_PER_KJ, KJ_PER_KCAL

Array = NDArray[np.float64]
Frames = dict[str, Array]

NUMBERS = (6, 8, 1, 1, 1, 1)
MASSES = np.array([12.011, 15.999, 1.008, 1.008, 1.008, 1.008])  # dalton
START = np.array([
    [-0.047, 0.664, 0.013], [0.021, -0.758, -0.031], [-1.093, 0.969, 0.054],
    [0.488, 1.072, 0.873], [0.399, 1.045, -0.902], [-0.902, -1.068, 0.067],
])  # fmt: skip
ELEMENTS = (1, 6, 8)
TEMPERATURES = (300.0, 450.0, 600.0)  # K
WALKERS, FRAMES, STRIDE, STEP = 16, 24, 40, 5e-4  # per temperature; steps; ps
SHAKES = (0.03, 0.08)  # Å
CUTOFF, BATCH, EPOCHS, RATE = 4.0, 16, 40, 0.01
FORCE_WEIGHT, ENERGY_WEIGHT = 1.0, 10.0


def main() -> None:
    """Make the data, train, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("tiny-mace"), help="what is kept")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--output", type=Path, default=Path("tests/data/tiny_mace.model"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    ani = load_potential("ani2x", Molecule(NUMBERS))
    frames = labelled_frames(arguments.folder / "frames.npz", ani)
    train, test = split(frames)
    model, seconds = trained(arguments.folder / "checkpoint.pt", train, arguments.epochs)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model, arguments.output)
    judge(arguments.output, test, {
        "script": "tests/data/train_tiny_mace.py",
        "versions": {name: version(name) for name in ("torch", "mace-torch", "e3nn", "numpy")},
        "labels": ani.identity, "training_frames": len(train["energy"]),
        "epochs": arguments.epochs, "training_cpu_seconds": round(seconds),
        "parameters": sum(p.numel() for p in model.parameters()),
    })  # fmt: skip


def dynamics(
    potential: Potential, temperature: Array, steps: int, seed: int, step: float = STEP
) -> tuple[Array, Array]:
    """Return frames every `STRIDE` steps of Langevin walkers (BAOAB, friction 5/ps).

    Args:
        potential: What they walk on.
        temperature: Temperature of each walker [K], shape (walkers,).
        steps: Number of steps.
        seed: Seed of velocities and noise.
        step: Time step [ps].

    Returns:
        Positions [Å], shape (frames, walkers, N, 3), and temperatures [K], shape (frames, walkers).
    """
    rng = np.random.default_rng(seed)
    walkers = len(temperature)
    k_t = GAS_CONSTANT * KCAL_PER_KJ * temperature[:, None, None]  # kcal/mol
    to_speed = KJ_PER_KCAL * ANGSTROM_PER_NM**2  # kcal/mol/dalton in Å²/ps²
    inverse = to_speed / MASSES[:, None]
    x = np.repeat(START[None], walkers, axis=0)
    v = rng.standard_normal(x.shape) * np.sqrt(k_t * inverse)
    keep = math.exp(-5.0 * step)
    forces = potential.evaluate(x).forces
    positions, temperatures = [], []
    for count in range(steps):
        v += 0.5 * step * forces * inverse
        x = x + 0.5 * step * v
        noise = rng.standard_normal(x.shape) * np.sqrt(k_t * inverse * (1 - keep**2))
        v = keep * v + noise
        x = x + 0.5 * step * v
        forces = potential.evaluate(x).forces
        v += 0.5 * step * forces * inverse
        if (count + 1) % STRIDE == 0:
            positions.append(x.copy())
            kinetic = (v**2 / inverse).mean(axis=(1, 2))  # kT in kcal/mol
            temperatures.append(kinetic / (GAS_CONSTANT * KCAL_PER_KJ))
    return np.array(positions), np.array(temperatures)


def labelled_frames(path: Path, ani: Potential) -> Frames:
    """Return geometries, shape (walkers, frames, N, 3), and their labels, made where absent."""
    if not path.exists():
        rng = np.random.default_rng(2)
        walkers = []
        for k, temperature in enumerate(TEMPERATURES):
            frames, _ = dynamics(ani, np.full(WALKERS, temperature), FRAMES * STRIDE, seed=k)
            walkers.append(frames.swapaxes(0, 1))
        x = np.concatenate(walkers)
        shaken = [x + rng.normal(0, shake, x.shape) for shake in SHAKES]
        x = np.concatenate([x, *(s[:, ::4] for s in shaken)], axis=1)
        labels = ani.evaluate(x.reshape(-1, len(NUMBERS), 3))
        np.savez(path, positions=x, energy=labels.energies.reshape(x.shape[:2]),
                 forces=labels.forces.reshape(x.shape))  # fmt: skip
    with np.load(path) as file:
        return dict(file)


def split(frames: Frames) -> tuple[Frames, Frames]:
    """Return frames to train on and those of every eighth walker, flat, in eV and eV/Å."""
    held = np.arange(len(frames["energy"])) % 8 == 7
    parts = []
    for chosen in (~held, held):
        parts.append({
            "positions": frames["positions"][chosen].reshape(-1, len(NUMBERS), 3),
            "energy": frames["energy"][chosen].reshape(-1) / EV_KCAL,
            "forces": frames["forces"][chosen].reshape(-1, len(NUMBERS), 3) / EV_KCAL,
        })  # fmt: skip
    return parts[0], parts[1]


def isolated_atoms(frames: Frames) -> Array:
    """Return what an atom of each element is taken to be alone [eV], shape (elements,).

    One kind of molecule cannot tell them apart, so the mean energy of the frames, less 4 eV for
    each bond, is shared in proportion to the atomic number: all that counts is the sum.
    """
    per_charge = (frames["energy"].mean() + 4.0 * 5) / sum(NUMBERS)
    return per_charge * np.array(ELEMENTS, dtype=float)


def new_model(frames: Frames) -> torch.nn.Module:
    """Return the untrained model."""
    alone = isolated_atoms(frames)
    inner = frames["energy"] - sum(alone[ELEMENTS.index(number)] for number in NUMBERS)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    torch.manual_seed(1)
    return modules.ScaleShiftMACE(
        r_max=CUTOFF, num_bessel=8, num_polynomial_cutoff=5, max_ell=2, interaction_cls=block,
        interaction_cls_first=block, num_interactions=2, num_elements=len(ELEMENTS),
        hidden_irreps=o3.Irreps("16x0e"), MLP_irreps=o3.Irreps("16x0e"),
        gate=torch.nn.functional.silu, atomic_energies=alone, avg_num_neighbors=5.0,
        atomic_numbers=list(ELEMENTS), correlation=3, radial_MLP=[32, 32],
        atomic_inter_scale=float(np.sqrt((frames["forces"] ** 2).mean())),
        atomic_inter_shift=float(inner.mean() / len(NUMBERS)),
    )  # fmt: skip


def graph(positions: Array) -> dict[str, torch.Tensor]:
    """Return the input of a model: R molecules in one graph, every pair within the cutoff."""
    n_molecules, n = positions.shape[:2]
    away = positions[:, :, None] - positions[:, None]
    k, i, j = np.nonzero((np.linalg.norm(away, axis=-1) < CUTOFF) & ~np.eye(n, dtype=bool))
    elements = torch.tensor([ELEMENTS.index(number) for number in NUMBERS])
    one_hot = torch.nn.functional.one_hot(elements, len(ELEMENTS)).to(torch.float64)
    return {
        "positions": torch.from_numpy(positions.reshape(-1, 3)),
        "edge_index": torch.from_numpy(np.stack([k * n + i, k * n + j])),
        "shifts": torch.zeros(len(k), 3),
        "unit_shifts": torch.zeros(len(k), 3),
        "cell": torch.zeros(3 * n_molecules, 3),
        "node_attrs": one_hot.repeat(n_molecules, 1),
        "batch": torch.arange(n_molecules).repeat_interleave(n),
        "ptr": torch.arange(n_molecules + 1) * n,
        "head": torch.zeros(n_molecules, dtype=torch.long),
    }


def trained(path: Path, frames: Frames, epochs: int) -> tuple[torch.nn.Module, float]:
    """Return the model with its averaged weights, and the CPU time that it took [s]."""
    model = new_model(frames)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, amsgrad=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs, RATE / 200)
    parts = {"average": average, "optimizer": optimizer, "schedule": schedule}
    done, seconds = 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True)
        done, seconds = state.pop("epoch"), state.pop("seconds")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        model.load_state_dict(state["model"])
    for epoch in range(done, epochs):
        begin = time.process_time()
        loss = one_epoch(model, average, optimizer, frames, np.random.default_rng(epoch))
        schedule.step()
        seconds += time.process_time() - begin
        print(f"epoch {epoch + 1:3d}  force rmse {loss * EV_KCAL:6.3f} kcal/mol/Å", flush=True)
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {"model": model.state_dict(), "epoch": epoch + 1, "seconds": seconds}
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
    return average.module, seconds


def one_epoch(
    model: torch.nn.Module,
    average: torch.optim.swa_utils.AveragedModel,
    optimizer: torch.optim.Optimizer,
    frames: Frames,
    rng: np.random.Generator,
) -> float:
    """Go once through the frames in random order; return the root mean square force error."""
    squares = []
    n = len(frames["energy"])
    for chosen in np.array_split(rng.permutation(n), n // BATCH):
        optimizer.zero_grad()
        answer = model(graph(frames["positions"][chosen]), training=True)
        energy = answer["energy"] - torch.from_numpy(frames["energy"][chosen])
        forces = answer["forces"] - torch.from_numpy(frames["forces"][chosen].reshape(-1, 3))
        loss = ENERGY_WEIGHT * (energy / len(NUMBERS)).square().mean()
        loss = loss + FORCE_WEIGHT * forces.square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        average.update_parameters(model)
        squares.append(float(forces.detach().square().mean()))
    return math.sqrt(np.mean(squares))


def judge(path: Path, test: Frames, provenance: dict[str, object]) -> None:
    """Measure the saved model through `merrow` itself and write what was found beside it."""
    potential = load_potential(f"mace:{path}", Molecule(NUMBERS), precision="float64")
    answer = potential.evaluate(test["positions"])
    energy = answer.energies - test["energy"] * EV_KCAL
    forces = answer.forces - test["forces"] * EV_KCAL
    provenance |= {
        "test_frames": len(energy),
        "energy_rmse_kcal": round(float(np.sqrt((energy**2).mean())), 4),
        "force_rmse_kcal_per_angstrom": round(float(np.sqrt((forces**2).mean())), 4),
        "force_rms_kcal_per_angstrom": round(
            float(np.sqrt((test["forces"] ** 2).mean()) * EV_KCAL), 2
        ),
        "identity": potential.identity,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
    }
    write(path, provenance)
    write(path, provenance | {"dynamics": endurance(potential)})


def endurance(potential: Potential) -> dict[str, object]:
    """Return how 8 walkers fare at 300 K and 8 at 600 K in 1 ps on the model, at 1 fs a step."""
    runs: dict[str, object] = {}
    temperature = np.repeat([300.0, 600.0], 8)
    x, measured = dynamics(potential, temperature, 1000, seed=9, step=1e-3)
    bonds = np.linalg.norm(x[:, :, [0, 2, 3, 4, 1]] - x[:, :, [1, 0, 0, 0, 5]], axis=-1)
    for kelvin in (300.0, 600.0):
        chosen = temperature == kelvin
        runs[f"{kelvin:g} K, 8 walkers, 1 ps"] = {
            "mean_temperature": round(float(measured[len(measured) // 4 :, chosen].mean()), 1),
            "longest_bond_angstrom": round(float(bonds[:, chosen].max()), 3),
        }
    return runs


def write(path: Path, provenance: dict[str, object]) -> None:
    """Write what was found beside the model, and print it."""
    text = json.dumps(provenance, indent=1)
    path.with_suffix(".json").write_text(text + "\n")
    print(text, flush=True)


if __name__ == "__main__":
    main()
