# SPDX-License-Identifier: MIT
"""How long until the hydration free energy is known to ±0.3 kcal/mol, beside a peer and beside MM?

ANI-2x, one core, GAFF2 solute in TIP3P. Five runs of each molecule, all through `run_hydration`, so
that states, exchange, records and estimators are the same:

- `peer_r1`: openmm-ml 1.8 gives the solute's energy in the direct route, flexible solute, 1 fs, on
  OpenMM's nonbonded forces;
- `ours_r1`, `ours_r1_4fs`: the same with our potential, at 1 fs and at 4 fs with heavy masses;
- `ours_default`: protocol quick (endpoint) as it comes, 4 fs;
- `mm`: the same path with GAFF inside, 4 fs.

The peer runs to ±0.6 only, and it and `ours_r1` equilibrate for a third of the time. CPU time,
preparation left out, is scaled to ±0.3 by T ∝ 1/stderr², for every run from the error that it
reached; equilibration stays as it is, in ratios to the peer at the length of protocol quick. An
error from two repeats is itself uncertain by a fifth or more, so a ratio by almost twice that much.

    python benchmarks/time_to_error.py --runs RUNS [--molecules methanol] [--json] [--quick]

Run it again with the same folder and it goes on; --quick shows in minutes that all of it runs, with
numbers that mean nothing. Peer: `pip install openmmml==1.8`.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from common import RESULTS, SMILES, Clock, Panel, ani_weights, figure, parser, save, show
from network_speed import state_dicts
from openmm import app

from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS, Schedule
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.tasks import Hamiltonian
from merrow.system.build import INTERNAL, HybridSystem
from merrow.units import ANGSTROM_PER_NM

MOLECULES = ("methanol", "toluene", "acetone")
WANTED, PEERS = 0.3, 0.6
R1 = {"name": "custom", "route": "direct", "gas_ps": 2.0, "minimum_sampling_ps": 4.0}
SHORTER = 3
"""The peer and what is compared with it at its settings equilibrate for this part of the time."""
QUICK = PROTOCOLS["quick"]
ONE_FS = {
    "timestep_fs": 1.0,
    "solute_masses": "prmtop",
    "equilibration_ps": QUICK.equilibration_ps / SHORTER,
    "equilibration_per_state_ps": QUICK.equilibration_per_state_ps / SHORTER,
}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "ours_default": ("ml", {"target_stderr_kcal": WANTED}),
    "mm": ("mm", {**R1, "target_stderr_kcal": WANTED}),
    "ours_r1_4fs": ("ml", {**R1, "target_stderr_kcal": WANTED}),
    "ours_r1": ("ml", {**R1, **ONE_FS, "target_stderr_kcal": PEERS}),
    "peer_r1": ("ml", {**R1, **ONE_FS, "target_stderr_kcal": PEERS}),
}
"""Potential of each run, and what it changes in protocol quick."""
SMALL = {
    "schedule": Schedule(lambda_electrostatics=(1.0, 0.0), lambda_sterics=(0.5, 0.0)),
    "n_waters": 200,
    "cutoff_angstrom": 6.0,
    "equilibration_ps": 0.2,
    "equilibration_per_state_ps": 0.1,
    "target_stderr_kcal": None,
    "minimum_sampling_ps": 0.1,
    "maximum_sampling_ps": 0.1,
    "record_interval_ps": 0.02,
    "gas_ps": 1.0,
    "endstate_water_ps": 1.0,
}
"""What --quick changes beside."""


def main() -> None:
    """Run what is missing, print, write `results/time_to_error.json`."""
    molecules = {"nargs": "+", "choices": MOLECULES, "default": MOLECULES[:2]}
    quick = {"action": "store_true", "help": "few states, small box, large errors; no results file"}
    options = parser(
        __doc__, "runs", "models", "json", molecules=molecules, quick=quick
    ).parse_args()
    model, weights = ani_weights(options.models, "ani2x", "ani1ccx")
    torch.set_num_threads(1)
    rows = {}
    for molecule in options.molecules:
        runs = {
            name: measure(
                molecule,
                name,
                options.runs / molecule / name,
                model,
                weights,
                SMALL if options.quick else {},
            )
            for name in RUNS
        }
        rows[molecule] = {"ratios": ratios(runs), "runs": runs}
    first = rows[options.molecules[0]]["ratios"]
    report = {**first, "molecule": options.molecules[0], "wanted_kcal": WANTED, "molecules": rows}
    folder = options.runs if options.quick else RESULTS
    save("time_to_error", report, folder / "time_to_error.json")
    figure("time_to_error", panels(rows), folder / "time_to_error.svg")
    if options.json:
        show(report)
    else:
        print(table(rows))


def measure(
    molecule: str, name: str, folder: Path, model: str, weights: Path, small: dict[str, Any]
) -> dict[str, Any]:
    """Run one variant to its error, or go on with it, and return its figures."""
    kind, changes = RUNS[name]
    config = HydrationConfig(
        source=Source(kind="smiles", smiles=SMILES[molecule]),
        potential=model if kind == "ml" else kind,
        protocol=QUICK.model_copy(update=changes | small),
        processes=1,
        mm_kernel="openmm" if name == "peer_r1" else "auto",
    )
    clock = Clock(folder.parent / f"{name}.cpu")
    with peer(model, weights) if name == "peer_r1" else nullcontext():
        result = run_hydration(config, folder, base=Path(), listen=clock.listen)
    found, ps = result.headline, result.diagnostics.numbers["ps_per_state"]
    equilibration = clock.seconds * equilibration_part(RunFolder(folder).config(), ps)
    whole = equilibration * (SHORTER if ONE_FS.items() <= changes.items() else 1)
    sampling = clock.seconds - equilibration
    return {
        "dg_kcal": found.value_kcal,
        "stderr_kcal": found.stderr_kcal,
        "ps_per_state": ps,
        "cpu_s": clock.seconds,
        "equilibration_cpu_s": equilibration,
        "cpu_s_to_wanted": whole + sampling * (found.stderr_kcal / WANTED) ** 2,
    }


def equilibration_part(config: HydrationConfig, ps_per_state: float) -> float:
    """Return the equilibration's part of all steps in water, which are taken to cost the same."""
    protocol = config.protocol
    n_states = len(protocol.schedule.states)
    each = protocol.equilibration_ps + n_states * protocol.equilibration_per_state_ps
    end = protocol.endstate_water_ps if protocol.route == "endpoint" else 0.0
    before = config.repeats * each
    return before / (before + n_states * ps_per_state + end)


@contextmanager
def peer(model: str, weights: Path) -> Iterator[None]:
    """Let openmm-ml's own force drive the solute in every hybrid system of this process.

    Version 1.8 returns forces per Å where OpenMM takes them per nm
    (`tests/physics/test_against_openmmml.py`); they are set right here, or it would sample another
    molecule.
    """
    try:
        from openmmml import MLPotential  # noqa: PLC0415
        from openmmml.models import anipotential  # noqa: PLC0415
    except ImportError as error:
        raise SystemExit("openmm-ml is not installed: pip install openmmml==1.8") from error
    os.environ["TORCHANI_DATA_DIR"] = str(state_dicts(model, weights))

    def hybrid(run: RunContext, hamiltonian: Hamiltonian) -> HybridSystem:
        if hamiltonian not in run._hybrids:
            plain = ours(replace(run, potential=run.classical, _hybrids={}), hamiltonian)
            system = plain.system
            for index in reversed(range(system.getNumForces())):
                if system.getForce(index).getForceGroup() == INTERNAL:
                    system.removeForce(index)
            topology = app.AmberPrmtopFile(str(run.prepared.topology.path)).topology
            atoms = list(plain.region.atoms)
            MLPotential(model)._impl.addForces(topology, system, atoms, INTERNAL)
            run._hybrids[hamiltonian] = plain
        return run._hybrids[hamiltonian]

    def compute(state: Any, **model: Any) -> tuple[Any, Any]:
        energy, forces = compute_peer(state, **model)
        return energy, factor * forces

    factor = ANGSTROM_PER_NM if importlib.metadata.version("openmmml") == "1.8" else 1.0
    ours, compute_peer = RunContext.hybrid, anipotential._computeANI
    with (
        patch.object(RunContext, "hybrid", hybrid),
        patch.object(anipotential, "_computeANI", compute),
    ):
        yield


def ratios(runs: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return how many times longer the other takes to the same error."""
    cost = {name: run["cpu_s_to_wanted"] for name, run in runs.items()}
    return {
        "r1_vs_openmmml_r1": cost["peer_r1"] / cost["ours_r1"],
        "r1_4fs_vs_openmmml_r1": cost["peer_r1"] / cost["ours_r1_4fs"],
        "best_vs_openmmml_r1": cost["peer_r1"] / cost["ours_default"],
        "best_vs_mm_only": cost["ours_default"] / cost["mm"],
    }


def panels(rows: dict[str, Any]) -> list[Panel]:
    """Return the figure's parts: the error of each run by the time, by T ∝ 1/stderr²."""
    found = []
    for molecule, row in rows.items():
        lines = {}
        for name, run in row["runs"].items():
            errors = [2 * WANTED, WANTED, WANTED / 2]
            minutes = [run["cpu_s_to_wanted"] / 60 * (WANTED / error) ** 2 for error in errors]
            lines[name] = (minutes, errors)
        found.append(Panel(molecule, "CPU time [min]", "stderr [kcal/mol]", lines))
    return found


def table(rows: dict[str, Any]) -> str:
    """Return what a terminal shows."""
    lines = []
    for molecule, row in rows.items():
        lines.append(f"{molecule}: CPU minutes to ±{WANTED} kcal/mol")
        lines += [
            f"  {name:13}{run['cpu_s_to_wanted'] / 60:8.1f}   ({run['dg_kcal']:.2f} ± "
            f"{run['stderr_kcal']:.2f} in {run['cpu_s'] / 60:.1f})"
            for name, run in row["runs"].items()
        ]
        lines += [f"  {name:22} {value:6.1f}" for name, value in row["ratios"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
