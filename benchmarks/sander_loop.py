# SPDX-License-Identifier: MIT
"""What does a step of ML/MM through sander cost beyond sander itself and the model?

One box, one sander, five ways, interleaved: plain MM; a null client (a program
that does nothing, results lying ready); our compiled client and server with a model that costs
nothing; our client in Python; the potential itself. The time of a step is the slope between a short
and a long run, so that start-up drops out; of several rounds the fastest counts.

    python benchmarks/sander_loop.py --prmtop solvated.prmtop --restart eq.rst7 --mask :1
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import save

from mlmm.amber.topology import read_topology
from mlmm.external import extern_run
from mlmm.external.extern import read_input, write_input
from mlmm.external.extern_files import read_geometry, results_text
from mlmm.external.programs import find_program
from mlmm.server.model_server import ModelServer, Reply, Request
from mlmm.system.region import select_region
from mlmm.workflows.model_server import Job, Models

CNTRL = "imin=0, irest=1, ntx=5, dt=0.0005, ntpr=100000, ntwx=0, ntwr=100000, ntb=1"


@dataclass(frozen=True)
class Case:
    """One box, with what sander reads for MM and for ML/MM, but for the number of steps."""

    prmtop: Path
    restart: Path
    mm: str
    ml: str
    job: str
    n_atoms: int


def make_case(asked: argparse.Namespace) -> Case:
    """Write the inputs; NSTLIM stands for the number of steps."""
    topology = read_topology(asked.prmtop)
    region = select_region(topology, asked.mask)
    mm = f"loop\n &cntrl {CNTRL}, cut={asked.cutoff}, nstlim=1234567,\n /\n"
    ml = mm.replace("\n /", " ifmlp=1,\n /")
    ml += f" &mlp animask='{asked.mask}', potential='{asked.potential}' /\n"
    source = read_input(ml, where="mdin")
    atoms = [atom + 1 for atom in region.atoms]
    text = write_input(source, atoms=atoms, charge=region.molecule.charge)
    job = Job(str(asked.prmtop), region.atoms, asked.potential).dumps()
    return Case(asked.prmtop, asked.restart, mm, text, job, len(region.atoms))


def nothing(request: Request) -> Reply:
    """A model that costs nothing: no energy, no forces, the files read and written all the same."""
    geometry = read_geometry(request.input, request.geometry)
    return Reply(results_text(0.0, np.zeros_like(geometry.positions)), "0.0 nan\n")


def run(case: Case, text: str, steps: int, bin_folder: Path | None, socket: Path | None) -> float:
    """Return the wall time of one run [s]."""
    work = Path(tempfile.mkdtemp(prefix="mlmm-loop-"))
    (work / "mdin").write_text(text.replace("1234567", str(steps)))
    (work / "orc_job.engrad").write_text(results_text(0.0, np.zeros((case.n_atoms, 3))))
    environment = {**os.environ, "MLMM_SOCKET": str(socket), "MLMM_JOB": case.job}
    if bin_folder is not None:
        environment["PATH"] = f"{bin_folder}:{environment['PATH']}"
    command = [find_program("sander"), "-O", "-i", "mdin", "-o", "mdout", "-r", "restrt"]
    begin = time.perf_counter()
    subprocess.run(
        [*map(str, command), "-p", str(case.prmtop), "-c", str(case.restart)],
        cwd=work,
        env=environment,
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - begin
    shutil.rmtree(work)
    return seconds


def programs(folder: Path) -> dict[str, Path]:
    """Make folders of programs: null, compiled, python."""
    (folder / "null").mkdir()
    (folder / "null" / "orca").symlink_to(shutil.which("true") or "/bin/true")
    if extern_run.COMPILED_CLIENT.is_file():
        extern_run.install_client(folder / "compiled")
    compiled = extern_run.COMPILED_CLIENT
    extern_run.COMPILED_CLIENT = Path("not-there")
    extern_run.install_client(folder / "python")
    extern_run.COMPILED_CLIENT = compiled
    return {path.name: path for path in folder.iterdir()}


def main() -> None:
    """Measure and write `results/sander_loop.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prmtop", type=Path, required=True)
    parser.add_argument("--restart", type=Path, required=True)
    parser.add_argument("--mask", default=":1")
    parser.add_argument("--potential", default="ani2x")
    parser.add_argument("--cutoff", type=float, default=8.0)
    parser.add_argument("--steps", type=int, nargs=2, default=(50, 300))
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    asked.prmtop, asked.restart = asked.prmtop.absolute(), asked.restart.absolute()
    case = make_case(asked)
    folder = Path(tempfile.mkdtemp(prefix="mlmm-loop-bin-"))
    models = Models()
    models.open(case.job)
    with (
        ModelServer(folder / "n" / "socket", nothing) as free,
        ModelServer(folder / "m" / "socket", models.answer) as model,
    ):
        (folder / "bin").mkdir()
        bins = programs(folder / "bin")
        ways: dict[str, Callable[[int], float]] = {
            "mm": lambda n: run(case, case.mm, n, None, None),
            "null_client": lambda n: run(case, case.ml, n, bins["null"], None),
            "python_client": lambda n: run(case, case.ml, n, bins["python"], free.path),
            "potential": lambda n: run(case, case.ml, n, bins["compiled"], model.path),
        }
        if "compiled" in bins:
            ways["compiled_client"] = lambda n: run(case, case.ml, n, bins["compiled"], free.path)
        else:
            ways["potential"] = lambda n: run(case, case.ml, n, bins["python"], model.path)
        short, long = asked.steps
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(asked.rounds):
            for name, way in ways.items():
                found[name].append(1e3 * (way(long) - way(short)) / (long - short))
    shutil.rmtree(folder)
    best = {name: round(min(values), 3) for name, values in found.items()}
    client = best.get("compiled_client", best["python_client"])
    content = {
        "system": {"atoms": len(read_topology(case.prmtop)), "ml_atoms": case.n_atoms},
        "potential": asked.potential,
        "ms_per_step": best,
        "all_rounds_ms_per_step": found,
        "overhead_over_null_client_ms": round(client - best["null_client"], 3),
        "overhead_over_plain_mm_ms": round(client - best["mm"], 3),
    }
    print(save("sander_loop", content), content)


if __name__ == "__main__":
    main()
