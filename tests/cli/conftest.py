# SPDX-License-Identifier: MIT
"""A command line inside this process, and small AMBER systems to give it."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass

import pytest

from merrow.ambertools.solvent import solvate
from merrow.cli.main import main

UNREACHABLE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Answer:
    """What a command left behind: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network and no cache: whatever is asked for fails at once."""
    for name in ("https_proxy", "http_proxy", "PIP_PROXY"):
        monkeypatch.setenv(name, UNREACHABLE)
    monkeypatch.setenv("PIP_INDEX_URL", f"{UNREACHABLE}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def merrow(monkeypatch, capfd, ani_weights, offline, tmp_path):
    """Run one command in an empty folder with weights of ours, as the shell would."""
    work = tmp_path / "here"
    work.mkdir()
    monkeypatch.chdir(work)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["merrow", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        return Answer(stop.value.code, out, err)

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def methane(systems):
    """Gas-phase prmtop and inpcrd of methane."""
    return systems / "methane.prmtop", systems / "methane.inpcrd"


@pytest.fixture(scope="session")
def files(systems, stand_ins, methane, tmp_path_factory):
    """Files by name for the commands of these tests, good ones and bad ones."""
    folder = tmp_path_factory.mktemp("files")
    gas, gas_crd = methane
    found = {"gas": gas, "gas_crd": gas_crd, "acetone_crd": systems / "acetone.inpcrd"}
    for name, waters in (("wet", 300), ("tight", 150)):
        found[name], found[f"{name}_crd"] = solvate(
            gas, gas_crd, folder=folder / name, n_waters=waters
        )
    text = found["wet"].read_text()
    head, flag, tail = text.partition("%FLAG BOX_DIMENSIONS")
    rows = tail.splitlines(keepends=True)
    rows[2] = "".join(f"{x:16.8E}" for x in (90.0, 0.0, 0.0, 0.0)) + "\n"
    found["flat"] = _written(folder / "flat.prmtop", head + flag + "".join(rows))
    found["blank"] = _written(folder / "blank.sdf", "\n\n$$$$\n")
    found["torn"] = _written(folder / "torn.prmtop", text[: len(text) // 2])
    lines = gas_crd.read_text().splitlines()
    lines[2] = "         NaN" + lines[2][12:]
    found["nan_crd"] = _written(folder / "nan.inpcrd", "\n".join(lines) + "\n")
    found["sdf"] = systems / "methane.sdf"
    found["junk"] = _written(folder / "junk.pt", "these are no weights")
    found["ani1x"] = stand_ins.folder / "ani1x_state_dict.pt"
    return {name: str(path) for name, path in found.items()}


def _written(path, text):
    path.write_text(text)
    return path
