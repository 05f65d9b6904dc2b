# SPDX-License-Identifier: MIT
"""Where do the loop's random numbers come from, and does it hear Ctrl-C?"""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

from merrow.native import ISAS
from merrow.nonbonded.kernel import NonbondedKernel, instruction_set, why_not
from merrow.nonbonded.loop import TERMS, LoopParameters, LoopPlan, NativeLoop, why_no_loop
from merrow.nonbonded.parameters import NonbondedParameters
from philox import philox

pytestmark = pytest.mark.skipif(bool(why_not() or why_no_loop()), reason=why_not() or why_no_loop())

EDGE, SIDE = 2.0, 8
KEY = (123, 456)


def water_box() -> tuple[NonbondedParameters, np.ndarray]:
    """Rigid waters on a lattice, all of one orientation, and their positions [nm]."""
    places = np.arange(SIDE) * EDGE / SIDE
    oxygens = np.array(np.meshgrid(places, places, places)).reshape(3, -1).T
    shape = np.array([[0.0, 0.0, 0.0], [0.07569503, 0.05858823, 0.0], [-0.07569503, 0.05858823, 0]])
    positions = (oxygens[:, None] + shape).reshape(-1, 3)
    none = np.zeros(0)
    parameters = NonbondedParameters(
        n_atoms=len(positions),
        waters=np.arange(0, len(positions), 3, dtype=np.int32),
        single=np.zeros(0, dtype=np.int32),
        n_solute=0,
        charges=none,
        sigma=none,
        epsilon=none,
        water_charges=(-0.834, 0.417),
        water_lj=(2.434e-6, 2.489e-3),
        pairs=np.zeros((0, 2), dtype=np.int32),
        pair_terms=np.zeros((0, 3)),
        cutoff=0.8,
        alpha=3.3,
        grid=(20, 20, 20),
        tail=0.0,
    )
    return parameters, positions


def loop_of(isa: str | None = None, key: tuple[int, int] = KEY) -> NativeLoop:
    parameters, positions = water_box()
    known = LoopParameters(
        masses=np.zeros(0),
        water_masses=(15.9994, 1.008),
        water_sides=(0.09572, 0.15139006),
        terms={
            name: (np.zeros((0, a), np.int32), np.zeros((0, n))) for name, (a, n) in TERMS.items()
        },
        tail=0.0,
    )
    plan = LoopPlan(0.002, 1.0, 300.0, None, 25, key)
    loop = NativeLoop(NonbondedKernel(parameters, isa), known, plan)
    loop.place(positions, np.zeros_like(positions), EDGE * np.eye(3))
    return loop


def test_random_numbers_are_those_of_the_article():
    """The known answers of the authors' own tests."""
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    full = 0xFFFFFFFF
    assert philox([full] * 4, [full] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def available() -> list[str]:
    return [] if why_not() else list(ISAS[ISAS.index(instruction_set()) :])


@pytest.mark.parametrize("isa", available())
def test_noise_is_a_function_of_key_and_step_alone(isa):
    loop = loop_of(isa)
    n = loop.positions.size
    blocks = -(-n // 32) * 8
    for step in range(2):
        found = loop.noise()
        for k in (0, 1, n // 3, n - 1):
            block, word = k % blocks, k // blocks
            random = philox((block, step, 0, 0), KEY)
            u, angle = ((random[word // 2 * 2 + i] + 0.5) * 2.0**-32 for i in (0, 1))
            radius = np.sqrt(-2 * np.log(u))
            # the angle is turned by an eighth, which keeps it uniform
            turned = 2 * np.pi * angle - np.pi / 4
            right = radius * (np.sin(turned) if word % 2 else np.cos(turned))
            assert found[k] == pytest.approx(right, abs=1e-9)
        loop.run(1, (1.0, 1.0))


def test_noise_is_normal_and_another_at_every_step_and_key():
    loop = loop_of()
    drawn = []
    for _ in range(100):
        drawn.append(loop.noise())
        loop.run(1, (1.0, 1.0))
    numbers = np.concatenate(drawn)
    n = len(numbers)
    for power, moment, square in ((1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105), (6, 15, 10395)):
        error = np.sqrt((square - moment**2) / n)
        assert abs(np.mean(numbers**power) - moment) < 4.5 * error
    assert abs(np.corrcoef(drawn[0], drawn[1])[0, 1]) < 5 / np.sqrt(len(drawn[0]))
    other = loop_of(key=(KEY[0] + 1, KEY[1])).noise()
    assert abs(np.corrcoef(drawn[0], other)[0, 1]) < 5 / np.sqrt(len(other))


def test_ctrl_c_is_heard_between_steps():
    loop = loop_of()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # dask-jobqueue had it
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run(10**9, (1.0, 1.0))
    finally:
        signal.signal(signal.SIGINT, before)
    loop.run(1, (1.0, 1.0))  # and it can go on


def test_steps_do_not_depend_on_where_they_are_cut():
    whole, parts = loop_of(), loop_of()
    whole.run(60, (1.0, 1.0))
    for steps in (1, 29, 30):
        parts.run(steps, (1.0, 1.0))
    np.testing.assert_array_equal(whole.positions, parts.positions)
    np.testing.assert_array_equal(whole.velocities, parts.velocities)
