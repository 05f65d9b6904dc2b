# SPDX-License-Identifier: MIT
"""Does what a refusal recommends help? The command is refused, then done as its message says.

Each row: words that are refused, what the message recommends, and the words that follow it. Files
stand in braces (`files` in conftest.py, and those made here). Remedies of an mdin are in
tests/unit/mdin/test_mdin_remedies.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.trajectory import RestartMetadata, TrajectoryWriter, write_netcdf_restart
from merrow.ambertools.programs import run_program

MM = "energy -p {wet} -c {wet_crd} --potential mm --cutoff 8"
DRY_MM = "energy -p {gas} -c {gas_crd} --potential mm"
ML = "energy -p {wet} -c {wet_crd} --cutoff 8"
WET = "hydration {wet} {wet_crd} --out run --dry-run --potential mm --set cutoff_angstrom=6"
MD = "md -i {{{}}} -p {{wet}} -c {{wet_crd}} -q"
GAS = "md -i {{{}}} -p {{gas}} -c {{gas_crd}} -q"
LEAP = """source leaprc.gaff
source leaprc.water.{water}
m = loadmol2 {mol2}
{solvate}
saveamberparm m {name}.prmtop {name}.inpcrd
quit
"""
BOXES = {
    "opc": ("opc", "solvatebox m OPCBOX 8.5"),
    "octahedron": ("tip3p", "solvateoct m TIP3PBOX 6.5"),
}
CNTRL = "imin=0, nstlim=2, dt=0.0005, ntpr=1, ifmlp=1, tempi=300.0, ig=1"
INPUTS = {
    "box": f"&cntrl {CNTRL}, ntb=1, cut=8.0 /",
    "nobox": f"&cntrl {CNTRL}, ntb=0 /",
    "short": f"&cntrl {CNTRL}, ntb=0, cut=9.0 /",
    "ewald": f"&cntrl {CNTRL}, ntb=0 /\n &ewald dsum_tol=1e-5 /",
    "steep": f"&cntrl {CNTRL}, ntb=1, cut=8.0 /\n &ewald ew_coeff=3.0 /",
    "fitting": f"&cntrl {CNTRL}, ntb=1, cut=8.0 /\n &ewald ew_coeff=0.35 /",
    "coarse": f"&cntrl {CNTRL}, ntb=1, cut=8.0 /\n &ewald nfft1=6, nfft2=6, nfft3=6 /",
    "finer": f"&cntrl {CNTRL}, ntb=1, cut=8.0 /\n &ewald nfft1=16, nfft2=16, nfft3=16 /",
    "onward": f"&cntrl {CNTRL}, ntb=1, cut=8.0, irest=1, ntx=5 /".replace("tempi=300.0, ", ""),
    "held": f"&cntrl {CNTRL}, ntb=1, cut=8.0, ntr=1, restraintmask=':1', restraint_wt=1.0 /",
    "six": f"&cntrl {CNTRL}, ntb=1, cut=6.0 /",
    "langevin": f"&cntrl {CNTRL}, ntb=1, cut=8.0, ntt=3, gamma_ln=2.0 /",
    "edges": f"&cntrl {CNTRL}, ntb=2, ntp=2, cut=6.0, ntt=3, gamma_ln=2.0 /",
    "whole": f"&cntrl {CNTRL}, ntb=2, ntp=1, cut=6.0, ntt=3, gamma_ln=2.0 /",
}

ENERGY = [
    (ML, "energy needs --ml-mask, such as ':LIG', or --potential mm", f"{ML} --potential mm"),
    (ML, "energy needs --ml-mask, such as ':LIG'", f"{ML} --ml-mask :1 --potential tiny-ani"),
    (
        f"{ML} --ml-mask :1 --potential tiny-anj",
        "there is no potential 'tiny-anj'; did you mean tiny-ani",
        f"{ML} --ml-mask :1 --potential tiny-ani",
    ),
    (f"{MM} --cutoff 30", "shorten the cutoff", MM),
    (f"{MM} --forces lost/f.npy", "its folder does not exist; make it first", "mkdir lost"),
    (f"{MM} --forces .", "is a folder; name a file, such as f.npy", f"{MM} --forces f.npy"),
    (
        f"{MM} --pme-grid 64,64,64",
        "--ewald-coeff and --pme-grid belong together; give both",
        f"{MM} --pme-grid 64,64,64 --ewald-coeff 0.4",
    ),
    (
        f"{MM} --ewald-coeff 0.4 --pme-grid 64",
        "is not of the form 64,64,64",
        f"{MM} --ewald-coeff 0.4 --pme-grid 64,64,64",
    ),
    (f"{MM} --ewald-tol 0", "must lie between 0 and 0.5", f"{MM} --ewald-tol 1e-5"),
    (f"{MM} --ewald-tol 1e-12", "take a larger one, such as 1e-6", f"{MM} --ewald-tol 1e-6"),
    (f"{MM} --ewald-tol 1e-30", "or leave it out for a converged sum", MM),
    (
        f"{MM} --ewald-coeff 3.0 --pme-grid 32,32,32",
        "does not fit a cutoff of 8 Å; give one from 0.16 to 0.7",
        f"{MM} --ewald-coeff 0.3 --pme-grid 32,32,32",
    ),
    (
        f"{MM} --ewald-coeff 0.4 --pme-grid 6,8,10",
        "of 0.4 1/Å; give 18,18,18 or more",
        f"{MM} --ewald-coeff 0.4 --pme-grid 18,18,18",
    ),
    (
        f"{MM} --ewald-coeff 0.4 --pme-grid 32,32,3000",
        "are too many; give 512 or fewer",
        f"{MM} --ewald-coeff 0.4 --pme-grid 32,32,512",
    ),
    (f"{MM} --precision half", "use double or single", f"{MM} --precision single"),
    (f"{MM} --weights {{ani1x}}", "--potential mm has none", MM),
    (f"{DRY_MM} --cutoff 9", "no effect without a periodic box, and", DRY_MM),
    (f"{DRY_MM} --no-lj-tail", "has none; leave it out", DRY_MM),
    (
        f"{MM} --ewald-tol 1e-5 --ewald-coeff 0.4 --pme-grid 64,64,64",
        "no effect beside --ewald-coeff; keep one",
        f"{MM} --ewald-tol 1e-5",
    ),
    (f"{MM} --ml-mask :LIP", "Did you mean ':LIG'?", f"{MM} --ml-mask :LIG"),
    (f"{MM} --ml-mask :1@C1", "select whole molecules", f"{MM} --ml-mask :1"),
    ("energy -p {wet} -c {gas_crd} --potential mm", "give the coordinates that belong", MM),
    (
        "energy -p {flat} -c {wet_crd} --potential mm --cutoff 8",
        "write the edges of the coordinates' box into them",
        "energy -p {edged} -c {wet_crd} --potential mm --cutoff 8",
    ),
    (
        "energy -p {gas} -c {far_crd} --potential mm",
        "move the system to the origin (cpptraj: center origin)",
        "cpptraj {gas} {far_crd} center origin",
    ),
    (
        "energy -p {gas} -c {two} --potential mm",
        "give a restart file",
        "cpptraj {gas} {two}",
    ),
]
DYNAMICS = [
    (GAS.format("box"), "use ntb=0, or solvate it", GAS.format("nobox")),
    (GAS.format("short"), "leave cut out or give 999.0", GAS.format("nobox")),
    (
        GAS.format("ewald"),
        "&ewald in ewald needs a box, and there is none; take it out",
        GAS.format("nobox"),
    ),
    (MD.format("steep"), "give one from 0.16 to 0.7", MD.format("fitting")),
    (MD.format("coarse"), "1/Å; give 16,16,16 or more", MD.format("finer")),
    (MD.format("onward"), "use irest=0, ntx=1 and tempi", MD.format("box")),
    (MD.format("held"), "give them with -ref", MD.format("held") + " -ref {wet_crd}"),
    (MD.format("lost"), "give one with -i", MD.format("box")),
    (MD.format("box") + " -o taken", "add -O to overwrite it", MD.format("box") + " -o taken -O"),
    (
        MD.format("box") + " -o lost/mdout",
        "make its folder, or rename it",
        MD.format("box") + " -o mdout",
    ),
    (
        MD.format("box") + " -o one -r one",
        "give -r another name",
        MD.format("box") + " -o one -r two",
    ),
    (
        "md -i {edges} -p {octahedron} -c {octahedron_crd}",
        "use ntp=1",
        "md -i {whole} -p {octahedron} -c {octahedron_crd}",
    ),
    (
        "md -i {six} -p {octahedron} -c {octahedron_crd} --platform Reference",
        "use --platform CPU, or a larger box",
        "md -i {six} -p {octahedron} -c {octahedron_crd} --platform CPU",
    ),
    (
        "md -i {box} -p {opc} -c {opc_crd}",
        "have followed (use ntt = 3)",
        "md -i {langevin} -p {opc} -c {opc_crd}",
    ),
    (GAS.format("nobox") + " --mm-kernel native", "leave it out", GAS.format("nobox")),
    (
        MD.format("box") + " --platform OpenGL",
        'cannot be used here (There is no registered Platform called "OpenGL"); use --platform CPU',
        MD.format("box") + " --platform CPU",
    ),
]
WET_GAS = "hydration {gas} {gas_crd} --out run --dry-run --potential mm"
DRY = [
    ("hydration {wet} --out run --dry-run", "merrow hydration", WET),
    (WET_GAS, "add `--solvate tip3p`", WET_GAS + " --solvate tip3p"),
    (WET_GAS, "or give a solvated system", WET),
    (WET_GAS + " --solvate opc", "is not available; use tip3p", WET_GAS + " --solvate tip3p"),
    (WET + " --solvate tip3p", "needs the gas-phase prmtop of one molecule", WET),
    (WET + " --gaff 2", "--gaff has no meaning for a prmtop", WET),
    (WET + " --charges bcc", "--charges has no meaning for a prmtop", WET),
    (
        "hydration CO --out run --dry-run --potential mm --protocol paper --set gas_ps=5",
        "whose main result is the exact value: add --charges bcc or",
        "hydration CO --out run --dry-run --potential mm --protocol paper --set gas_ps=5 "
        "--charges bcc",
    ),
    (WET + " --set cutoff=6", "did you mean cutoff_angstrom?", WET),
    (WET + " --set cutoff_angstrom", "is not of the form key=value", WET),
    (WET.replace("=6", "=12"), "or shorten the cutoff", WET),
    (WET + " --protocol slow", "choose one of demo, quick", WET + " --protocol quick"),
    (WET + " --max-time soon", "give minutes above zero, or such as 45m", WET + " --max-time 45m"),
    (WET + " --ml-mask :LIP", "Did you mean ':LIG'?", WET + " --ml-mask :LIG"),
    (WET + " --weights {ani1x}", "leave out --weights, or name the potential", WET),
    (
        WET + " --weights {ani1x}",
        "weights, or name the potential",
        WET.replace("--potential mm", "--potential ani1x") + " --weights {ani1x}",
    ),
    (
        WET + " --both-routes --set potential=1",
        "there is no such setting",
        WET,
    ),
    (
        WET + " --both-routes",
        "give a potential other than mm and route direct",
        WET.replace("--potential mm", "--potential tiny-ani") + " --both-routes",
    ),
    (
        WET + " --set timestep_fs=3 --set solute_masses=repartitioned",
        "timestep_fs above 2 fs needs solute_masses heavy",
        WET + " --set timestep_fs=3 --set solute_masses=heavy",
    ),
    (
        WET + " --expt lost",
        "is neither a value in kcal/mol, such as -5.1 or -5.1,0.6",
        WET + " --expt -5.1,0.6",
    ),
    (WET.replace("--out run", "--out filled"), "choose another --out", WET),
    (WET.replace("--out run", "--out filled/notes"), "--out needs a folder", WET),
]

NVE = "validate nve -p {gas} -c {gas_crd} --ml-mask :1 --potential mm --time 0.2 --dt 0.25,0.5"
BENCH = "bench --ml-mask :1 --potential mm --cutoff 8 --minutes 0.2 --processes 1 --platform CPU"
TIMED = [
    (NVE + " --out taken", "taken is a file; name a folder, which is made", NVE + " --out new"),
    (
        BENCH + " -p {wet} -c {wet_crd} --out taken/new",
        "taken is a file; name a folder, which is made",
        BENCH + " -p {wet} -c {wet_crd} --out new",
    ),
    (
        BENCH + " -p {gas} -c {gas_crd}",
        "and {gas} has none; give a solvated system",
        BENCH + " -p {wet} -c {wet_crd}",
    ),
]


@pytest.fixture(scope="module")
def more(files, systems, tleap, tmp_path_factory):
    """The files of the other tests, and some of their own kind."""
    folder = tmp_path_factory.mktemp("more")
    found = dict(files)
    for name, (water, solvate) in BOXES.items():
        mol2 = systems / "methane.mol2"
        tleap(folder, LEAP.format(name=name, water=water, solvate=solvate, mol2=mol2))
        found[name], found[f"{name}_crd"] = f"{folder / name}.prmtop", f"{folder / name}.inpcrd"
    for name, text in INPUTS.items():
        (folder / name).write_text(f"{name}\n {text}\n &mlp animask=':1', potential='mm' /\n")
        found[name] = str(folder / name)
    edges = "".join(f"{x:16.8E}" for x in (90.0, *read_coordinates(files["wet_crd"]).lengths))
    rows = Path(files["flat"]).read_text().splitlines()
    rows[next(k for k, row in enumerate(rows) if "BOX_DIMENSIONS" in row) + 2] = edges
    (folder / "edged.prmtop").write_text("\n".join(rows) + "\n")
    gas = read_coordinates(files["gas_crd"])
    far = Coordinates(gas.positions + np.array([1e6, 0.0, 0.0]))
    write_netcdf_restart(folder / "far.ncrst", far, RestartMetadata(0.0))
    with TrajectoryWriter(folder / "two.nc", gas, velocities=False) as writer:
        writer.append(gas, 0.0)
        writer.append(gas, 1.0)
    found |= {"edged": str(folder / "edged.prmtop"), "far_crd": str(folder / "far.ncrst")}
    return found | {"two": str(folder / "two.nc"), "lost": "lost.in"}


def done_as_told(merrow, more, wrong, remedy, right):
    """Be refused with a remedy, and do it."""
    Path("filled").mkdir()
    for path in ("filled/notes", "taken"):
        Path(path).write_text("of somebody else")
    answer = merrow(*wrong.format(**more).split())
    assert answer.code == 2, answer
    assert remedy.format(**more) in answer.err.splitlines()[-1]
    first, _, rest = right.format(**more).partition(" ")
    if first == "mkdir":
        Path(rest).mkdir()
        right = wrong
    elif first == "cpptraj":
        prmtop, start, *command = rest.split()
        lines = [f"parm {prmtop}", f"trajin {start} 1 1", " ".join(command), "trajout near.rst7"]
        Path("in").write_text("\n".join([*filter(None, lines), "run", ""]))
        run_program("cpptraj", ["-i", "in"], folder=Path.cwd(), log="log")
        right = wrong.replace(right.split()[2], "near.rst7")
    answer = merrow(*right.format(**more).split())
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("row", ENERGY, ids=[row[1] for row in ENERGY])
def test_energy(merrow, more, row):
    done_as_told(merrow, more, *row)


@pytest.mark.parametrize("row", DYNAMICS, ids=[row[1] for row in DYNAMICS])
def test_md(merrow, more, row):
    done_as_told(merrow, more, *row)


@pytest.mark.parametrize("row", DRY, ids=[row[1] for row in DRY])
def test_hydration(merrow, more, row):
    done_as_told(merrow, more, *row)


@pytest.mark.parametrize("row", TIMED, ids=[row[1] for row in TIMED])
def test_bench_and_nve(merrow, more, row):
    done_as_told(merrow, more, *row)
