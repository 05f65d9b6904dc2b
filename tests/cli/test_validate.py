# SPDX-License-Identifier: MIT
"""Does `merrow validate nve` pass what conserves energy, and say so in numbers?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from page_reader import check_page

KEYS = {
    "energy_sd_kcal",
    "sd_ratios",
    "drift_kcal_per_ns_per_dof",
    "com_velocity_a_per_ps",
    "e_trans_kcal",
    "e_rot_kcal",
    "net_force",
    "net_torque",
    "float32_energy_kcal",
    "passed",
}


def ask(merrow, files, *words, box="gas"):
    options = ("-p", files[box], "-c", files[f"{box}_crd"], "--ml-mask", ":1")
    return merrow("validate", "nve", *options, *words)


def test_methane_conserves_energy_and_momentum_to_second_order(merrow, files):
    words = ("--potential", "ani1ccx", "--time", "0.12", "--dt", "0.25,0.5", "--json")
    answer = ask(merrow, files, *words)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert set(found) >= KEYS
    assert found["passed"] is True
    assert found["energy_sd_kcal"] < 0.03
    assert found["sd_ratios"]["0.5/0.25"] == pytest.approx(4.0, rel=0.2)
    # The shadow energy is conserved one order of dt² better, so the swing is the integrator's.
    for dt, spread in found["energy_sd_by_dt_fs"].items():
        assert found["shadow_energy_sd_by_dt_fs"][dt] < 0.25 * spread
    assert found["com_velocity_a_per_ps"] < 1e-10
    assert found["net_force"] < 1e-4
    assert found["degrees_of_freedom"] == 9
    # Alone at rest, the molecule neither moves nor turns.
    assert found["e_trans_kcal"] == pytest.approx(0.0, abs=1e-10)
    assert "0.25 fs: 0.12 ps" in answer.err


def test_too_large_a_time_step_fails_the_test_with_exit_code_1(merrow, files):
    words = ("--potential", "mm", "--time", "0.3", "--dt", "2.0", "--out", "nve")
    answer = ask(merrow, files, *words)
    assert answer.code == 1
    assert "FAILED  energy_sd_kcal" in answer.out
    assert "not passed" in answer.out
    assert "the energy-conservation test failed: energy_sd_kcal" in answer.err
    assert "see nve/nve.html" in answer.err
    page = check_page(Path("nve/nve.html").read_text())
    assert "✕ FAIL spread of the total energy [kcal/mol]" in page.text
    assert json.loads(Path("nve/nve.json").read_text())["passed"] is False


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--dt", "fast"), "--dt 'fast' is not of the form"),
        (("--dt", "1.0,1.0"), "different positive time steps"),
        (("--dt", "-1.0"), "different positive time steps"),
        (("--dt", "nan"), "different positive time steps"),
        (("--dt", "1.0,inf"), "different positive time steps"),
        (("--time", "0.01"), "--time 0.01 ps is too short"),
        (("--time", "inf"), "--time should be a number of at least 0, got inf"),
        (("--temperature", "-300"), "--temperature should be a number of at least 0, got -300"),
        (("--temperature", "nan"), "--temperature should be a number of at least 0, got nan"),
        (("--cutoff", "inf"), "--cutoff should be a number of at least 3, got inf"),
        (("--cutoff", "9"), "--cutoff has no effect without a periodic box"),
        (("--water", "solid"), "--water 'solid' is not known"),
        (("--precision", "half"), "--precision 'half' is not known"),
        (("--potential", "ani3x"), "there is no potential 'ani3x'"),
        (("--platform", "HIP"), "platform 'HIP' is not available"),
    ],
)
def test_bad_input_is_refused_with_exit_code_2_and_one_sentence(merrow, files, words, sentence):
    answer = ask(merrow, files, *words)
    assert answer.code == 2
    assert answer.out == ""
    assert sentence in answer.err
    assert answer.err.startswith("merrow: ")
    assert len(answer.err.strip().splitlines()) == 1
