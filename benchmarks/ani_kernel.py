# SPDX-License-Identifier: MIT
"""How much faster is the native ANI kernel than torchani and than our own torch path?

All variants are measured in turn, round after round, in one run on one thread; times are CPU time
of the process (median over rounds), so that a busy machine disturbs them least. Numbers from two
runs must not be divided by each other. `python benchmarks/ani_kernel.py --help` says the rest.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("TORCHANI_NO_WARN_EXTENSIONS", "1")

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchani
from machine import header, save
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import AllChem
from turns import interleaved

from merrow.potentials.ani.files import read_ani
from merrow.potentials.ani.models import ANI_MODELS
from merrow.potentials.ani.native_engine import NativeAni
from merrow.potentials.ani.torch_engine import TorchAni

Array = NDArray[np.float64]
BATCHES = (1, 4, 12)
MOLECULES = ("methanol", "toluene", "erlotinib")
DISPLACEMENT = 0.05  # Å, so that the conformers of a batch differ


def main() -> None:
    """Measure, print, write `results/ani_kernel.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=_shared() / "models", help="weights folder")
    parser.add_argument("--model", default="ani2x", choices=sorted(ANI_MODELS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        row
        for molecule in MOLECULES
        for row in measure(molecule, arguments.model, arguments.models, arguments.rounds)
    ]
    report = {"model": arguments.model, "threads": 1, "rounds": arguments.rounds, "rows": rows}
    print(save("ani_kernel", report), file=sys.stderr)
    print(
        json.dumps({**report, "environment": header()}, indent=1)
        if arguments.json
        else _table(rows)
    )


def measure(molecule: str, model: str, folder: Path, rounds: int) -> list[dict[str, object]]:
    """Return one row for each batch size of one molecule."""
    numbers, positions = _geometry(molecule, folder)
    path = folder / f"{model}_state_dict.pt"
    parameters = read_ani(path, ANI_MODELS[model])
    native = NativeAni(parameters, numbers)
    ours = TorchAni(parameters, numbers, "float32")
    eager = _torchani(model, path, numbers)
    rng = np.random.default_rng(7)
    rows = []
    for k in BATCHES:
        x = positions + rng.normal(0, DISPLACEMENT, (k, *positions.shape))
        variants: dict[str, Callable[[], object]] = {
            "native": lambda x=x: native.evaluate(x),
            "torch": lambda x=x: ours.evaluate(x),
            "torchani": lambda x=x: eager(x),
        }
        times = interleaved(variants, rounds)
        rows.append({
            "molecule": molecule, "atoms": len(numbers), "batch": k, "isa": native.isa,
            **{f"{name}_ms": value for name, value in times.items()},
            "speedup_vs_torchani": times["torchani"] / times["native"],
            "speedup_vs_torch": times["torch"] / times["native"],
        })  # fmt: skip
    return rows


def _torchani(model: str, path: Path, numbers: tuple[int, ...]) -> Callable[[Array], object]:
    """Return eager torchani, float32, energies and forces as a user calls it."""
    os.environ["TORCHANI_DATA_DIR"] = str(_state_dicts(path))
    network = {"ani1x": torchani.models.ANI1x, "ani1ccx": torchani.models.ANI1ccx}.get(
        model, torchani.models.ANI2x
    )()
    species = torch.tensor([numbers])

    def call(x: Array) -> tuple[Array, Array]:
        leaf = torch.tensor(x, dtype=torch.float32, requires_grad=True)
        energies = network((species.expand(len(x), -1), leaf)).energies
        (gradient,) = torch.autograd.grad(energies.sum(), leaf)
        return energies.detach().numpy(), -gradient.numpy()

    return call


def _state_dicts(path: Path) -> Path:
    """Return a folder laid out as torchani looks for weights, so that nothing is downloaded."""
    import tempfile  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="torchani-"))
    (folder / "StateDicts").mkdir()
    (folder / "StateDicts" / path.name).symlink_to(path.resolve())
    return folder


def _geometry(molecule: str, folder: Path) -> tuple[tuple[int, ...], Array]:
    """Return atomic numbers and positions [Å]: a reference geometry, or RDKit's for toluene."""
    known = json.loads((folder / "reference_energies.json").read_text())["molecules"]
    for entry in known:
        if entry["name"] == molecule:
            return tuple(entry["atomic_numbers"]), np.asarray(entry["coordinates"])
    toluene = Chem.AddHs(Chem.MolFromSmiles("Cc1ccccc1"))
    AllChem.EmbedMolecule(toluene, randomSeed=1)
    AllChem.MMFFOptimizeMolecule(toluene)
    numbers = tuple(atom.GetAtomicNum() for atom in toluene.GetAtoms())
    return numbers, np.asarray(toluene.GetConformer().GetPositions())


def _shared() -> Path:
    root = Path(__file__).resolve().parents[1]
    return Path(os.environ.get("MERROW_SHARED", root.parent / "shared"))


def _table(rows: list[dict[str, object]]) -> str:
    lines = ["molecule    K   native    torch  torchani [CPU ms]   vs torchani   vs torch"]
    for row in rows:
        lines.append(
            "{molecule:10} {batch:2} {native_ms:8.2f} {torch_ms:8.2f} {torchani_ms:9.2f} "
            "{speedup_vs_torchani:22.1f} {speedup_vs_torch:10.1f}".format(**row)
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
