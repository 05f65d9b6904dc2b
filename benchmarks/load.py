# SPDX-License-Identifier: MIT
"""Do memory, open files and disk stay bounded where a run is large?

    python benchmarks/load.py --folder FOLDER PART...

Parts: `windows` (a hydration run of 64 windows on two cores), `campaign-25`, `campaign-50`,
`campaign-100` (tiny molecules; the slope tells what 500 need), `atoms` (an ML/MM system of 50,000
atoms), `frames` (a trajectory of 100,000 frames). Each part is one command, watched ten times a
second with all processes that it starts; what is done is kept in FOLDER and not done again.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, parser, save
from fault_runs import MERROW, SYSTEMS, Command, marked

TINY = (
    *("cutoff_angstrom=6", "n_waters=200", "equilibration_ps=0.004"),
    *("equilibration_per_state_ps=0.004", "record_interval_ps=0.004", "minimum_sampling_ps=0.016"),
    *("maximum_sampling_ps=0.016", "gas_ps=0.1", "target_stderr_kcal=null"),
)
PATH = "schedule={lambda_electrostatics: [1.0, 0.0], lambda_sterics: [0.5, 0.0]}"
MOLECULES = ("methane", "methanol", "ethanol", "acetone")
MDIN = """large
 &cntrl
  imin=0, nstlim={steps}, dt=0.0005, ntb={ntb}, cut={cut}, ig=11, tempi=300.0,
  ntt=3, gamma_ln=5.0, temp0=300.0, ntpr={every}, ntwx={frames}, ntwr={every}, ifmlp=1,
 /
 &mlp animask=':1', potential='tiny-ani' /
"""


class Watch:
    """The most that a command and what it starts had at one time."""

    def __init__(self, mark: str) -> None:
        self.mark, self.done = mark, threading.Event()
        self.most = {"processes": 0, "resident_mb": 0.0, "handles": 0}
        self.course: list[float] = []
        self.thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def _look(self) -> None:
        while not self.done.wait(0.1):
            pids = marked(self.mark)
            now = {"processes": len(pids), "resident_mb": 0.0, "handles": 0}
            for pid in pids:
                try:
                    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                    now["resident_mb"] += pages * os.sysconf("SC_PAGE_SIZE") / 2**20
                    now["handles"] += len(os.listdir(f"/proc/{pid}/fd"))
                except OSError:
                    continue
            self.course.append(now["resident_mb"])
            self.most = {key: max(value, now[key]) for key, value in self.most.items()}


def measured(words: list[str], place: Path) -> dict[str, Any]:
    """Run a command and return what it took; memory also in each tenth of its time."""
    path = f"{ROOT / 'tests' / 'plugins'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    command = Command([MERROW, *words], place, f"load-{place.name}", {"PYTHONPATH": path})
    began = time.monotonic()
    command.start()
    with Watch(command.mark) as watch:
        code = command.process.wait()
    told = command.end()
    if code:
        raise SystemExit(f"{place.name} failed: {told.err}")
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    tenths = [max(part, default=0.0) for part in np.array_split(watch.course, 10) if len(part)]
    return {
        "wall_s": round(time.monotonic() - began, 1),
        **{key: round(value, 1) for key, value in watch.most.items()},
        "resident_mb_by_tenths": [round(value) for value in tenths],
        "disk_mb": round(size / 2**20, 2),
        "files": sum(1 for path in place.rglob("*") if path.is_file()),
    }


def windows(place: Path) -> dict[str, Any]:
    """64 windows on two cores."""
    charges = np.linspace(1.0, 0.0, 32).round(4).tolist()
    sterics = np.linspace(1.0, 0.0, 33).round(4).tolist()[1:]
    schedule = f"schedule={{lambda_electrostatics: {charges}, lambda_sterics: {sterics}}}"
    files = [str(SYSTEMS / f"methane{end}") for end in (".prmtop", ".inpcrd")]
    words = ["hydration", *files, "--solvate", "tip3p", "--potential", "mm", "--processes", "2"]
    return measured([*words, *_set(*TINY, schedule), "--out", "run"], place)


def campaign(place: Path) -> dict[str, Any]:
    """So many tiny molecules on two cores."""
    number = int(place.name.partition("-")[2])
    rows = ["name,prmtop,inpcrd,expt_kcal"]
    for k in range(number):
        base = SYSTEMS / MOLECULES[k % len(MOLECULES)]
        rows.append(f"m{k:03d},{base}.prmtop,{base}.inpcrd,-1.0")
    place.mkdir(parents=True, exist_ok=True)
    (place / "set.csv").write_text("\n".join(rows) + "\n")
    words = ["campaign", "run", "set.csv", "--potential", "mm", *_set(*TINY, PATH)]
    return measured([*words, "--workers", "2", "--out", "set"], place)


def atoms(place: Path) -> dict[str, Any]:
    """A molecule in 16,665 waters, 20 steps."""
    from merrow.ambertools.solvent import solvate  # noqa: PLC0415

    gas = [SYSTEMS / f"methane{end}" for end in (".prmtop", ".inpcrd")]
    prmtop, inpcrd = solvate(*gas, folder=place / "system", n_waters=16665)
    text = MDIN.format(steps=20, ntb=1, cut=9.0, every=10, frames=10)
    (place / "mdin").write_text(text)
    return measured(["md", "-O", "-p", str(prmtop), "-c", str(inpcrd)], place)


def frames(place: Path) -> dict[str, Any]:
    """A run that writes each of its 100,000 steps."""
    place.mkdir(parents=True, exist_ok=True)
    text = MDIN.format(steps=100_000, ntb=0, cut=999.0, every=1000, frames=1)
    (place / "mdin").write_text(text.replace("tiny-ani", "mm"))
    files = ["-p", str(SYSTEMS / "methane.prmtop"), "-c", str(SYSTEMS / "methane.inpcrd")]
    return measured(["md", "-O", *files], place)


def _set(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


PARTS = {"windows": windows, "atoms": atoms, "frames": frames}
PARTS |= {f"campaign-{number}": campaign for number in (25, 50, 100)}


def main() -> None:
    """Do the parts that are asked for and not done; write what is known of all."""
    reader = parser(__doc__, "folder")
    reader.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which; none: only report")
    options = reader.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in options.parts:
        kept = folder / f"{name}.json"
        if not kept.exists():
            shutil.rmtree(folder / name, ignore_errors=True)
            found = PARTS[name](folder / name)
            kept.write_text(json.dumps(found))
            shutil.rmtree(folder / name)
    known = {n: folder / f"{n}.json" for n in PARTS}
    save("load", {n: json.loads(p.read_text()) for n, p in known.items() if p.exists()})


if __name__ == "__main__":
    main()
