# SPDX-License-Identifier: MIT
"""How much faster is the native ANI kernel than torchani and than our own torch path?

All variants are measured in turn, round after round, in one run on one thread; times are CPU time
of the process (median over rounds), so that a busy machine disturbs them least. Numbers from two
runs must not be divided by each other. `python benchmarks/ani_kernel.py --help` says the rest.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchani
from common import geometry, header, interleaved, parser, save, show
from numpy.typing import NDArray

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
    model = {"default": "ani2x", "choices": sorted(ANI_MODELS)}
    asked = parser(__doc__, "models", "rounds", "json", model=model).parse_args()
    torch.set_num_threads(1)
    rows = [
        row
        for molecule in MOLECULES
        for row in measure(molecule, asked.model, asked.models, asked.rounds)
    ]
    report = {"model": asked.model, "threads": 1, "rounds": asked.rounds, "rows": rows}
    save("ani_kernel", report)
    if asked.json:
        show({**report, "environment": header()})
    else:
        print(_table(rows))


def measure(molecule: str, model: str, folder: Path, rounds: int) -> list[dict[str, object]]:
    """Return one row for each batch size of one molecule."""
    about, positions = geometry(molecule)
    numbers = about.numbers
    path = folder / f"{model}_state_dict.pt"
    parameters = read_ani(path, ANI_MODELS[model])
    native = NativeAni(parameters, numbers)
    ours = TorchAni(parameters, numbers, "float32")
    eager = _eager(model, path, numbers)
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


def _eager(model: str, path: Path, numbers: tuple[int, ...]) -> Callable[[Array], object]:
    """Return eager torchani, float32, energies and forces as a user calls it."""
    os.environ["TORCHANI_DATA_DIR"] = str(state_dicts(path))
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


def state_dicts(path: Path) -> Path:
    """Return a folder laid out as torchani looks for weights, so that nothing is downloaded."""
    folder = Path(tempfile.mkdtemp(prefix="torchani-"))
    (folder / "StateDicts").mkdir()
    (folder / "StateDicts" / path.name).symlink_to(path.resolve())
    return folder


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
