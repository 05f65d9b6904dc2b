# SPDX-License-Identifier: MIT
"""Pack what a GPU machine without an index lacks: wheels, weights, systems. One archive.

    python benchmarks/gpu/pack.py [--cuda 13] [--python 3.12] [--out build/gpu/pack.tar.xz]

It holds the package with its compiled kernels, OpenMM with its plug-in for CUDA, RDKit, ANI's
weights, and solvated systems that AmberTools makes here. torch, NumPy, SciPy, pandas, pyarrow,
matplotlib, rich, typer, PyYAML and Jinja2 are taken to be there. With the checkout it must stay
below 64 MiB: `--second` packs AIMNet2 and MACE instead of RDKit, for a second call. A complex is
packed where build/gpu/systems/complex holds one, of `merrow prepare complex`, and beside it the
crystal structure as crystal.pdb.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 64 * 2**20
"""What is lent takes so much with the checkout [bytes]."""
WHEELS = ("openmm", "pydantic", "pydantic_core", "annotated-types", "typing-inspection", "numexpr")
FIRST, SECOND = ("rdkit",), ()
PURE = ("parmed", "openmmml", "torchani", "pymbar", "alchemlyb", "loguru", "packaging")
PURE_SECOND = ("mace-torch", "e3nn", "opt_einsum_fx", "opt_einsum", "ase", "prettytable")
UNUSED = re.compile(
    r"(^|/)(__pycache__|tests?|UnitTests|rdkit-stubs|include|Contrib|sping)(/|$)|cpython-311"
    r"|parmed/modeller/data/.*ccd|openmm/app/data/(charmm|amber|D...\.pdb|POP)"
)
PLATFORMS = ("2_34", "2_31", "2_28", "2_27", "2_17")
BOXES = {
    "methanol26": ("CO", 26.0),
    "toluene26": ("Cc1ccccc1", 26.0),
    "toluene41": ("Cc1ccccc1", 41.0),
    "toluene64": ("Cc1ccccc1", 64.0),
    "erlotinib": ("COCCOc1cc2ncnc(Nc3cccc(C#C)c3)c2cc1OCCOC", 32.0),
}
"""SMILES and width of the box [Å]."""
HELIX, HELIX_WIDTH = "ACE ALA ALA SER ALA ALA SER ALA ALA SER ALA NME", 34.0
"""A peptide of 115 atoms: the charges of such a molecule would take AM1-BCC hours."""
LEAP = """source leaprc.protein.ff14SB
x = sequence {{ {0} }}
impose x {{ {{ 1 {1} }} }} {{ {{ "N" "CA" "C" "N" -47.0 }} {{ "C" "N" "CA" "C" -57.0 }} }}
saveamberparm x gas.prmtop gas.inpcrd
quit
"""


def main() -> None:
    """Make the archive and tell its size."""
    reader = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reader.add_argument("--cuda", default="13", choices=["12", "13"])
    reader.add_argument("--python", default="3.12", help="of the GPU machine")
    reader.add_argument("--out", type=Path, default=ROOT / "build/gpu/pack.tar.xz")
    reader.add_argument("--models", type=Path, required=True, help="folder with ANI's weights")
    reader.add_argument("--runs", type=Path, help="prepared runs of hydration30/run.py --prepare")
    reader.add_argument(
        "--systems", type=Path, default=ROOT / "build/gpu/systems", help="made once"
    )
    reader.add_argument("--only", nargs="*", default=[*BOXES, "helix"], help="systems")
    reader.add_argument("--second", action="store_true", help="AIMNet2 and MACE, without RDKit")
    reader.add_argument("--no-wheels", action="store_true", help="what is installed will do")
    given = reader.parse_args()
    with tempfile.TemporaryDirectory() as place:
        pack = Path(place)
        for name in ("src", "site", "models"):
            (pack / name).mkdir()
        shutil.copytree(ROOT / "src", pack / "src", dirs_exist_ok=True)
        if not given.no_wheels:
            fetch(pack / "site", given)
        wanted = "*ani1ccx*" if not given.second else "*aimnet2*"
        for weights in [*given.models.glob(wanted), *given.models.glob("*.model")]:
            if given.second or weights.suffix != ".model":
                shutil.copy(weights, pack / "models")
        systems(given.systems, given.only)
        shutil.copytree(given.systems, pack / "systems", ignore=_all_but_files)
        if given.runs is not None:
            shutil.copytree(given.runs, pack / "hydration30")
        archive(pack, given.out)
    size, checkout = given.out.stat().st_size, tracked()
    told = f"{size / 2**20:.1f} MiB, and the checkout {checkout / 2**20:.1f} MiB"
    print(f"{given.out}: {told}")
    if size + checkout > LIMIT:
        raise SystemExit(f"together more than {LIMIT / 2**20:.0f} MiB: leave systems out (--only)")


def fetch(site: Path, given: argparse.Namespace) -> None:
    """Install wheels for the GPU machine's Python, and copy what has no compiled part."""
    plugin = f"OpenMM-CUDA-{given.cuda}"
    pins = {name: distribution(name).version for name in (*WHEELS, *FIRST)} | {
        plugin: distribution("openmm").version
    }
    names = [*WHEELS, plugin, *(SECOND if given.second else FIRST)]
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", given.python, "--implementation", "cp", "--target", str(site)]
    for number in PLATFORMS:
        command += ["--platform", f"manylinux_{number}_x86_64"]
    command += ["--platform", "manylinux2014_x86_64"]
    subprocess.run([*command, *(f"{name}=={pins[name]}" for name in names)], check=True)
    for name in (*PURE, *(PURE_SECOND if given.second else ())):
        for file in distribution(name).files or ():
            if not file.is_absolute() and ".." not in file.parts:
                target = site / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(str(file.locate())), target)


def systems(folder: Path, names: list[str]) -> None:
    """Make the solvated systems that are not there, with AmberTools."""
    from merrow.ambertools.molecule import read_molecule  # noqa: PLC0415
    from merrow.ambertools.prepare import parametrize  # noqa: PLC0415
    from merrow.ambertools.solvent import n_waters_for, solvate  # noqa: PLC0415

    for name in names:
        place = folder / name
        if (place / "solvated.inpcrd").exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        if name == "helix":
            helix(place)
            continue
        smiles, width = BOXES[name]
        molecule = read_molecule(smiles)
        files = parametrize(molecule, folder=place)
        waters = n_waters_for(width, sum(z > 1 for z in molecule.numbers))
        solvate(files.prmtop, files.inpcrd, folder=place, n_waters=waters)


def helix(place: Path) -> None:
    """Make a helix in water with tleap."""
    from merrow.ambertools.programs import run_program  # noqa: PLC0415
    from merrow.ambertools.solvent import solvate  # noqa: PLC0415

    place.mkdir(parents=True, exist_ok=True)
    (place / "in.leap").write_text(LEAP.format(HELIX, len(HELIX.split())))
    run_program("tleap", ["-f", "in.leap"], folder=place, log="leap.log")
    solvate(place / "gas.prmtop", place / "gas.inpcrd", folder=place, edge=HELIX_WIDTH)


def _all_but_files(_: str, names: list[str]) -> set[str]:
    """Leave out of the systems all but prmtop and coordinates of the whole, and the crystal."""
    kept = ("solvated.prmtop", "solvated.inpcrd", "crystal.pdb")
    return {name for name in names if "." in name and name not in kept}


def archive(pack: Path, out: Path) -> None:
    """Write the pack as a tar of xz, without what is not used."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(out, "w:xz", preset=6) as tar:
        for path in sorted(pack.rglob("*")):
            name = str(path.relative_to(pack))
            compiled = path.suffix == ".so" and "merrow" in name  # of ctypes: for any Python
            if path.is_file() and (compiled or not UNUSED.search(name)):
                tar.add(path, name)


def tracked() -> int:
    """Return the size of the checkout without what git ignores [bytes]."""
    told = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    files = [ROOT / name for name in told.split("\0") if name]
    return sum(path.stat().st_size for path in files if path.is_file())


if __name__ == "__main__":
    main()
