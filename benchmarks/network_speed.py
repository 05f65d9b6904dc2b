# SPDX-License-Identifier: MIT
"""How long do networks take in one form or another, measured in turn?

- ani: our native kernel, our torch path, and torchani, eager, float32;
- aimnet2: our members side by side, and the published file as its authors mean it, TorchScript with
  its optimisations on, one member after the other;
- mace: TorchScript, and the same layers called from Python; the small MACE of the tests, and an
  untrained one of the shape of MACE-OFF23-small (96 scalar channels, two layers, correlation 3,
  angular momenta up to 3, 4.5 Å): its numbers mean nothing, its time does;
- spread: an evaluation as a step makes it, and the spread of the forces over the members as a block
  of mdout makes it, whose cost for a step is divided by ntpr.

One run, one thread, round after round; CPU time, median, so that a busy machine disturbs least.
Numbers from two runs must not be divided by each other. Differences of energies and forces stand
beside the times.

    python benchmarks/network_speed.py ani
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial, partialmethod
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from common import ROOT, ani_weights, geometry, parser, save, show

from merrow.engine.timing import time_in_turn
from merrow.potentials import Molecule, load_potential
from merrow.potentials.aimnet2.weights import AIM_WEIGHTS
from merrow.potentials.ani.files import read_ani
from merrow.potentials.ani.models import ANI_MODELS
from merrow.potentials.ani.native_engine import NativeAni
from merrow.potentials.ani.torch_engine import TorchAni
from merrow.potentials.ensemble import force_spread
from merrow.potentials.mace.files import MaceParameters, read_mace
from merrow.potentials.mace.network import DTYPES, MaceEngine, build_network, library
from merrow.units import EV_KCAL

Array = np.ndarray
MOLECULES = ("methanol", "toluene", "erlotinib")
DISPLACEMENT, SEED, PRECISION, WARM_UP = 0.05, 7, "float32", 4
TORCHANI = {"ani2x": "ANI2x", "ani1ccx": "ANI1ccx", "ani1x": "ANI1x"}
"""Names that torchani has for the models."""
TINY_MACE = ROOT / "tests" / "data" / "tiny_mace.model"
MACE_ELEMENTS = {1: -13.6, 6: -1030.0, 7: -1486.0, 8: -2043.9}
"""Elements of the untrained MACE, with energies of isolated atoms [eV]."""


@dataclass(frozen=True)
class Case:
    """One molecule and batch: what it is, and calls by name that do the same.

    Attributes:
        ratios: Of two of the times, by name: (above, below).
    """

    about: dict[str, Any]
    calls: dict[str, Callable[[], Any]]
    ratios: dict[str, tuple[str, str]] = field(default_factory=dict)

    def row(self, rounds: int) -> dict[str, Any]:
        """Return the times [ms] and their ratios."""
        for call in WARM_UP * tuple(self.calls.values()):  # TorchScript still compiles
            call()
        ms = {name: found.cpu for name, found in time_in_turn(self.calls, rounds=rounds).items()}
        times = {f"{name}_ms": value for name, value in ms.items()}
        return {**self.about, **times, **{k: ms[a] / ms[b] for k, (a, b) in self.ratios.items()}}


def main() -> None:
    """Measure one kind, print, write its file in `results/`."""
    reader = parser(__doc__, "rounds")
    reader.add_argument("kind", choices=KINDS)
    asked = reader.parse_args()
    torch.set_num_threads(1)
    name, cases = KINDS[asked.kind]
    rows = [case.row(asked.rounds) for case in cases()]
    show(rows)
    save(name, {"threads": 1, "seed": SEED, "rounds": asked.rounds, "rows": rows})


def batches(name: str, sizes: tuple[int, ...]) -> Iterator[tuple[dict[str, Any], Molecule, Array]]:
    """Yield, for each size of a batch, a row's beginning, the molecule, and its conformers."""
    molecule, positions = geometry(name)
    rng = np.random.default_rng(SEED)
    for k in sizes:
        x = positions + DISPLACEMENT * rng.standard_normal((k, *positions.shape))
        # float32 holds these, to which some files round
        yield {"molecule": name, "batch": k}, molecule, np.round(x * 1024) / 1024


def ani(
    model: str = "ani2x",
    names: tuple[str, ...] = MOLECULES,
    sizes: tuple[int, ...] = (1, 4, 12),
) -> Iterator[Case]:
    """Yield the cases of an ANI model."""
    model, path = ani_weights(None, model)
    parameters = read_ani(path, ANI_MODELS[model])
    for name in names:
        for about, molecule, x in batches(name, sizes):
            native = NativeAni(parameters, molecule.numbers)
            calls = {
                "native": partial(native.evaluate, x),
                "torch": partial(TorchAni(parameters, molecule.numbers, PRECISION).evaluate, x),
                "torchani": partial(eager_torchani(model, path, molecule), x),
            }
            ratios = {f"speedup_vs_{other}": (other, "native") for other in ("torchani", "torch")}
            yield Case({**about, "isa": native.isa}, calls, ratios)


def eager_torchani(model: str, path: Path, molecule: Molecule) -> Callable[[Array], object]:
    """Return an ANI model of torchani, energies and forces as a user calls it."""
    import torchani  # noqa: PLC0415

    os.environ["TORCHANI_DATA_DIR"] = str(state_dicts(model, path))
    network = getattr(torchani.models, TORCHANI[model])()
    species = torch.tensor([molecule.numbers])

    def call(x: Array) -> tuple[Array, Array]:
        leaf = torch.tensor(x, dtype=torch.float32, requires_grad=True)
        energies = network((species.expand(len(x), -1), leaf)).energies
        (gradient,) = torch.autograd.grad(energies.sum(), leaf)
        return energies.detach().numpy(), -gradient.numpy()

    return call


def state_dicts(model: str, path: Path) -> Path:
    """Return a folder laid out as torchani looks for weights, so that nothing is downloaded.

    Files made from the wheel of torchani 2.0 lack two tables that follow from the elements, and
    that later versions ask for; torchani itself puts them in.
    """
    import torchani  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="torchani-"))
    kept = folder / "StateDicts" / path.name
    kept.parent.mkdir()
    kept.symlink_to(path.resolve())
    os.environ["TORCHANI_DATA_DIR"] = str(folder)
    lenient = partialmethod(torch.nn.Module.load_state_dict, strict=False)
    with patch.object(torch.nn.Module, "load_state_dict", lenient):
        whole = getattr(torchani.models, TORCHANI[model])()
    kept.unlink()
    torch.save(whole.state_dict(), kept)
    return folder


def aimnet2() -> Iterator[Case]:
    """Yield the cases of AIMNet2."""
    published = torch.jit.load(str(AIM_WEIGHTS["aimnet2"].fetch())).eval()
    for name in MOLECULES:
        for about, molecule, x in batches(name, (1, 8)):
            told = {
                "coord": torch.tensor(x, dtype=torch.float32),
                "numbers": torch.tensor([molecule.numbers] * len(x)),
                "charge": torch.zeros(len(x)),
            }
            ours = partial(load_potential("aimnet2", molecule).evaluate, x)
            theirs = partial(lambda told: published(dict(told)), told)
            one, other = ours(), theirs()
            energy = one.energies / EV_KCAL - other["energy"].detach().numpy()
            force = one.forces / EV_KCAL - other["forces"].detach().numpy()
            about["largest_energy_difference_ev"] = float(np.abs(energy).max())
            about["largest_force_difference_ev_per_a"] = float(np.abs(force).max())
            calls = {"ours": ours, "published": theirs}
            yield Case(about, calls, {"speedup": ("published", "ours")})


def mace() -> Iterator[Case]:
    """Yield the cases of two MACE models."""
    tiny, shaped = read_mace(TINY_MACE), shaped_like_off23_small()
    models = (("methanol", "tiny", tiny), ("methanol", "off23-small", shaped))
    for name, model, parameters in (*models, ("toluene", "off23-small", shaped)):
        for about, molecule, x in batches(name, (1, 8)):
            script, layers = (MaceEngine(parameters, molecule.numbers, PRECISION) for _ in range(2))
            network = build_network(parameters)
            network.get_buffer("atomic_energies_fn.atomic_energies").zero_()
            layers._network = network.to(DTYPES[PRECISION])
            calls = {"script": partial(script.evaluate, x), "layers": partial(layers.evaluate, x)}
            one, other = (call() for call in calls.values())
            about |= {
                "model": model,
                "equal_energies": bool((one.energies == other.energies).all()),
                "largest_force_difference": float(np.abs(one.forces - other.forces).max()),
            }
            yield Case(about, calls, {"ratio": ("script", "layers")})


def shaped_like_off23_small() -> MaceParameters:
    """Return an untrained model of that shape."""
    modules, irreps = library(), library("e3nn.o3").Irreps
    torch.manual_seed(SEED)
    first = modules.interaction_classes["RealAgnosticInteractionBlock"]
    later = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    model = modules.ScaleShiftMACE(
        **{"r_max": 4.5, "num_bessel": 8, "num_polynomial_cutoff": 5, "max_ell": 3},
        **{"interaction_cls": later, "interaction_cls_first": first, "num_interactions": 2},
        **{"num_elements": len(MACE_ELEMENTS), "atomic_numbers": list(MACE_ELEMENTS)},
        **{"hidden_irreps": irreps("96x0e"), "MLP_irreps": irreps("16x0e"), "correlation": 3},
        **{"gate": torch.nn.functional.silu},
        **{"atomic_energies": np.array(list(MACE_ELEMENTS.values()))},
        **{"avg_num_neighbors": 20.0, "radial_MLP": [64, 64, 64]},
        **{"atomic_inter_scale": 1.0, "atomic_inter_shift": 0.0},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shaped.model"
        torch.save(model, path)
        return read_mace(path)


def spread() -> Iterator[Case]:
    """Yield the cases of the spread of forces."""
    for potential in ("ani2x", "aimnet2"):
        for name in MOLECULES:
            for about, molecule, x in batches(name, (1,)):
                network = load_potential(potential, molecule, precision=PRECISION)
                calls = {
                    "evaluate": partial(network.evaluate, x),
                    "force_spread": partial(force_spread, network, x),
                }
                ratio = {"ratio": ("force_spread", "evaluate")}
                yield Case({"potential": potential, **about}, calls, ratio)


KINDS = {
    "ani": ("ani_kernel", ani),
    "aimnet2": ("aimnet2_network", aimnet2),
    "mace": ("mace_script", mace),
    "spread": ("force_spread", spread),
}

if __name__ == "__main__":
    main()
