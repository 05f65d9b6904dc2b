# SPDX-License-Identifier: MIT
"""Where do the end states of a flexible solute take their conformers from? Real small runs."""

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


def with_another_torsion(base, tmp_path):
    """Return gas-phase files, and a prmtop with other torsions, which plays ML."""
    structure = parmed.load_file(str(base.with_suffix(".prmtop")))
    for kind in structure.dihedral_types:
        kind.phi_k *= 1.5
    structure.remake_parm()
    other = tmp_path / "other.prmtop"
    structure.save(str(other))
    return base.with_suffix(".prmtop"), base.with_suffix(".inpcrd"), other


@pytest.fixture
def ethanol(systems, tmp_path):
    """Ethanol, whose hydroxyl's torsion terms are not worth scaling."""
    return with_another_torsion(systems / "ethanol", tmp_path)


@pytest.fixture
def butane(systems, tmp_path):
    """Butane, with one state of scaled torsions."""
    return with_another_torsion(systems / "butane", tmp_path)


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


def test_an_end_state_with_scaled_torsions_needs_no_path_and_resumes_to_the_last_bit(
    merrow, butane
):
    prmtop, inpcrd, other = butane
    words = (
        *("hydration", prmtop, inpcrd, "--solvate", "tip3p", "--potential", f"mm:{other}"),
        *("--protocol", "quick", "--processes", "1", "--out", "run", *SMALL),
    )
    assert (answer := merrow(*words)).code == 0, answer.err
    assert "torsion_scales:\n  - -0.2\n  - -0.2\n  - -0.2\n" in Path("run/run.yaml").read_text()
    tasks = Path("run/tasks")
    assert not list(tasks.rglob("coupled-*"))
    kept = {
        task: sorted((tasks / task).glob("snapshots-*"))[-1] for task in ("end-ml-0", "path-mm-0")
    }
    replicas = {task: len(load_arrays(path)["state_of"]) for task, path in kept.items()}
    assert replicas == {"end-ml-0": 2, "path-mm-0": 4 + 3}

    whole = {path: load_arrays(path) for path in sorted(tasks.rglob("*.npz"))}
    path = tasks / "path-mm-0"
    last = len(list(path.glob("segment-*"))) - 1
    for name in (
        f"segment-{last:04d}.npz",
        f"other-{last:04d}.npz",
        f"snapshots-{last + 1:04d}.npz",
    ):
        (path / name).unlink()
    Path("run/result.json").unlink()
    assert (answer := merrow(*words)).code == 0, answer.err
    for path, arrays in whole.items():
        for name, values in load_arrays(path).items():
            np.testing.assert_array_equal(values, arrays[name], err_msg=f"{path} {name}")
