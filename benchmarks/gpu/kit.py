# SPDX-License-Identifier: MIT
"""Right and fast on a GPU? Parts of at most 90 s, by name, on a machine that reaches no index.

    python benchmarks/gpu/pack.py                                  # here: build/gpu/pack.tar.xz
    python3 benchmarks/gpu/kit.py --pack build/gpu/pack.tar.xz --out OUT [PART ...]   # there

Without names all parts run, in the order below. Each is a process of its own with a limit of time:
one that fails is written down and the rest goes on. OUT/kit.json holds what is there after each
part, and a second call adds to it. `--device cpu` tries everything without a GPU, `--small` with
few steps. Nothing but Python is needed to begin: the pack brings what the machine lacks.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIMIT = 90.0
"""Time of a part [s], but for those that are given minutes."""
PARTS = {
    "machine": "devices, drivers, versions",
    "tests": "the tests that need a GPU, by pytest",
    "correct": "energies and forces on each platform and device against Reference",
    "steps-methanol26": "ms per step of methanol in 1.7k atoms",
    "steps-toluene26": "the same of toluene, with openmm-ml",
    "steps-toluene41": "in 6.8k atoms",
    "steps-toluene64": "in 26k atoms",
    "steps-erlotinib": "of a region of 52 atoms",
    "steps-helix": "of a region of 115 atoms, a peptide",
    "forces": "the cost of each force of the λ path, by leaving it out",
    "record": "ms of a record of all states",
    "batches": "ms per call, and its errors, for 1 to 256 conformers of 6 to 115 atoms",
    "processes": "steps per second of 1 to 16 processes, with and without MPS",
    "hydration": "a whole hydration free energy from prepared files",
    "nve": "drift of the energy and memory over many steps (--minutes)",
    "campaign": "a campaign of the prepared molecules for as long as is given (--minutes)",
    "thirty": "rows of hydration30 from prepared runs, for as long as is given (--minutes)",
    "complex": "a ligand in its protein, ML/MM beside MM, for as long as is given (--minutes)",
}


def main() -> None:
    """Unpack, run the parts that are named, and keep what each says."""
    given = reader().parse_args()
    if given.inside:
        inside(given)
        return
    unknown = [name for name in given.parts if name not in PARTS]
    if unknown:
        raise SystemExit(f"there is no part {unknown[0]}; choose of {', '.join(PARTS)}.")
    given.out.mkdir(parents=True, exist_ok=True)
    environment = unpacked(given)
    for name in given.parts or PARTS:
        began = time.monotonic()
        answer = one_part(given, name, environment)
        keep(given.out / "kit.json", name, {"s": round(time.monotonic() - began, 1)} | answer)
        print(f"{name}: {json.dumps(answer)[:1500]}", flush=True)


def reader() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="; ".join(PARTS))
    parser.add_argument("--pack", type=Path, help="archive of pack.py; default: what is installed")
    parser.add_argument(
        "--unpack", type=Path, default=ROOT / "build" / "gpu" / "unpacked", help="where it goes"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--systems", type=Path, help="folder with NAME/solvated.prmtop and .inpcrd")
    parser.add_argument("--models", type=Path, help="folder with weights; default: the pack's")
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--potential", default="ani1ccx")
    parser.add_argument("--cutoff", type=float, default=9.0, help="[Å]")
    parser.add_argument("--minutes", type=float, default=1.0, help="of nve and the last three")
    parser.add_argument("--limit", type=float, default=LIMIT, help="of a part [s]")
    parser.add_argument("--small", action="store_true", help="few steps: does it work at all?")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    return parser


def unpacked(given: argparse.Namespace) -> dict[str, str]:
    """Return the environment of the parts, in which the pack is installed."""
    paths, environment = [str(ROOT / "src")], dict(os.environ)
    given.systems = given.systems or ROOT / "build" / "gpu" / "systems"
    if given.pack is not None:
        place = given.unpack.resolve()
        if not place.is_dir():
            with tarfile.open(given.pack) as archive:
                if hasattr(tarfile, "data_filter"):  # Debian 12's Python 3.11.2 lacks it
                    archive.extraction_filter = tarfile.data_filter
                archive.extractall(place)
        given.systems = place / "systems"
        paths = [str(place / "src"), str(place / "site")]
        environment["MERROW_MODELS"] = str(place / "models")
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(
            [*libraries(), environment.get("LD_LIBRARY_PATH", "")]
        )
    if given.models is not None:
        environment["MERROW_MODELS"] = str(given.models.resolve())
    paths += [path for path in (environment.get("PYTHONPATH"),) if path]
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENMM_CPU_THREADS"), "1")
    return environment | one | {"PYTHONPATH": os.pathsep.join(paths)}


def libraries() -> list[str]:
    """Return folders of nvrtc and cufft, which OpenMM's plug-in loads: torch brings both."""
    places = [Path(path) / "nvidia" for path in sys.path if (Path(path) / "nvidia").is_dir()]
    places += sorted(Path("/usr/local").glob("cuda*"))
    found = [
        str(file.parent)
        for place in places
        for name in ("libnvrtc.so*", "libcufft.so*")
        for file in place.rglob(name)
    ]
    return list(dict.fromkeys(found))


def one_part(given: argparse.Namespace, name: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run a part in a process of its own; return what it found, or what went wrong."""
    answer = given.out / f"{name}.json"
    answer.unlink(missing_ok=True)
    words = [*("--inside", name, "--out", str(given.out), "--systems", str(given.systems))]
    for key in ("device", "potential", "cutoff", "minutes"):
        words += [f"--{key}", str(getattr(given, key))]
    long = name in ("nve", "campaign", "thirty", "complex")
    limit = given.limit + (60 * given.minutes if long else 0.0)
    try:
        done = subprocess.run(
            [sys.executable, __file__, *words, *(["--small"] if given.small else [])],
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        said = (done.stdout + done.stderr)[-1500:]
        told = f"exit code {done.returncode}: {said}" if done.returncode else ""
    except subprocess.TimeoutExpired as error:
        told = f"it ran past {limit:.0f} s: {str(error.stderr or '')[-800:]}"
    found = json.loads(answer.read_text()) if answer.exists() else {}
    return found | ({"error": told} if told else {})


def keep(path: Path, name: str, answer: dict[str, Any]) -> None:
    """Add the answer of a part to the file of all."""
    whole = json.loads(path.read_text()) if path.exists() else {}
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(whole | {name: answer}, indent=1) + "\n")
    scratch.replace(path)


def inside(given: argparse.Namespace) -> None:
    """Run one part in this process, and write down what it has found as it goes on."""
    sys.path.insert(0, str(HERE))
    import speed_parts  # noqa: PLC0415
    import work_parts  # noqa: PLC0415

    name, system = given.inside, ""
    if name.startswith("steps-"):
        name, system = "steps", name.removeprefix("steps-")
    path = given.out / f"{given.inside}.json"

    def told(found: dict[str, Any]) -> None:
        path.write_text(json.dumps(found, indent=1, default=str) + "\n")

    kit = speed_parts.Kit(
        out=given.out.resolve(),
        systems=given.systems,
        device=given.device,
        potential=given.potential,
        cutoff=given.cutoff,
        minutes=given.minutes,
        small=given.small,
        told=told,
    )
    part = getattr(speed_parts, name, None) or getattr(work_parts, name)
    told(part(kit, system) if system else part(kit))


if __name__ == "__main__":
    main()
