# SPDX-License-Identifier: MIT
"""Parts of the kit that do work as users do: many processes, a whole run, a campaign, a complex."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm
from speed_parts import Kit, context_of, on_gpu

from merrow.amber.topology import read_topology
from merrow.executor import core_count, process_pool
from merrow.meeting import Meeting
from merrow.mps import PIPES, shared_gpu
from merrow.trajectories import read_frames

ROOT = Path(__file__).resolve().parents[2]
TRIAL_S = 2.0
"""Time in which steps are counted [s]."""
LIGAND, LEGS = ":LIG", ("ml_mm", "mm")
FRAMES = 100
"""Frames of a complex that are brought back, at most."""


def processes(kit: Kit) -> dict[str, Any]:
    """Return steps per second of 1, 4, 8, 14 processes together, under MPS and without it.

    "mm" is the λ path without a network, "core" has the network on each process's core, "gpu" on
    the GPU. Without MPS only the path is tried.
    """
    most = core_count()
    counts = sorted({min(most, n) for n in ((1, 2) if kit.small else (1, 4, 8, 14))})
    kinds = ("mm", "core") if kit.device == "cpu" else ("mm", "core", "gpu")
    found: dict[str, Any] = {"system": kit.first("toluene26").name}
    for label, wanted in (("mps", kinds), ("turns", kinds[:1])):
        platform = kit.platform if label == "mps" else "none"
        with (
            tempfile.TemporaryDirectory() as place,
            shared_gpu(platform, counts[-1]) as environments,
            process_pool(counts[-1], (), environments) as pool,
        ):
            for kind in wanted:
                folder = Path(place) / kind
                folder.mkdir()
                told = (str(kit.systems), kind, kit.device, kit.potential, kit.cutoff, kit.small)
                jobs = [
                    pool.submit(pace, Meeting(folder, counts[-1], k), counts, *told)
                    for k in range(counts[-1])
                ]
                try:
                    rates = np.array([job.result() for job in jobs]).sum(axis=0)
                    found[f"{label} {kind}"] = dict(zip(counts, rates.round(1), strict=True))
                except Exception as error:  # the next kind may do
                    found[f"{label} {kind}"] = f"{type(error).__name__}: {error}"[:300]
                found[f"{label} is on"] = bool(environments[0].get(PIPES))
                kit.told(found)
    return found


def pace(
    meeting: Meeting,
    counts: list[int],
    systems: str,
    kind: str,
    device: str,
    potential: str,
    cutoff: float,
    small: bool,
) -> list[float]:
    """Return steps per second of this process while the first so many step, 0 where it rests."""
    kit = Kit(Path(), Path(systems), device, potential, cutoff, 0.0, small, print)
    try:
        system = kit.first("toluene26")
        place = device if kind == "gpu" else "cpu"
        chosen = kit.potential_on(system, place, "mm" if kind == "mm" else "")
        context = context_of(system, on_gpu(system, chosen), kit.platform)
        mm.LocalEnergyMinimizer.minimize(context, 10.0, 50)
        context.setVelocitiesToTemperature(298.15, meeting.place + 1)
        integrator, chunk, rates = context.getIntegrator(), 5 if small else 100, []
        integrator.step(chunk)
        for point, count in enumerate(counts):
            meeting.meet(point)
            began, done = time.perf_counter(), 0
            while meeting.place < count and (
                done == 0 or time.perf_counter() - began < (0.2 if small else TRIAL_S)
            ):
                integrator.step(chunk)
                context.getState(getEnergy=True)  # waits for the device
                done += chunk
            rates.append(done / max(time.perf_counter() - began, 1e-9))
        return rates
    except BaseException:
        meeting.leave()
        raise


def hydration(kit: Kit) -> dict[str, Any]:
    """Return the result of a hydration free energy, and how long it took from the command on."""
    name = next((n for n in ("methanol26", "toluene26") if n in kit.names()), kit.names()[0])
    prmtop, inpcrd = kit.files(name)
    out = kit.out / "hydration"
    words = ["hydration", prmtop, inpcrd, "--ml-mask", ":1", "--potential", kit.potential]
    words += ["--protocol", "demo", "--platform", kit.platform, "--out", out, *_tiny(kit)]
    began = time.monotonic()
    done = merrow(words, 85.0)
    found: dict[str, Any] = {"system": name, "rc": done[0], "wall_s": time.monotonic() - began}
    result = out / "result.json"
    if not result.exists():
        return found | {"tail": done[1]}
    told = json.loads(result.read_text())
    settings = told["settings"]
    kept = ("platform", "ml_device", "ml_device_ms", "gpu_steps_per_s")
    return found | {"headline": told["headline"]} | {key: settings.get(key) for key in kept}


def _tiny(kit: Kit) -> list[str]:
    """Return settings of a run that takes seconds and whose number is noise."""
    if not kit.small:
        return []
    settings = (
        *("cutoff_angstrom=6", "equilibration_ps=0.02", "gas_ps=1"),
        *("equilibration_per_state_ps=0.004", "record_interval_ps=0.004"),
        *("minimum_sampling_ps=0.096", "maximum_sampling_ps=0.096", "target_stderr_kcal=null"),
        *("endstate_water_ps=1",),
        "schedule={lambda_electrostatics: [1.0, 0.0], lambda_sterics: [0.5, 0.0]}",
    )
    return [word for setting in settings for word in ("--set", setting)]


def merrow(words: Sequence[object], seconds: float) -> tuple[int, str]:
    """Run the command line; return its exit code and the end of what it said."""
    program = "from merrow.cli.main import main; main()"
    command = [sys.executable, "-c", program, *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        told, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        told, _ = process.communicate()
    return process.returncode, told[-800:]


def nve(kit: Kit) -> dict[str, Any]:
    """Return the drift of the total energy at constant energy, and the growth of memory."""
    name = next((n for n in ("erlotinib", "toluene26") if n in kit.names()), kit.names()[0])
    system = kit.system(name)
    potential = kit.potential_on(system, kit.devices[-1])
    hybrid = on_gpu(system, potential)
    start = context_of(system, hybrid, kit.platform)
    mm.LocalEnergyMinimizer.minimize(start, 10.0, 100)
    start.setVelocitiesToTemperature(298.15, 1)
    start.getIntegrator().step(20 if kit.small else 5000)
    state = start.getState(getPositions=True, getVelocities=True)
    integrator = mm.VerletIntegrator(0.0005)
    integrator.setConstraintTolerance(1e-7)
    context = mm.Context(hybrid.system, integrator, *_platform(start))
    context.setState(state)
    chunk, until = (5, 20) if kit.small else (500, 100_000)
    times, energies, began = [], [], time.monotonic()
    first = _memory()
    for step in range(0, until, chunk):
        integrator.step(chunk)
        found = context.getState(getEnergy=True)
        total = found.getKineticEnergy() + found.getPotentialEnergy()
        times.append((step + chunk) * 5e-7)  # ns
        energies.append(total._value)
        kit.told({"system": name, "steps": step + chunk, "ns": times[-1]})
        if time.monotonic() - began > 60.0 * kit.minutes:
            break
    freedom = 3 * len(system.topology) - hybrid.system.getNumConstraints()
    slope, fit = np.polyfit(times, energies, 1) if len(times) > 2 else (float("nan"),) * 2
    scatter = float(np.std(np.array(energies) - slope * np.array(times) - fit))
    return {
        "system": name,
        "steps": len(times) * chunk,
        "drift_kj_per_ns_and_freedom": slope / freedom,
        "scatter_kj": scatter,
        "memory_growth_mb": round(_memory() - first, 1),
    }


def _platform(context: mm.Context) -> tuple[mm.Platform, dict[str, str]]:
    platform = context.getPlatform()
    wanted = [name for name in ("Precision",) if name in platform.getPropertyNames()]
    return platform, {name: platform.getPropertyValue(context, name) for name in wanted}


def _memory() -> float:
    """Return the memory of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def campaign(kit: Kit) -> dict[str, Any]:
    """Go on with a campaign of the prepared molecules; return its table, in the file's own keys."""
    table, out = kit.out / "molecules.csv", kit.out / "campaign"
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["name", "prmtop", "inpcrd", "ml_mask"])
        for name in kit.names():
            if name.endswith("26"):
                rows.writerow([name, *kit.files(name), ":1"])
    words = ["campaign", "run", table, "--potential", kit.potential, "--platform", kit.platform]
    words += ["--out", out, "--max-time", f"{kit.minutes}m", *_tiny(kit)]
    code, told = merrow(words, 60 * kit.minutes + 80.0)
    results = out / "results.csv"
    lines = list(csv.DictReader(results.open())) if results.exists() else []
    return {"rc": code, "tail": told, "rows": lines}


def tests(kit: Kit) -> dict[str, Any]:
    """Run the tests that need a GPU; return how they ended."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "--tb=short"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(ROOT / "tests" / "physics" / "test_on_gpu.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {"rc": done.returncode, "device": kit.device, "tail": done.stdout[-4000:]}


def thirty(kit: Kit) -> dict[str, Any]:
    """Go on with hydration30 from the prepared runs of the pack; return what they came to."""
    runs, prepared = kit.out / "hydration30", kit.systems.parent / "hydration30"
    if not runs.exists():
        shutil.copytree(prepared, runs)
    charges = [path.name.rpartition("-")[2] for path in runs.iterdir() if path.is_dir()]
    script = ROOT / "benchmarks" / "hydration30" / "run.py"
    words = ["--runs", runs, "--potential", kit.potential, "--charges", *charges]
    words += ["--platform", kit.platform, "--minutes", kit.minutes]
    done = subprocess.run(
        [sys.executable, str(script), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    return {"rc": done.returncode, "tail": (done.stdout + done.stderr)[-2000:]}


def complex(kit: Kit) -> dict[str, Any]:  # noqa: A001
    """Simulate a ligand in its protein, ML/MM beside MM; return speed, RMSD and B-factors.

    complex/frames.npz gets some dry frames of both; a second call goes on where this one stopped.
    """
    prmtop, inpcrd = kit.files("complex")
    if not prmtop.exists():
        return {"skipped": f"no {prmtop}: prepare one with merrow prepare complex, and pack it"}
    out, crystal = kit.out / "complex", prmtop.with_name("crystal.pdb")
    same = ["-p", prmtop, "-c", inpcrd]
    words = ["simulate", *same, "--ml-mask", LIGAND, "--potential", kit.potential, "--mm-reference"]
    words += ["--platform", kit.platform, "--cutoff", kit.cutoff, "--max-minutes", kit.minutes]
    code, told = merrow([*words, "--out", out, "-q", *_lengths(kit)], 60 * kit.minutes + 50.0)
    found: dict[str, Any] = {"rc": code, "tail": told, "ns_per_day": _speeds(out)}
    kit.told(found)
    if not all(any((out / leg).glob("prod-*.rst")) for leg in LEGS):
        return found
    words = ["analyze", *same, "-y", out / "ml_mm", "--mm-reference", out / "mm"]
    words += ["--ligand-mask", LIGAND, *(["--pdb", crystal] if crystal.exists() else [])]
    code, told = merrow([*words, "--out", out / "analysis"], 60.0)
    if code:
        return found | {"analysis": told}
    answer = json.loads((out / "analysis" / "analysis.json").read_text())
    kept = ("trajectory", "frames", "rmsd_a", "b_factor_correlation")
    runs = [{key: run.get(key) for key in kept} for run in answer["runs"]]
    topology, frames = read_topology(prmtop), {}
    for leg in LEGS:
        dry = read_frames(out / leg, topology)
        stride = -(-len(dry.positions) // FRAMES)
        frames[leg] = dry.positions[::stride].astype(np.float32)
    np.savez_compressed(out / "frames.npz", atoms=dry.atoms, **frames)
    return found | {"analysis": runs, "notes": answer["notes"]}


def _lengths(kit: Kit) -> list[str]:
    """Return lengths of the stages: more than the time will hold, in pieces of seconds."""
    small = (
        *("--minimisation", "5", "--equilibration", "0.04", "--length", "0.04", "--chunk", "0.02"),
        *("--frame-interval", "0.002", "--timestep", "0.001"),
    )
    real = (
        *("--minimisation", "200", "--equilibration", "20", "--length", "5000", "--chunk", "10"),
        *("--frame-interval", "0.5", "--timestep", "0.002"),
    )
    return list(small if kit.small else real)


def _speeds(out: Path) -> dict[str, float]:
    """Return the speed of the last production of each leg [ns/day]."""
    found = {}
    for leg in LEGS:
        for path in sorted((out / leg).glob("prod-*.info"))[-1:]:
            told = re.search(r"ns/day\s*=\s*([\d.]+)", path.read_text())
            found[leg] = float(told.group(1)) if told else float("nan")
    return found
