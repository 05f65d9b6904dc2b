# SPDX-License-Identifier: MIT
"""Does an end state of a flexible solute go on from phases of the path? A real small run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import parmed
import pytest

from merrow.engine.storage import load_arrays

pytestmark = pytest.mark.slow

SETTINGS = (
    *("cutoff_angstrom=6", "n_waters=200"),
    *("equilibration_ps=0.02", "equilibration_per_state_ps=0.004"),
    *("record_interval_ps=0.004", "minimum_sampling_ps=0.064", "maximum_sampling_ps=0.08"),
    *("gas_ps=1", "target_stderr_kcal=null", "endstate_water_ps=1", "sweeps_per_segment=1"),
    "schedule={lambda_electrostatics: [1.0, 0.0], lambda_sterics: [0.5, 0.0]}",
)
SMALL = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture
def ethanol(systems, tmp_path):
    """Gas-phase files of ethanol, and a prmtop with another hydroxyl torsion, which plays ML."""
    base = systems / "ethanol"
    structure = parmed.load_file(str(base.with_suffix(".prmtop")))
    for kind in structure.dihedral_types:
        kind.phi_k *= 1.5
    structure.remake_parm()
    other = tmp_path / "other.prmtop"
    structure.save(str(other))
    return base.with_suffix(".prmtop"), base.with_suffix(".inpcrd"), other


def test_an_end_state_goes_on_from_the_path_and_a_stopped_one_does_so_again(merrow, ethanol):
    prmtop, inpcrd, other = ethanol
    words = (
        *("hydration", prmtop, inpcrd, "--solvate", "tip3p", "--potential", f"mm:{other}"),
        *("--protocol", "quick", "--processes", "1", "--out", "run", *SMALL),
    )
    assert (answer := merrow(*words)).code == 0, answer.err
    tasks = Path("run/tasks")
    end = tasks / "end-ml-0"
    assert len(list(end.glob("segment-*"))) == 2, "the second comes with four segments of the path"
    before = load_arrays(end / "snapshots-0001.npz")["positions"][0]
    pool = [load_arrays(tasks / f"path-mm-0/coupled-{k:04d}.npz")["positions"] for k in range(4)]
    after = load_arrays(end / "snapshots-0002.npz")["positions"][0]

    def moved(start):
        """How far the water has come from a phase [nm]; half of its oxygens came less far."""
        return np.median(np.linalg.norm((after - start)[9::3], axis=1))

    assert min(moved(phase[0]) for phase in pool[1:]) < 0.7 * moved(before)

    # as after a kill in the second segment
    whole = {path: load_arrays(path) for path in sorted(tasks.rglob("*.npz"))}
    lost = [end / name for name in ("segment-0001.npz", "other-0001.npz", "snapshots-0002.npz")]
    for path in (*lost, Path("run/result.json")):
        path.unlink()
    assert (answer := merrow(*words)).code == 0, answer.err
    for path, arrays in whole.items():
        for name, values in load_arrays(path).items():
            np.testing.assert_array_equal(values, arrays[name], err_msg=f"{path} {name}")
