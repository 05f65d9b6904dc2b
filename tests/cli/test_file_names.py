# SPDX-License-Identifier: MIT
"""May a file have any name that the system allows: spaces, quotes, a new line, other alphabets?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from short_runs import short_run

NAMES = {
    "spaces": "two  words ",
    "quotes": 'it\'s "quoted" `now`',
    "new line": "first\nsecond",
    "unicode": "größe 水 α",
    "shell": "$(touch made) ;& *?[x] | < > # ~ \\n %s {0}",
    "dash": "-rf --help",
}
MDIN = """a run
 &cntrl
  imin=0, nstlim=10, dt=0.0005, ntb=0, cut=999.0, ig=11, tempi=300.0,
  ntt=3, gamma_ln=5.0, temp0=300.0, ntpr=5, ntwx=5, ntwr=5, ifmlp=1,
 /
 &mlp animask=':1', potential='tiny-ani' /
"""


@pytest.fixture(params=NAMES.values(), ids=NAMES)
def place(request, merrow, files, systems):
    """A folder of such a name, with files of such names in it; work goes on above it."""
    folder = Path(request.param).resolve()
    folder.mkdir()
    for source, end in (
        *((files[name], end) for name, end in (("gas", ".prmtop"), ("gas_crd", ".inpcrd"))),
        *((systems / f"complex{end}", f"2{end}") for end in (".prmtop", ".inpcrd")),
        (files["sdf"], ".sdf"),
    ):
        shutil.copy(source, folder / f"{request.param}{end}")
    (folder / f"{request.param}.in").write_text(MDIN)
    yield folder, lambda end: f"{folder}/{request.param}{end}"
    assert not Path("made").exists(), "a file name was run as a command"


def sound(answer):
    assert answer.code == 0, answer.err
    assert "Traceback" not in answer.err
    return answer


def test_an_energy_is_the_same_whatever_its_files_are_called(place, merrow, files):
    _, name = place
    words = ("energy", "--ml-mask", ":1", "--potential", "tiny-ani", "--json")
    there = json.loads(sound(merrow(*words, "-p", name(".prmtop"), "-c", name(".inpcrd"))).out)
    here = json.loads(sound(merrow(*words, "-p", files["gas"], "-c", files["gas_crd"])).out)
    differ = {key for key in here if here[key] != there.get(key)}
    assert differ <= {"prmtop", "inpcrd"}


def test_a_run_reads_and_writes_such_names(place, merrow):
    folder, name = place
    outputs = [w for o in ("-o", "-r", "-x", "-inf") for w in (o, name(o))]
    sound(merrow("md", "-i", name(".in"), "-p", name(".prmtop"), "-c", name(".inpcrd"), *outputs))
    for option in ("-o", "-r", "-x", "-inf"):
        assert (folder / f"{folder.name}{option}").stat().st_size > 0
    again = ("-O", "-i", name(".in"), "-p", name(".prmtop"), "-c", name("-r"), "-r", name("-r2"))
    sound(merrow("md", *again, "-o", name("-o"), "-x", name("-x"), "-inf", name("-inf")))


def test_a_user_potential_of_such_a_name_is_found(place, merrow):
    pytest.importorskip("ase")
    _, name = place
    Path(name(".py")).write_text(
        "from ase.calculators.lj import LennardJones\n"
        "def make_calculator(numbers, charge, multiplicity):\n    return LennardJones()\n"
    )
    potential = f"ase:{name('.py')}"
    files = ("-p", name(".prmtop"), "-c", name(".inpcrd"))
    sound(merrow("energy", *files, "--ml-mask", ":1", "--potential", potential))


@pytest.mark.parametrize("kind", ["sdf", "files"])
def test_a_hydration_run_is_prepared_in_such_a_folder(place, merrow, kind):
    folder, name = place
    files = [name(".prmtop"), name(".inpcrd"), "--solvate", "tip3p"]
    given = [name(".sdf")] if kind == "sdf" else files
    words = ["hydration", *given, "--potential", "mm", "--protocol", "demo", "--out", folder / "o"]
    short = ("gas_ps=0.2", "n_waters=300", "cutoff_angstrom=6", "maximum_minutes=0.0001")
    answer = merrow(*words, "--processes", 1, *(w for s in short for w in ("--set", s)))
    assert answer.code == 2, answer.err  # all is prepared, and the time is measured to be too short
    assert "is too short for a number" in answer.err


def test_a_refusal_names_such_a_file_in_one_line(place, merrow):
    _, name = place
    answer = merrow("energy", "-p", name(".in"), "-c", name(".inpcrd"), "--potential", "mm")
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert all(character.isprintable() for character in answer.err[:-1])


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["mmpbsa", "sander"])
def test_programs_of_ambertools_run_beside_such_names(place, merrow, verb):
    folder, name = place
    if verb == "sander":
        flags = {"-i": ".in", "-p": ".prmtop", "-c": ".inpcrd", "-r": ".r", "-o": ".o", "-x": ".x"}
        sound(
            merrow("sander", "-O", *(w for flag, end in flags.items() for w in (flag, name(end))))
        )
        assert Path(name(".r")).exists()
        return
    frames = short_run(Path(name("2.prmtop")), Path(name("2.inpcrd")), folder / "f.nc", frames=10)
    frames = frames.rename(name(".nc"))
    words = (verb, "-p", name("2.prmtop"), "-y", frames, "--ligand-mask", ":GST")
    sound(merrow(*words, "--out", folder / "out"))


def test_tables_and_folders_of_campaigns_may_have_such_names(place, merrow):
    folder, name = place
    table = Path(name(".csv"))
    stem = folder.name.replace('"', '""')
    table.write_text(f'name,prmtop,inpcrd\nm,"{stem}.prmtop","{stem}.inpcrd"\n')
    words = ("campaign", "run", table, "--potential", "mm", "--out", folder / "set")
    answer = merrow(*words, "--executor", "serial", "--max-time", "0.0001")
    assert answer.code == 3, answer.err
    report = sound(merrow("campaign", "report", folder / "set"))
    assert "Report" in report.out or report.code == 0
