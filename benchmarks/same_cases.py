# SPDX-License-Identifier: MIT
"""What does each side of `same_numbers.py` run? Short calculations, through the command line."""

from __future__ import annotations

import json
import re
import resource
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SEED = 2025
RENAMED = {
    "timestep": "timestep_fs",
    "cutoff": "cutoff_angstrom",
    "gas": "gas_ps",
    "gas_ladders": "n_gas_ladders",
    "water_end": "endstate_water_ps",
    "split_states": "refine_schedule",
    "charges": "lambda_electrostatics",
    "lennard_jones": "lambda_sterics",
    "temperature": "temperature_k",
    "pressure": "pressure_bar",
    "friction": "friction_per_ps",
    "gas_friction": "gas_friction_per_ps",
    "equilibration": "equilibration_ps",
    "equilibration_per_state": "equilibration_per_state_ps",
    "record_interval": "record_interval_ps",
    "minimum_sampling": "minimum_sampling_ps",
    "maximum_sampling": "maximum_sampling_ps",
    "target_stderr": "target_stderr_kcal",
    "R1": "direct",
    "R2": "endpoint",
    "control": "mm_reference",
    "mm_control": "mm_reference",
    "--control": "--mm-reference",
    "": "--openmm-coulomb",
    "endstate_r2": "endpoint_bar",
    "dg_kcal": "value_kcal",
    "mean_volume_a3": "mean_volume_angstrom3",
    "force_spread_kcal_per_a": "force_spread_kcal_per_angstrom",
    "worst_atom_force_spread_kcal_per_a": "worst_atom_force_spread_kcal_per_angstrom",
    "pme_alpha_per_a": "pme_alpha_per_angstrom",
    "r2": "endpoint",
    "agreement": "statistics",
    "rungs": "intermediates",
    "phases": "snapshots",
    "mlmm": "ml_mm",
}
"""Words of settings, options, keys and files: the older one, and what it is called now."""

MOLECULE = "COCO"
PROTOCOL: dict[str, Any] = {
    "name": "custom",
    "schedule": {"lambda_electrostatics": [1.0, 0.5, 0.0], "lambda_sterics": [0.6, 0.3, 0.0]},
    "n_waters": 200,
    "cutoff_angstrom": 6.0,
    "equilibration_ps": 0.4,
    "equilibration_per_state_ps": 0.2,
    "record_interval_ps": 0.1,
    "records_per_sweep": 2,
    "sweeps_per_segment": 2,
    "endstate_water_ps": 3.0,
    "gas_ps": 2.0,
    "gas_reservoir": True,
    "target_stderr_kcal": None,
    "minimum_sampling_ps": 3.2,
    "maximum_sampling_ps": 3.2,
}
SYSTEM = "-p ../endpoint/run/system/solvated.prmtop -c ../endpoint/run/system/solvated.inpcrd"
POTENTIALS = ("mm", "ani1ccx", "ani1x", "ani2x", "xtb:gfn2", "qm:hf/sto-3g", "mace:tiny_mace.model")
CNTRL = "cut=6.0, ntpr=10, ntwx=10, ntwr=50, ntwv=-1, ig=17, ifmlp=1,"
DYNAMICS = "imin=0, nstlim=100, dt=0.001, ntc=2, ntf=2, temp0=300.0,"
MDIN = {
    "min": "imin=1, maxcyc=20, ntpr=5, cut=6.0, ifmlp=1,",
    "nvt": f"{CNTRL} {DYNAMICS} ntb=1, tempi=300.0, ntt=3, gamma_ln=2.0, ntr=1, restraint_wt=2.0, "
    "restraintmask=':LIG & !@H=',",
    "npt": f"{CNTRL} {DYNAMICS} irest=1, ntx=5, ntt=11, ntb=2, ntp=2, mcbarint=10,",
    "nve": f"{CNTRL} {DYNAMICS} ntb=1, irest=1, ntx=5, ntt=0,",
    "coupling": f"{CNTRL} {DYNAMICS} ntb=1, irest=1, ntx=5, ntt=2, vrand=20, icfe=1, clambda=0.5, "
    "crgmask=':LIG',",
}
"""Stages of `md`: each goes on from the one before."""
MLP = "&mlp animask=':LIG', potential='ani1ccx' /"
LEAP = "source leaprc.protein.ff14SB\nx = sequence { NALA ALA CALA }\nsavepdb x peptide.pdb\nquit\n"
PEPTIDE_CENTRE = (7.19, 4.37, 4.15)
"""Where the ligand is put, 4 Å above the plane of the peptide [Å]."""
SIMULATE = (
    "--length 0.2 --chunk 0.1 --equilibration 0.2 --frame-interval 0.01 --timestep 0.001 "
    "--cutoff 6 --minimisation 10"
)


@dataclass
class Side:
    """One version of the program and what it has run.

    Attributes:
        program: Its command.
        out: Folder of the runs.
        steps: For each command its words, exit code and processor time [s].
    """

    program: Path
    out: Path
    steps: list[dict[str, Any]] = field(default_factory=list)
    _helps: dict[str, str] = field(default_factory=dict)

    def word(self, name: str, *, of: str = "init hydration") -> str:
        """Return what this side calls something, by the text of one of its commands."""
        older = next((old for old, new in RENAMED.items() if new == name), name)
        known = re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", self.help(of))
        return name if known else older

    def help(self, of: str) -> str:
        """Return the text of one command of this side."""
        if of not in self._helps:
            words = [str(self.program), *of.split()]
            self._helps[of] = subprocess.run(
                words, capture_output=True, text=True, check=False
            ).stdout
        return self._helps[of]

    def words(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings with this side's keys."""
        return {
            self.word(key): self.words(value) if isinstance(value, dict) else value
            for key, value in settings.items()
        }

    def call(self, case: str, line: str, *, save: str = "", program: str = "") -> None:
        """Run one command in the folder of a case; its standard output may be saved."""
        folder = self.out / case
        words = [program or str(self.program), *line.split()]
        began = _cpu_seconds()
        with (folder / "log.txt").open("a") as log:
            stream = (folder / save).open("w") if save else log
            done = subprocess.run(words, cwd=folder, stdout=stream, stderr=log, check=False)
        took = round(_cpu_seconds() - began, 1)
        self.steps.append({"case": case, "words": line, "exit": done.returncode, "cpu_s": took})
        print(f"{case}: {line[:90]} -> {done.returncode} after {took} s", flush=True)

    def hydration(self, case: str, run: dict[str, Any], **protocol: Any) -> None:
        """Run one hydration free energy from a run file in this side's words."""
        protocol = PROTOCOL | protocol | {"route": self.word(protocol["route"])}
        run = self.words({"seed": SEED, "processes": 1, "protocol": protocol, **run})
        # YAML reads JSON
        (self.out / case / "asked.yaml").write_text(json.dumps(run, indent=1))
        self.call(case, "run asked.yaml --out run --json", save="printed.json")


def endpoint(side: Side) -> None:
    """Run a flexible molecule from SMILES by the endpoint route: two repeats, conformers of gas."""
    run = {
        "source": {"kind": "smiles", "smiles": MOLECULE, "charges": "bcc"},
        "potential": "ani1ccx",
        "repeats": 2,
    }
    side.hydration("endpoint", run, route="endpoint")


def direct(side: Side) -> None:
    """Run its solvated files by both routes, beside the MM control."""
    source = {
        "kind": "solvated",
        "prmtop": "../endpoint/run/system/solvated.prmtop",
        "inpcrd": "../endpoint/run/system/solvated.inpcrd",
        "charges": "prmtop",
    }
    run = {"source": source, "potential": "ani1ccx", "both_routes": True, "repeats": 1}
    run["mm_reference"] = True
    short = {"minimum_sampling_ps": 0.8, "maximum_sampling_ps": 0.8}
    side.hydration("direct", run, route="direct", timestep_fs=1.0, solute_masses="prmtop", **short)


def stressed(side: Side) -> None:
    """Run from gas-phase files, a force field far from them in the place of the potential.

    The pilot places the states anew, and ensembles between the two are sampled.
    """
    system = side.out / "endpoint/run/system"
    for name in ("gas.prmtop", "gas.inpcrd"):
        (side.out / "stressed" / name).write_text((system / name).read_text())
    far = _scaled((system / "gas.prmtop").read_text(), "BOND_EQUIL_VALUE", 1.03)
    (side.out / "stressed/far.prmtop").write_text(far)
    source = {
        "kind": "gas",
        "prmtop": "gas.prmtop",
        "inpcrd": "gas.inpcrd",
        "charges": "prmtop",
    }
    run = {"source": source, "potential": f"mm:{side.out}/stressed/far.prmtop", "repeats": 1}
    schedule = {"lambda_electrostatics": [1.0, 0.0], "lambda_sterics": [0.4, 0.0]}
    changes = {"timestep_fs": 4.0, "solute_masses": "heavy", "refine_schedule": True}
    side.hydration("stressed", run, route="endpoint", schedule=schedule, **changes)


def campaign(side: Side) -> None:
    """Run two molecules beside experiment."""
    table = "name,smiles,expt_kcal,expt_stderr_kcal\nmethane,C,2.0,0.2\nammonia,N,-4.29,0.2\n"
    (side.out / "campaign/set.csv").write_text(table)
    changes = {key: value for key, value in PROTOCOL.items() if key != "name"} | {
        "minimum_sampling_ps": 0.8,
        "maximum_sampling_ps": 0.8,
        "route": side.word("endpoint"),
    }
    told = [
        f"--set {key}={json.dumps(value, separators=(',', ':'))}"
        for key, value in side.words(changes).items()
    ]
    run = "campaign run set.csv --out run --charges bcc --potential ani1ccx --repeats 1"
    line = f"{run} {' '.join(told)}"
    side.call("campaign", f"{line} --workers 1 --seed {SEED} --json", save="printed.json")


def energy(side: Side) -> None:
    """Compute single points and forces with several potentials, in both precisions."""
    model = Path(__file__).parents[1] / "tests/data/tiny_mace.model"
    (side.out / "energy/tiny_mace.model").write_bytes(model.read_bytes())
    asked = f"energy {SYSTEM} --ml-mask :LIG --cutoff 6 --ewald-tol 5e-4 --json"
    if "--openmm-coulomb" in side.help("energy --help"):
        asked += " --openmm-coulomb"  # the default of the older one
    for potential in POTENTIALS:
        name = re.sub(r"\W", "_", potential)
        line = f"{asked} --potential {potential} --forces {name}.npy"
        side.call("energy", line, save=f"{name}.json")
    line = f"{asked} --potential ani1ccx --precision single --forces single.npy"
    side.call("energy", line, save="single.json")


def md(side: Side) -> None:
    """Minimise, then run at constant volume, pressure, energy and half the charges; then sander."""
    start = "../endpoint/run/system/solvated.inpcrd"
    for name, keys in MDIN.items():
        (side.out / f"md/{name}.in").write_text(f"{name}\n &cntrl\n  {keys}\n /\n {MLP}\n")
        files = f"-o {name}.out -r {name}.rst -x {name}.nc -inf {name}.info -ref {start}"
        prmtop = SYSTEM.split(" -c ", maxsplit=1)[0]
        side.call("md", f"md -O -i {name}.in {prmtop} -c {start} {files}")
        start = f"{name}.rst"
    keys = "imin=0, nstlim=20, dt=0.001, ntpr=5, ntwx=5, cut=6.0, ntt=0, ifmlp=1,"
    (side.out / "md/sander.in").write_text(f"sander\n &cntrl\n  {keys}\n /\n {MLP}\n")
    files = "-o sander.out -r sander.rst -x sander.nc -inf sander.info"
    side.call("md", f"sander -O -i sander.in {SYSTEM} {files}")


def binding(side: Side) -> None:
    """Prepare a peptide and a molecule beside it, simulate, estimate their binding, analyse."""
    folder = side.out / "binding"
    (folder / "peptide.leap").write_text(LEAP)
    side.call("binding", "-f peptide.leap", program="tleap")
    _pose(side.out / "endpoint/run/system/input.sdf", folder / "pose.sdf")
    prepare = "--protein peptide.pdb --ligand pose.sdf --out complex --buffer 8 --ions 0 --json"
    side.call("binding", f"prepare complex {prepare}", save="prepared.json")
    system = "-p complex/solvated.prmtop -c complex/solvated.inpcrd"
    control = side.word("--mm-reference", of="simulate --help")
    line = f"simulate {system} --ml-mask :LIG --potential ani1ccx {SIMULATE}"
    side.call("binding", f"{line} {control} --seed {SEED} --out run")
    leg = "run/ml_mm" if (folder / "run/ml_mm").exists() else "run/mlmm"
    control = side.word("--mm-reference", of="mmpbsa --help")
    line = f"mmpbsa -p complex/solvated.prmtop -y {leg} --ligand-mask :LIG --out mmpbsa --json"
    side.call("binding", f"{line} {control} run/mm --decompose --method gb,pb", save="mmpbsa.json")
    control = side.word("--mm-reference", of="analyze --help")
    line = f"analyze {system} -y {leg} --ligand-mask :LIG --out analysis --json"
    side.call("binding", f"{line} {control} run/mm", save="analysis.json")


def nve(side: Side) -> None:
    """Test conservation of energy; so short a test is not passed (exit code 1)."""
    line = f"validate nve {SYSTEM} --ml-mask :LIG --potential ani1ccx --cutoff 6 --json"
    side.call("nve", f"{line} --time 0.1 --dt 0.5,1.0", save="nve.json")


CASES = {f.__name__: f for f in (endpoint, direct, stressed, campaign, energy, md, binding, nve)}


def _cpu_seconds() -> float:
    """Return the processor time of all programs that have ended [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _scaled(prmtop: str, flag: str, factor: float) -> str:
    """Return a topology with the values of one flag multiplied."""
    head, tail = prmtop.split(f"%FLAG {flag}", maxsplit=1)
    values, _, rest = tail.partition("%FLAG")
    lines = values.splitlines()
    numbers = [float(line[k : k + 16]) for line in lines[2:] for k in range(0, len(line), 16)]
    rows = [numbers[k : k + 5] for k in range(0, len(numbers), 5)]
    lines[2:] = ["".join(f"{factor * value:16.8E}" for value in row) for row in rows]
    return f"{head}%FLAG {flag}" + "\n".join(lines) + f"\n%FLAG{rest}"


def _pose(molecule: Path, out: Path) -> None:
    """Write a molecule of an SDF file with its first atom where the peptide's pocket is."""
    lines = molecule.read_text().splitlines()
    atoms = range(4, 4 + int(lines[3][:3]))
    rows = np.array([[float(lines[i][k : k + 10]) for k in (0, 10, 20)] for i in atoms])
    rows += np.array(PEPTIDE_CENTRE) - rows.mean(axis=0)
    for i, row in zip(atoms, rows, strict=True):
        lines[i] = "".join(f"{value:10.4f}" for value in row) + lines[i][30:]
    out.write_text("\n".join(lines) + "\n")
