# SPDX-License-Identifier: MIT
"""Is a finished number given again only for the model with which it was sampled?"""

from __future__ import annotations

import pytest

from merrow.ambertools.molecule import read_molecule
from merrow.campaign.config import CampaignConfig
from merrow.campaign.plan import plan_jobs, write_jobs
from merrow.campaign.rows import Row
from merrow.errors import InputError
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.prepare import begin_run, resolve_config
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.state import PotentialIdentity
from merrow.potentials.interface import Molecule
from merrow.potentials.registry import load_potential

DONE = object()
"""Stands for the result of a finished run."""


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A calculator in a file, and a way to write it; every run folder is finished."""
    path = tmp_path / "mine.py"

    def write(epsilon):
        path.write_text(
            "from ase.calculators.lj import LennardJones\n"
            "def make_calculator(numbers, charge, multiplicity):\n"
            f"    return LennardJones(epsilon={epsilon})\n"
        )

    write(0.01)
    monkeypatch.setattr(RunFolder, "finished", lambda *_: DONE)
    return path, write


def sampled(run, potential):
    """Note in a run folder what it was sampled with."""
    drawn = read_molecule("CO")
    found = load_potential(potential, Molecule(drawn.numbers, drawn.charge))
    run.system.mkdir(parents=True, exist_ok=True)
    run.save(PotentialIdentity(identity=found.identity))


def test_the_result_of_another_model_is_not_given_again(model, tmp_path):
    path, write = model
    config = HydrationConfig(source=Source(kind="smiles", smiles="CO"), potential="ase:mine.py")
    run = RunFolder(tmp_path / "run")
    begin_run(run, resolve_config(config, tmp_path, run), config.source, tmp_path)
    sampled(run, f"ase:{path}")
    assert run_hydration(config, run.path, base=tmp_path) is DONE
    write(0.02)
    with pytest.raises(InputError, match=r"was sampled with ase:.*weights found now are ase:"):
        run_hydration(config, run.path, base=tmp_path)


def test_weights_that_are_named_must_be_there(model, tmp_path):
    config = HydrationConfig(source=Source(kind="smiles", smiles="CO"))
    run = RunFolder(tmp_path / "run")
    begin_run(run, resolve_config(config, tmp_path, run), config.source, tmp_path)
    assert run_hydration(config, run.path, base=tmp_path) is DONE  # known by name: not looked for
    lost = config.model_copy(update={"weights": "lost.pt"})
    with pytest.raises(InputError, match=r"there is no weights file .*lost\.pt"):
        run_hydration(lost, run.path, base=tmp_path)


def test_rows_that_are_added_do_not_get_another_model(model, tmp_path):
    path, write = model
    config = CampaignConfig(table="set.csv", potential=f"ase:{path}")
    rows = [Row(2, "a", {"smiles": "CO"}), Row(3, "b", {"smiles": "CCO"})]
    folder = tmp_path / "set"
    begun = plan_jobs(config, rows[:1], folder, tmp_path)
    write_jobs(folder, begun, tmp_path)
    sampled(begun[0][0].run(folder), f"ase:{path}")
    assert len(plan_jobs(config, rows, folder, tmp_path)) == 2
    write(0.02)
    with pytest.raises(InputError, match="give the original weights or another --out"):
        plan_jobs(config, rows, folder, tmp_path)
