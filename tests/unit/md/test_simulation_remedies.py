# SPDX-License-Identifier: MIT
"""Does what a simulation recommends, when its files or its length have changed, help?

Each row: what is refused, what the message recommends, and the same done.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from helped import helped
from merrow.errors import InputError
from merrow.md.begun_with import BEGUN_FILE, check_potential, keep
from merrow.md.simulate import RUN_FILE, with_choices
from merrow.md.simulate_config import SimulationConfig

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"


def config(**changes):
    """Return the settings of a simulation of files in this folder."""
    given = {"prmtop": "a.prmtop", "inpcrd": "a.inpcrd", "ml_mask": ":1", "potential": "mm"}
    given |= {"chunk_ps": 0.1, "frame_interval_ps": 0.1, "length_ps": 0.2, "platform": "CPU"}
    return SimulationConfig.checked({**given, **changes}, source="simulate.yaml")


def begun(*, pieces=2):
    """Make the folder of a simulation with two files of production."""
    for end in ("prmtop", "inpcrd"):
        shutil.copy(SYSTEMS / f"methane.{end}", f"a.{end}")
    folder = Path("sim")
    (folder / "ml_mm").mkdir(parents=True, exist_ok=True)
    (folder / RUN_FILE).write_text(config().to_yaml())
    for k in range(pieces):
        (folder / "ml_mm" / f"prod-{k + 1:04d}.rst").touch()
    keep(config(), folder, "mine:1")
    return folder


def resumed(out="sim", *, changed=(), **changes):
    """Go on with a simulation after some of its files have changed."""
    begun()
    for name in changed:
        Path(name).write_text(Path(name).read_text() + "\n")
    if out != "sim":  # nothing is there
        assert not Path(out).exists()
        return None
    return with_choices(config(**changes), None, [], Path(out))


def found(identity, out="sim"):
    """Go on with a potential."""
    begun()
    check_potential(identity, Path(out))


ROWS = [
    (lambda: resumed(changed=["a.prmtop"]), "begun with; restore it", resumed),
    (
        lambda: resumed(changed=["a.inpcrd"]),
        "or begin again in another --out",
        lambda: resumed("new", changed=["a.inpcrd"]),
    ),
    (lambda: found("mine:2"), "give the original one", lambda: found("mine:1")),
    (lambda: found("mine:2"), "or another --out", lambda: found("mine:2", "new")),
    (
        lambda: resumed(length_ps=0.1),
        "give at least --length 0.2",
        lambda: resumed(length_ps=0.2),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    helped(*row)


def test_a_length_that_was_not_reached_may_become_shorter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert with_choices(config(length_ps=0.1), None, [], begun(pieces=1))[1] == {}


def test_an_older_folder_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = begun()
    (folder / BEGUN_FILE).unlink()
    Path("a.prmtop").write_text("another one")
    with_choices(config(), None, [], folder)
    check_potential("mine:2", folder)
    keep(config(), folder, None)  # nothing needed the potential
    check_potential("mine:2", folder)
    keep(config(), folder, "mine:2")
    with pytest.raises(InputError, match="was simulated with mine:2"):
        check_potential("mine:3", folder)
    Path("a.prmtop").write_text("a third one")
    with pytest.raises(InputError, match=r"a\.prmtop has changed"):
        with_choices(config(), None, [], folder)


def test_an_older_folder_may_have_the_relative_path_of_its_potential(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = begun()
    Path("calc.py").touch()
    (folder / RUN_FILE).write_text(config(potential="ase:calc.py").to_yaml())
    asked = config(potential=f"ase:{tmp_path / 'calc.py'}")
    assert with_choices(asked, None, [], folder)[1] == {}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"frame_interval_ps": 1e-4}, "frame_interval_ps 0.0001 is not a whole number of time"),
        ({"frame_interval_ps": 0.003, "chunk_ps": 0.012}, "the closest one is 0.004"),
        ({"frame_interval_ps": 0.002, "chunk_ps": 0.101}, "chunk_ps 0.101 is not a whole number"),
        ({"equilibration_ps": 0.03}, "equilibration_ps 0.03 is too short for its stages"),
    ],
)
def test_a_time_that_would_be_rounded_is_refused(changes, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=told):
        with_choices(config(**changes), None, [], Path("new"))
    folder = begun(pieces=0)  # but what an older version began goes on as it was
    (folder / RUN_FILE).write_text(config(**changes).to_yaml())
    assert with_choices(config(**changes), None, [], folder)[1] == {}


@pytest.mark.parametrize("step", [0.002, 0.001, 0.0005, 0.0025, 0.00123456789])
def test_a_time_that_is_whole_but_for_its_digits_is_taken(step):
    for steps in (20, 405, 123457):
        time = float(f"{steps * step:.9g}")
        more = {"chunk_ps": time, "frame_interval_ps": time, "equilibration_ps": time}
        config(timestep_ps=step, **more).check_times()
