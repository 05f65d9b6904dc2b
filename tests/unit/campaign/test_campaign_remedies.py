# SPDX-License-Identifier: MIT
"""Does what a campaign recommends help? Each row: refused, recommended, the same done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helped import helped
from merrow.ambertools.solvent import solvate
from merrow.campaign.asked import place_of
from merrow.campaign.comparison import compare_to_experiment
from merrow.campaign.config import CampaignConfig
from merrow.campaign.driver import ComputeBackend
from merrow.campaign.plan import JOB_LIST, JOBS, _configuration, plan_jobs, read_jobs
from merrow.campaign.rows import Row, read_rows
from merrow.campaign.table import read_config
from merrow.errors import InputError
from merrow.executor import ClusterConfig
from merrow.hydration.protocol import PROTOCOLS
from merrow.md.nve.runs import NveRequest
from merrow.md.nve.validate import check_request
from merrow.md.simulate_config import SimulationConfig

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
GOOD = "name,smiles\na,C\nb,CC\n"


def table(text, **columns):
    """Return a way to read a table."""

    def read():
        Path("t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_rows(Path("t.csv"), columns)

    return read


def row_of(text):
    """Return a way to read a table of one row, with its problem as an error."""

    def read():
        (found,) = table(text)()
        if found.problem is not None:
            raise InputError(found.problem)

    return read


def named(length):
    """Return a way to read a row with a name of some length."""
    return row_of(f"name,smiles\n{length * 'a'},C\n")


def keys(text):
    """Return a way to read a campaign's settings."""
    return lambda: CampaignConfig.from_yaml(text, source="campaign.yaml")


def compared(values, measured):
    """Return a way to compare values with an experiment."""
    ones, rng = np.ones(len(values)), np.random.default_rng(1)
    return lambda: compare_to_experiment(np.array(values), ones, np.array(measured), rng=rng)


def campaign(*, begun):
    """Return a way to read the jobs and the question of a campaign's folder."""

    def read():
        folder = Path("begun" if begun else "empty")
        folder.mkdir(exist_ok=True)
        if begun:
            (folder / "campaign.yaml").write_text(CampaignConfig(table="t.csv").to_yaml())
            (folder / JOBS).write_bytes(JOB_LIST.dump_json([]))
        return folder

    return read


def row(prmtop):
    """Return a way to make the run of a row with AMBER files."""
    one = Row(2, "a", {"prmtop": str(prmtop), "inpcrd": str(SYSTEMS / "methane.inpcrd")})
    config = CampaignConfig(table="t.csv")
    return lambda: _configuration(config, one, "prmtop", Path.cwd())


def own_files(**changes):
    """Return a way to plan a campaign of molecules with AMBER files."""
    names = {"prmtop": "methane.prmtop", "inpcrd": "methane.inpcrd"}
    protocol = PROTOCOLS["quick"].model_copy(update={"route": "direct"})
    shared = {"table": "t.csv", "potential": "mm", "protocol": protocol}

    def plan():
        config = CampaignConfig(**shared, **changes)
        return plan_jobs(config, [Row(2, "a", names)], Path("set"), SYSTEMS)

    return plan


def wet(n_waters):
    """Return a way to plan a campaign of a solvated molecule."""
    gas = SYSTEMS / "methane.prmtop", SYSTEMS / "methane.inpcrd"
    changes = {"route": "direct", "n_waters": n_waters}
    protocol = PROTOCOLS["quick"].model_copy(update=changes)

    def plan():
        files = solvate(*gas, folder=Path("wet"), n_waters=400)
        names = dict(zip(("prmtop", "inpcrd"), map(str, files), strict=True)) | {"ml_mask": ":1"}
        config = CampaignConfig(table="t.csv", potential="mm", protocol=protocol)
        rows = [Row(2, "a", names), Row(3, "b", {"smiles": "CO"}, problem="no SMILES")]
        return plan_jobs(config, rows, Path("set"), Path.cwd())

    return plan


def drift(time):
    """Return a way to ask for a test of constant energy."""
    files = SYSTEMS / "methane.prmtop", SYSTEMS / "methane.inpcrd"
    return lambda: check_request(NveRequest(*files, ml_mask=":1", potential="mm", time_ps=time))


def pieces(chunk):
    """Return a way to ask for a simulation in pieces."""
    asked = {"prmtop": "a", "inpcrd": "b", "ml_mask": ":1", "frame_interval_ps": 1.0}
    return lambda: SimulationConfig.checked(asked | {"chunk_ps": chunk}, source="simulate.yaml")


ROWS = [
    (lambda: read_rows(Path("lost.csv"), {}), "give a CSV file", table(GOOD)),
    (table(b"name\0"), "or UTF-16; give a CSV file", table(GOOD)),
    (lambda: read_rows(Path(), {}), "); give a CSV file", table(GOOD)),
    (
        table("name,smiles\na,C\na,CC\n"),
        "give every molecule a name of its own",
        table(GOOD),
    ),
    (
        row_of("name,smiles,ml_mask\na,C,:1\n"),
        "belongs to a prmtop: leave the cell empty",
        row_of("name,smiles,ml_mask\na,C,\n"),
    ),
    (
        keys("table: t.csv\ntable: u.csv\n"),
        "campaign.yaml has the key table twice (line 2); keep one of them",
        keys("table: u.csv\n"),
    ),
    (
        lambda: ComputeBackend("serial", 8),
        "leave --workers out",
        lambda: ComputeBackend("serial"),
    ),
    (
        lambda: ComputeBackend("serial", 8),
        "or use --executor processes",
        lambda: ComputeBackend("processes", 8),
    ),
    (
        lambda: ComputeBackend("dask", 8, ClusterConfig(scheduler="slurm")),
        "of the cluster file (jobs times processes_per_job); leave it out",
        lambda: ComputeBackend("dask", None, ClusterConfig(scheduler="slurm")),
    ),
    (
        lambda: ComputeBackend("dask", 8, ClusterConfig(scheduler="slurm")),
        "or raise jobs there",
        lambda: ComputeBackend("dask", 8, ClusterConfig(scheduler="slurm", jobs=8)),
    ),
    (
        own_files(charges=("bcc",)),
        "of t.csv has a prmtop, which brings its own; leave it out",
        own_files(),
    ),
    (
        wet(5000),
        "t.csv has a solvated prmtop, which brings its waters; leave it out",
        wet(PROTOCOLS["quick"].n_waters),
    ),
    (named(300), "bytes as a folder, of at most 240: shorten it", named(80)),
    (table("name,name,smiles\na,a,C\n"), "twice; rename one", table(GOOD)),
    (
        table("name,smiles,experiment\na,C,2\n"),
        "say what it is with --columns expt_kcal=experiment",
        table("name,smiles,experiment\na,C,2\n", expt_kcal="experiment"),
    ),
    (
        table("name,smiles,experiment\na,C,2\n"),
        "or rename it if it is something else",
        table("name,smiles,weather\na,C,2\n"),
    ),
    (
        table("id,smiles\na,C\n"),
        "it has id, smiles: say which is which with --columns name=",
        table("id,smiles\na,C\n", name="id"),
    ),
    (
        lambda: place_of("ray", None),
        "choose serial, processes or dask",
        lambda: place_of("serial", None),
    ),
    (
        lambda: read_jobs(campaign(begun=False)()),
        "give the folder of `merrow campaign run`",
        lambda: read_jobs(campaign(begun=True)()),
    ),
    (
        lambda: read_config(campaign(begun=False)()),
        "give a campaign's folder",
        lambda: read_config(campaign(begun=True)()),
    ),
    (row("lost.prmtop"), "(prmtop); correct the path", row(SYSTEMS / "methane.prmtop")),
    (compared([], []), "give one value of each kind for at least one", compared([1.0], [2.0])),
    (
        compared([1.0, np.nan], [2.0, 1.0]),
        "leave that molecule out",
        compared([1.0], [2.0]),
    ),
    (drift(0.001), "determine a drift; give at least 0.", drift(100.0)),
    (pieces(0.5), "make it longer", pieces(2.0)),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    helped(*row)
