# SPDX-License-Identifier: MIT
"""Doors through which files and words of users come in, and damage that they may have.

A door takes what it understands and refuses all else with a named error, in time. Everything here
is made from seeds, so that a finding can be made again: `python tests/fuzz/doors.py --cases 1000`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.mask import select_atoms
from merrow.amber.topology import read_topology
from merrow.ambertools.molecule import read_molecule
from merrow.ambertools.programs import run_program
from merrow.campaign.rows import read_rows
from merrow.errors import MerrowError
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.result import read_result, to_json
from merrow.md.from_mdin import read_md_settings
from merrow.mdin.disang import parse_disang
from merrow.sander.input import read_input
from merrow.system.configuration import read_configuration

TAKEN, REFUSED = "taken", "refused"
PATIENCE = 10
"""Seconds that a door may take."""
WORDS = (
    *("0", "-1", "1e308", "nan", "inf", "999999999999", "1.0D+00", "********", ":", "&", "/", "="),
    *(
        "'",
        '"',
        ",",
        "\t",
        "\r\n",
        "\0",
        "ü",
        "日本",
        "%FLAG X",
        "!",
        "@*",
        "(",
        ")",
        "[",
        "]",
        "*",
    ),
    *("true", "null", "- ", "{}", "#", "\\", "<:5", "1-", "%s", "$(x)", ";", "..", "~"),
)
LEAP = """source leaprc.protein.ff14SB
source leaprc.water.tip3p
m = sequence { ACE NME }
saveamberparm m gas.prmtop gas.inpcrd
solvateBox m TIP3PBOX 2.0
saveamberparm m wet.prmtop wet.inpcrd
quit
"""
MDIN = """test
 &cntrl imin=0, irest=0, ntx=1, nstlim=10, dt=0.001, ntb=2, cut=8.0, ntt=3, gamma_ln=2.0,
  temp0=300.0, tempi=300.0, ntp=1, barostat=2, ntpr=5, ntwx=5, ntc=2, ntf=2, ig=7, ntr=1,
  restraintmask=':1-2', restraint_wt=5.0, ifmlp=1, nmropt=1 /
 &ewald dsum_tol=1e-5, nfft1=32, nfft2=32, nfft3=32, order=5 /
 &wt type='END' /
 &mlp animask=':1', potential='ani2x', max_spread=5.0, on_spread='save' /
DISANG=dist.RST
"""
SANDER = MDIN.replace(", max_spread=5.0, on_spread='save'", "")
METHANOL = """@<TRIPOS>MOLECULE
MOH
6 5 1 0 0
SMALL
USER_CHARGES

@<TRIPOS>ATOM
1 C1 -0.36 0.00 0.00 c3 1 MOH 0.1167
2 O1 0.95 0.55 0.00 oh 1 MOH -0.5988
3 H1 -0.39 -0.65 0.89 h1 1 MOH 0.0287
4 H2 -0.39 -0.65 -0.89 h1 1 MOH 0.0287
5 H3 -1.11 0.80 0.00 h1 1 MOH 0.0287
6 H4 1.55 -0.20 0.00 ho 1 MOH 0.3960
@<TRIPOS>BOND
1 1 2 1
2 1 3 1
3 1 4 1
4 1 5 1
5 2 6 1
"""
DISANG = """ &rst iat=1,5, r1=0.0, r2=2.0, r3=3.0, r4=8.0, rk2=10.0, rk3=10.0, /
 &rst iat=1,2,3,4, r1=-180, r2=60, r3=60, r4=180, rk2=5., rk3=5. /
"""
TABLE = "name,smiles,expt_kcal,expt_stderr_kcal\nmethanol,CO,-5.11,0.6\nacetone,CC(C)=O,-3.8,0.1\n"
MASKS = (":1", ":ACE@CA,H*", "(:1-2&!@H=)|:WAT", "@1-6", "!:WAT", "@%CT", "*", ":1@C,O")
SMILES = ("CO", "CC(=O)Oc1ccccc1C(=O)O", "C[N+](C)(C)C", "[O-][n+]1ccccc1", "F/C=C/F")


@dataclass(frozen=True)
class Door:
    """One door: sound inputs, and the call that takes one.

    Attributes:
        seeds: Sound inputs.
        suffix: Ending of the file's name; "" where words come in, not a file.
        take: Called with the path, or the words.
    """

    seeds: tuple[bytes, ...]
    suffix: str
    take: Callable[..., object]


@dataclass(frozen=True)
class Finding:
    """An input that a door neither took nor refused."""

    door: str
    case: int
    what: str
    data: bytes


def doors(folder: Path) -> dict[str, Door]:
    """Return all doors with their seeds; tleap makes the files of AMBER in a folder."""
    (folder / "in.leap").write_text(LEAP)
    run_program("tleap", ["-f", "in.leap"], folder=folder, log="leap.log")
    gas, wet = folder / "gas.prmtop", folder / "wet.prmtop"
    topology = read_topology(wet)
    start = read_coordinates(folder / "wet.inpcrd")
    moving = Coordinates(
        start.positions, np.ones_like(start.positions), start.lengths, start.angles
    )
    write_restart(folder / "moving.rst7", moving, time=1.0)
    read = (folder / "wet.inpcrd", folder / "moving.rst7")
    sdf = _sdf()
    run = HydrationConfig(source=Source(kind="smiles", smiles="CO"))
    return {
        "mask": Door(_words(MASKS), "", lambda text: select_atoms(topology, text)),
        "smiles": Door(_words(SMILES), "", read_molecule),
        "mdin": Door(_words([MDIN]), ".in", read_md_settings),
        "sander": Door(_words([SANDER]), "", lambda text: read_input(text, source="mdin")),
        "disang": Door(_words([DISANG]), "", lambda text: parse_disang(text, source="RST")),
        "prmtop": Door((gas.read_bytes(),), ".prmtop", read_topology),
        "coordinates": Door(
            tuple(path.read_bytes() for path in read),
            ".rst7",
            lambda path: read_configuration(path, topology),
        ),
        "mol2": Door(_words([METHANOL]), ".mol2", read_molecule),
        "sdf": Door((sdf,), ".sdf", read_molecule),
        "table": Door(_words([TABLE]), ".csv", lambda path: read_rows(path, {})),
        "run.yaml": Door(
            _words([run.to_yaml()]), "", lambda text: HydrationConfig.from_yaml(text, source="run")
        ),
        "result.json": Door(_words([_result()]), ".json", read_result),
    }


def _words(texts: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)


def _result() -> str:
    """Return a made-up result.json."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "hydration" / "report"))
    from synthetic_report import result_of, synthetic_keys  # noqa: PLC0415

    return to_json(result_of(synthetic_keys()))


def _sdf() -> bytes:
    from rdkit import Chem  # noqa: PLC0415
    from rdkit.Chem import AllChem  # noqa: PLC0415

    mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)[O-]"))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    return (Chem.MolToMolBlock(mol) + "$$$$\n").encode()


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Return an input with one to four damages: bytes, lines and words cut, doubled, exchanged."""
    for _ in range(int(rng.integers(1, 5))):
        lines = data.split(b"\n")
        at, kind = int(rng.integers(0, len(data) + 1)), int(rng.integers(0, 9))
        i, j = (int(k) for k in rng.integers(0, len(lines), 2))
        word = WORDS[int(rng.integers(len(WORDS)))].encode()
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + word + data[at:]
        elif kind == 2:
            data = data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :]
        elif kind == 3:
            lines[i], lines[j] = lines[j], lines[i]
            data = b"\n".join(lines)
        elif kind == 4:
            data = b"\n".join([*lines[:i], *lines[i + 1 :]])
        elif kind == 5:
            data = b"\n".join([*lines[:i], lines[i], *lines[i:]])
        elif kind == 6:
            tokens = lines[i].split(b" ")
            tokens[int(rng.integers(len(tokens)))] = word
            lines[i] = b" ".join(tokens)
            data = b"\n".join(lines)
        elif kind == 7:
            end = int(rng.integers(at, min(len(data), at + 40) + 1))
            data = data[:at] + data[end:]
        else:
            end = int(rng.integers(at, min(len(data), at + 40) + 1))
            data = data[:end] + data[at:end] + data[end:]
    return data


def search(
    name: str, door: Door, folder: Path, *, cases: int, seed: int
) -> tuple[list[Finding], int]:
    """Return what a door neither took nor refused among damaged inputs, and how many it took."""
    found: list[Finding] = []
    taken = 0
    for case in range(cases):
        rng = np.random.default_rng([seed, case])
        data = damaged(door.seeds[int(rng.integers(len(door.seeds)))], rng)
        what = _tried(door, folder, data)
        taken += what == TAKEN
        if what not in (TAKEN, REFUSED):
            found.append(Finding(name, case, what, data))
    return found, taken


def _tried(door: Door, folder: Path, data: bytes) -> str:
    """Return that one input was taken or refused, or else what went wrong."""
    if door.suffix:
        argument: object = folder / f"fuzzed{door.suffix}"
        Path(str(argument)).write_bytes(data)
    else:
        argument = data.decode("utf-8", errors="replace")
        if "\0" in str(argument):
            return REFUSED  # no word of a command line can hold it
    try:
        with _patience(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            door.take(argument)
    except MerrowError:
        return REFUSED
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return f"{type(error).__name__} at {place}: {str(error)[:120]}"
    return TAKEN


@contextmanager
def _patience() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"no answer within {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    """Try the doors and print what was found, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="damaged inputs for each door")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--doors", nargs="+", help="their names; all without it")
    parser.add_argument("--keep", type=Path, help="folder for the inputs of findings")
    asked = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, door in doors(Path(scratch)).items():
            if asked.doors and name not in asked.doors:
                continue
            began = time.perf_counter()
            found, taken = search(name, door, Path(scratch), cases=asked.cases, seed=asked.seed)
            kinds: dict[str, list[int]] = {}
            for finding in found:
                kinds.setdefault(finding.what, []).append(finding.case)
                if asked.keep is not None:
                    asked.keep.mkdir(parents=True, exist_ok=True)
                    (asked.keep / f"{name}-{finding.case}").write_bytes(finding.data)
            took = round(time.perf_counter() - began, 1)
            row = {"cases": asked.cases, "taken": taken, "seconds": took, "findings": kinds}
            report[name] = row
            print(json.dumps({name: row}), file=sys.stderr, flush=True)
    print(json.dumps(report, indent=1))
    return int(any(row["findings"] for row in report.values()))


if __name__ == "__main__":
    sys.exit(main())
