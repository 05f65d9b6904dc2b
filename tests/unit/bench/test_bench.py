# SPDX-License-Identifier: MIT
"""Are the times of `merrow bench` times of what they say, and does the advice follow from them?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from merrow.ambertools.solvent import solvate
from merrow.bench.advice import BenchResult, BenchRow, advise
from merrow.bench.page import render_bench
from merrow.bench.speed import BenchRequest, hybrid_of, open_system, run_bench
from merrow.bench.speed_table import speed_figure, speed_lines
from merrow.cli.main import app
from merrow.engine.platforms import fastest_platform
from merrow.engine.timing import ns_per_day, time_in_turn
from merrow.errors import InputError
from merrow.system.potentials import open_potential
from page_reader import check_page

ROW = BenchRow(
    system="methanol",
    n_atoms=1500,
    n_ml_atoms=6,
    potential="ani2x",
    mm_ms=5.0,
    ml_mm_ms=6.0,
    overlap_ms=5.2,
    ml_ms={1: 1.2, 4: 0.6, 12: 0.58},
    ns_day=14.4,
    ratio_vs_mm=1.2,
)
FOUND = BenchResult((ROW,), {1: 5.0, 2: 3.0}, {1: 14.0, 2: 26.6}, 1.0, ())


class Clock:
    """A clock that stands still but for what it is told; nothing takes time by itself."""

    def __init__(self) -> None:
        self.now = 100.0

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return 0.25 * self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """The clock that timings read."""
    clock = Clock()
    monkeypatch.setattr("merrow.engine.timing.time", clock)
    return clock


def test_calls_take_turns_and_each_is_charged_its_own_time(clock):
    order = []
    calls = {
        "short": lambda: (order.append("short"), clock.passes(0.01)),
        "long": lambda: (order.append("long"), clock.passes(0.03)),
    }
    times = time_in_turn(calls, rounds=3, units=2)
    assert order == ["short", "long"] * 4  # one round warms up
    for name, milliseconds in (("short", 5.0), ("long", 15.0)):
        assert times[name].best == pytest.approx(milliseconds)
        assert times[name].wall == pytest.approx(milliseconds)
        assert times[name].cpu == pytest.approx(0.25 * milliseconds)


def test_no_further_round_begins_after_the_time_is_up(clock):
    count = []
    time_in_turn({"a": lambda: (count.append(1), clock.passes(0.02))}, rounds=500, seconds=0.01)
    assert len(count) == 3  # a warm-up and the two rounds that are always made


def test_a_millisecond_a_step_is_86_4_ns_a_day_at_1_fs():
    assert ns_per_day(1.0, 1.0) == pytest.approx(86.4)
    assert ns_per_day(2.0, 4.0) == pytest.approx(172.8)


def test_the_advice_follows_the_times():
    words = " ".join(advise(FOUND))
    assert "--processes 2 gives 1.90 times" in words
    assert "processes use the cores better" in words
    assert "gains 1.15 times from a second core" in words
    assert "in batches of 4" in words
    flat = replace(FOUND, processes_ns_day={1: 14.0, 2: 15.0}, rows=(replace(ROW, overlap_ms=6.0),))
    words = " ".join(advise(flat))
    assert "no better" in words
    assert "second core" not in words


def test_a_real_system_is_timed(systems: Path, tmp_path: Path):
    """GAFF methane in 260 waters: MM plain, through λ terms, threads and processes."""
    gas = systems / "methane.prmtop"
    prmtop, inpcrd = solvate(gas, gas.with_suffix(".inpcrd"), folder=tmp_path, n_waters=260)
    request = BenchRequest(
        potentials=("mm",), prmtop=prmtop, inpcrd=inpcrd, ml_mask=":1", cutoff_angstrom=7.0,
        minutes=0.2, processes=1,
    )  # fmt: skip
    said = []
    found = run_bench(request, tmp_path, said.append)
    (row,) = found.rows
    assert (row.n_atoms, row.n_ml_atoms) == (5 + 3 * 260, 5)
    assert min(row.mm_ms, row.ml_mm_ms) > 0.1
    # λ terms cost a fifth more than plain MM, and our kernel, where it is, makes a quarter of that;
    # a busy machine may hide such factors in so short a measurement
    assert 0.05 < row.ratio_vs_mm < 20.0
    assert row.ratio_vs_mm == pytest.approx(row.ml_mm_ms / row.mm_ms)
    assert row.ns_day == pytest.approx(ns_per_day(row.ml_mm_ms, 1.0))
    assert (found.platform, row.ml_device) == (fastest_platform(), "cpu")
    assert set(found.threads_ms) == set(found.processes_ns_day) == {1}
    assert any("threads" in told.text for told in said)
    data = json.loads(json.dumps(found.as_dict()))
    lines = speed_lines(data)
    assert len(lines) <= 15
    assert max(map(len, lines)) <= 80
    svg = speed_figure(data["rows"])
    assert svg.startswith("<svg")
    assert "mm" in svg
    assert "ns/day on one core" in check_page(render_bench(data)).text


def test_on_a_gpu_no_threads_are_told_and_the_devices_are():
    row = replace(ROW, ml_device="cuda")
    found = replace(FOUND, rows=(row, ROW), threads_ms={}, platform="CUDA")
    found = replace(found, advice=advise(found))
    assert "thread(s)" not in " ".join(found.advice)
    data = json.loads(json.dumps(found.as_dict()))
    text = check_page(render_bench(data)).text
    assert "ns/day on OpenMM CUDA, networks on cpu and cuda" in text
    assert "by threads" not in text
    said = " ".join(speed_lines(data, full=True))
    assert "OpenMM CUDA, networks on cpu and cuda; 2 cores" in said
    assert "by threads" not in said


def test_a_gpu_gets_the_system_that_a_run_there_has(systems: Path, tmp_path: Path):
    gas = systems / "methane.prmtop"
    files = solvate(gas, gas.with_suffix(".inpcrd"), folder=tmp_path, n_waters=260)
    system = open_system("methane", *files, ":1", 7.0)
    potential = open_potential("mm", system.topology, system.region)
    plain, there = (hybrid_of(system, potential, platform=name) for name in ("CPU", "CUDA"))
    kinds = {type(force).__name__ for force in there.system.getForces()}
    assert there.native is None
    assert "CustomVolumeForce" not in kinds
    assert len(plain.region.atoms) == len(there.region.atoms) == 5


def test_a_platform_that_is_not_here_is_refused(systems: Path, tmp_path: Path):
    gas = systems / "methane.prmtop"
    prmtop, inpcrd = solvate(gas, gas.with_suffix(".inpcrd"), folder=tmp_path, n_waters=260)
    request = BenchRequest(
        potentials=("mm",), prmtop=prmtop, inpcrd=inpcrd, ml_mask=":1", cutoff_angstrom=7.0,
        platform="Abacus",
    )  # fmt: skip
    with pytest.raises(InputError, match="Abacus"):
        run_bench(request, tmp_path)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"prmtop": Path("a.prmtop")}, "bench has -p but not -c and --ml-mask"),
        ({"inpcrd": Path("a.rst7"), "ml_mask": ":1"}, "bench has -c and --ml-mask but not -p"),
        ({"ml_mask": ":1"}, "bench has --ml-mask but not -p and -c"),
    ],
)
def test_a_part_of_a_system_is_refused_and_no_other_is_timed(part, said, tmp_path: Path):
    with pytest.raises(InputError, match=f"{said}: .* needs -p, -c and --ml-mask together"):
        run_bench(BenchRequest(**part), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["-p a.prmtop", "-c a.rst7", "--ml-mask :1"])
def test_a_molecule_and_a_system_are_not_timed_together(words):
    answer = CliRunner().invoke(app, ["bench", "--smiles", "C", *words.split()])
    assert isinstance(answer.exception, InputError)
    assert "--smiles and -p, -c, --ml-mask are two systems" in str(answer.exception)
