# SPDX-License-Identifier: MIT
"""What does a step of ML/MM through sander cost beyond sander itself and the model?

One box, one sander, several ways, interleaved: plain MM; a null client (a program
that does nothing, results lying ready); our compiled client and server with a model that costs
nothing; our client in Python; the potential itself. The time of a step is the slope between the
fastest short and the fastest long run of several rounds, so that start-up drops out.

    python benchmarks/sander_loop.py --prmtop solvated.prmtop --restart eq.rst7 --mask :1

With `--amber-mlips FOLDER --mace FILE` that program runs the same box too, with a model that costs
nothing and with a MACE that both read from one file. Rounds are kept in the result, and more can be
added: `--add` goes on from what stands there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import amber_mlips
import numpy as np
from common import RESULTS, parser, save, show

from merrow.amber.topology import read_topology
from merrow.ambertools.programs import find_program
from merrow.sander import scratch as sander_scratch
from merrow.sander.files import read_geometry, results_text
from merrow.sander.input import read_input, write_input
from merrow.sander.models import Job, Models
from merrow.sander.server import ModelServer, Reply, Request
from merrow.system.region import MLRegion, select_region

CNTRL = "imin=0, irest=1, ntx=5, dt=1e-5, ntpr=100000, ntwx=0, ntwr=100000, ntb=1"
"""Steps so short that any model does, one that was made for other molecules too."""

Way = Callable[[int], "Timed"]
"""Runs so many steps."""


@dataclass(frozen=True)
class Case:
    """One box and its region, with what sander reads for MM, but for the number of steps."""

    prmtop: Path
    restart: Path
    region: MLRegion
    mask: str
    cntrl: str

    @property
    def mm(self) -> str:
        return f"loop\n &cntrl {self.cntrl},\n /\n"

    def ml(self, potential: str) -> str:
        """Return sander's input for ML/MM."""
        text = self.mm.replace("\n /", " ifmlp=1,\n /")
        text += f" &mlp animask='{self.mask}', potential='{potential}' /\n"
        source = read_input(text, source="mdin")
        atoms = [atom + 1 for atom in self.region.atoms]
        return write_input(source, atoms=atoms, charge=self.region.molecule.charge)

    def job(self, potential: str) -> str:
        """Return what the server must know."""
        return Job(
            prmtop=str(self.prmtop),
            atoms=self.region.atoms,
            potential=potential,
            precision="float64",
        ).model_dump_json()


@dataclass(frozen=True)
class Timed:
    """Wall time [s] and the ML energy that sander printed at the end [kcal/mol]."""

    seconds: float
    energy: float | None


def nothing(request: Request) -> Reply:
    """A model that costs nothing: no energy, no forces, the files read and written all the same."""
    geometry = read_geometry(request.input, request.geometry)
    return Reply(results_text(0.0, np.zeros_like(geometry.positions)), "0.0 nan\n")


def run(case: Case, text: str, steps: int, environment: dict[str, str]) -> Timed:
    """Run sander for so many steps."""
    work = Path(tempfile.mkdtemp(prefix="merrow-loop-"))
    (work / "mdin").write_text(text.replace("1234567", str(steps)))
    results = results_text(0.0, np.zeros((len(case.region.atoms), 3)))
    (work / "orc_job.engrad").write_text(results)
    command = [find_program("sander"), "-O", "-i", "mdin", "-o", "mdout", "-r", "restrt"]
    begin = time.perf_counter()
    subprocess.run(
        [*map(str, command), "-p", str(case.prmtop), "-c", str(case.restart)],
        cwd=work,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - begin
    told = re.search(r"EXTERNESCF\s*=\s*(\S+)", (work / "mdout").read_text())
    shutil.rmtree(work)
    return Timed(seconds, float(told[1]) if told else None)


def programs(folder: Path) -> dict[str, Path]:
    """Make folders of programs: null, compiled, python."""
    (folder / "null").mkdir()
    (folder / "null" / "orca").symlink_to(shutil.which("true") or "/bin/true")
    if sander_scratch.COMPILED_CLIENT.is_file():
        sander_scratch.install_client(folder / "compiled")
    compiled = sander_scratch.COMPILED_CLIENT
    sander_scratch.COMPILED_CLIENT = Path("not-there")
    sander_scratch.install_client(folder / "python")
    sander_scratch.COMPILED_CLIENT = compiled
    return {path.name: path for path in folder.iterdir()}


def ours(case: Case, potential: str, folder: Path, socket: Path | None) -> Way:
    """Return a way through one of our clients, or through one that does nothing."""
    environment = {
        "MERROW_SOCKET": str(socket),
        "MERROW_JOB": case.job(potential),
        "PATH": f"{folder}:{os.environ['PATH']}",
    }
    return lambda steps: run(case, case.ml(potential), steps, environment)


def theirs(case: Case, stack: contextlib.ExitStack, asked: argparse.Namespace, model: str) -> Way:
    """Return a way through amber-mlips."""
    charge = case.region.molecule.charge
    region = f"qmmask='{case.mask}', qmcharge={charge}, spin=1"
    keywords = f"--model {model} --device cpu --mace-default-dtype float64"
    peer = stack.enter_context(amber_mlips.peer(asked.amber_mlips, case.cntrl, region, keywords))
    return lambda steps: run(case, peer.text, steps, peer.environment)


def ways(case: Case, stack: contextlib.ExitStack, asked: argparse.Namespace) -> dict[str, Way]:
    """Return all ways to run the box, with their servers started."""
    folder = Path(tempfile.mkdtemp(prefix="merrow-loop-bin-"))
    stack.callback(shutil.rmtree, folder)
    bins, models = programs(folder), Models()
    free = stack.enter_context(ModelServer(folder / "n" / "socket", nothing)).path
    model = stack.enter_context(ModelServer(folder / "m" / "socket", models.answer)).path
    best = bins.get("compiled", bins["python"])
    found: dict[str, Way] = {
        "mm": lambda steps: run(case, case.mm, steps, {}),
        "null_client": ours(case, "mm", bins["null"], None),
        "client": ours(case, "mm", best, free),
        "python_client": ours(case, "mm", bins["python"], free),
        "potential": ours(case, asked.potential, best, model),
    }
    models.open(case.job(asked.potential))
    if asked.mace:
        models.open(case.job(f"mace:{asked.mace}"))
        found["mace"] = ours(case, f"mace:{asked.mace}", best, model)
    if asked.amber_mlips:
        found["amber_mlips_client"] = theirs(case, stack, asked, "builtin:zero")
        if asked.mace:
            found["amber_mlips_mace"] = theirs(case, stack, asked, str(asked.mace))
    return found


def main() -> None:
    """Measure and write `results/sander_loop.json`."""
    asked = arguments()
    topology = read_topology(asked.prmtop)
    cntrl = f"{CNTRL}, cut={asked.cutoff}, nstlim=1234567"
    region = select_region(topology, asked.mask)
    case = Case(asked.prmtop, asked.restart, region, asked.mask, cntrl)
    old = RESULTS / "sander_loop.json"
    found = json.loads(old.read_text())["rounds_seconds"] if asked.add else {}
    energies = {}
    short, long = asked.steps
    with contextlib.ExitStack() as stack:
        all_ways = ways(case, stack, asked)
        for _ in range(asked.rounds):
            for name, way in all_ways.items():
                few, many = way(short), way(long)
                found.setdefault(name, []).append([round(each.seconds, 3) for each in (few, many)])
                energies[name] = few.energy
            about = {
                "atoms": len(topology),
                "ml_atoms": len(region.atoms),
                "cutoff": asked.cutoff,
                "steps": asked.steps,
                "potential": asked.potential,
                "mace": asked.mace and asked.mace.name,
                "ml_energy_kcal": energies,
            }
            told = summary({name: slope(each, long - short) for name, each in found.items()})
            show(told)
            save("sander_loop", {**about, **told, "rounds_seconds": found})


def slope(rounds: list[list[float]], steps: int) -> float:
    """Return the time of a step [ms] from the fastest short and the fastest long run."""
    few, many = min(pair[0] for pair in rounds), min(pair[1] for pair in rounds)
    return round(1e3 * (many - few) / steps, 3)


def summary(best: dict[str, float]) -> dict[str, object]:
    """Return the times of a step [ms], and what is to be told about them."""
    told: dict[str, float] = {
        "overhead_over_null_client_ms": best["client"] - best["null_client"],
        "overhead_over_plain_mm_ms": best["client"] - best["mm"],
    }
    if "amber_mlips_client" in best:
        told["amber_mlips_overhead_over_plain_mm_ms"] = best["amber_mlips_client"] - best["mm"]
    if "amber_mlips_mace" in best:
        told["amber_mlips_mace_over_ours"] = best["amber_mlips_mace"] / best["mace"]
    return {"ms_per_step": best, **{name: round(value, 3) for name, value in told.items()}}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    path = {"type": lambda text: Path(text).absolute()}
    return parser(
        __doc__,
        "mask",
        "potential",
        prmtop={**path, "required": True},
        restart={**path, "required": True},
        cutoff=8.0,
        steps={"type": int, "nargs": 2, "default": (50, 300)},
        rounds=3,
        add={"action": "store_true", "help": "to the rounds of the result"},
        amber_mlips={**path, "help": "where it was installed"},
        mace={**path, "help": "a .model file"},
    ).parse_args()


if __name__ == "__main__":
    main()
