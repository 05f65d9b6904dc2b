# SPDX-License-Identifier: MIT
"""Is a campaign that cannot be right refused with exit code 2 and one sentence?"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from merrow.errors import InputError
from merrow.executor import ClusterConfig

TABLES = {
    "good.csv": "name,smiles,expt_kcal\nmethane,C,2.0\nmethanol,CO,-5.1\n",
    "twice.csv": "name,smiles\na,C\na,CC\n",
    "nameless.csv": "id,smiles\na,C\n",
    "bad.csv": "name,smiles\na,C1CC\nb,\n",
}

REFUSED = [
    ("lost.csv --out set", "there is no table lost.csv"),
    ("twice.csv --out set", "the name 'a' on line 3 is that of line 2"),
    ("nameless.csv --out set", "say which is which with --columns name=...,smiles="),
    ("nameless.csv --columns name=ID --out set", "has no column 'ID' (--columns name=ID)"),
    ("good.csv --columns name --out set", "--columns 'name': expected key=column"),
    ("good.csv --columns kind=name --out set", "there is no key 'kind'"),
    ("good.csv --protocol slow --out set", "there is no protocol 'slow'"),
    ("good.csv --potential ani3x --out set", "there is no potential 'ani3x'"),
    ("good.csv --charges am1 --out set", "charges.0: input should be 'bcc', 'abcg2' or 'file'"),
    (
        "good.csv --charges bcc,bcc --out set",
        "charges must name at least one model, and none twice",
    ),
    ("good.csv --set cutof=9 --out set", "did you mean cutoff_angstrom?"),
    ("good.csv --platform HIP --out set", "the OpenMM platform HIP cannot be used here"),
    ("good.csv --executor ray --out set", "there is no executor 'ray'"),
    ("good.csv --executor serial --cluster slurm.yaml --out set", "--cluster goes with"),
    ("good.csv --cluster lost.yaml --out set", "lost.yaml cannot be read; `merrow cluster init"),
    ("good.csv --cluster torn.yaml --out set", "scheduler: input should be 'slurm', 'pbs'"),
    ("good.csv --cluster short.yaml --out set", "is not shorter than walltime 00:10:00"),
    ("good.csv --cluster typo.yaml --out set", "there is no key wall: did you mean walltime?"),
    ("good.csv --cluster odd.yaml --out set", "walltime 'soon' is not of the form"),
    ("good.csv --cluster slurm.yaml --out set", "there is no sbatch on the PATH"),
    ("good.csv --out notes", "notes is not empty and contains no campaign"),
    ("good.csv --out good.csv", "good.csv is a file; --out needs a folder"),
    ("bad.csv --out set", "no molecule of bad.csv can be computed; the first: line 2"),
    ("good.csv --max-time soon --out set", "--max-time 'soon' is not a time"),
    ("good.csv --workers 0 --out set", "--workers"),
    ("good.csv", "Missing option '--out'"),
]


@pytest.fixture
def here(merrow, monkeypatch, tmp_path):
    """The current folder with some tables and cluster files; no scheduler on the PATH."""
    for name, text in TABLES.items():
        Path(name).write_text(text)
    Path("notes").mkdir()
    Path("notes/diary.txt").write_text("do not touch")
    Path("slurm.yaml").write_text("scheduler: slurm\n")
    Path("torn.yaml").write_text("scheduler: cron\n")
    Path("short.yaml").write_text("scheduler: slurm\nwalltime: '00:10:00'\nslice_minutes: 10\n")
    Path("typo.yaml").write_text("scheduler: slurm\nwall: '1:00:00'\n")
    Path("odd.yaml").write_text("scheduler: slurm\nwalltime: soon\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    return Path.cwd()


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize(("words", "told"), REFUSED, ids=[words for words, _ in REFUSED])
def test_a_campaign_is_refused_before_anything_is_written(merrow, here, words, told):
    before = contents(here)
    answer = merrow("campaign", "run", *words.split())
    lines = [line for line in answer.err.splitlines() if line.strip()]
    assert (answer.code, answer.out) == (2, ""), answer
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("merrow: ")
    assert told in lines[0]
    assert contents(here) == before


def test_a_report_needs_a_campaign(merrow, here):
    answer = merrow("campaign", "report", "notes")
    assert answer.code == 2
    assert "notes contains no campaign; give the folder of `merrow campaign run`" in answer.err


@pytest.mark.parametrize("scheduler", ["slurm", "pbs", "lsf"])
def test_a_cluster_file_is_written_with_every_key_explained(merrow, here, scheduler):
    path = Path("mine.yaml")
    answer = merrow("cluster", "init", scheduler, "--out", path)
    assert answer.code == 0, answer.err
    text = path.read_text()
    assert ClusterConfig.from_yaml(text, source="here") == ClusterConfig(scheduler=scheduler)
    assert yaml.safe_load(text).keys() == ClusterConfig.model_fields.keys()
    assert "# Partition or queue" in text
    assert merrow("cluster", "init", scheduler, "--out", path).code == 2, "it is there already"


def test_an_unknown_scheduler_is_refused(merrow, here):
    answer = merrow("cluster", "init", "cron")
    assert answer.code == 2
    assert "there is no scheduler 'cron'; choose slurm, pbs or lsf" in answer.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("04:00:00", 14400.0), ("90:00", 5400.0), ("1:30:30", 5430.0)]
)
def test_a_walltime_is_a_number_of_seconds(text, seconds):
    config = ClusterConfig.checked({"scheduler": "slurm", "walltime": text}, source="here")
    assert config.walltime_s == seconds


def test_a_walltime_without_quotation_marks_is_read_as_it_was_meant():
    config = ClusterConfig.from_yaml("scheduler: slurm\nwalltime: 12:00:00\n", source="here")
    assert (config.walltime, config.walltime_s) == ("12:00:00", 43200.0)


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, monkeypatch):
    from merrow.executor import check_cluster  # noqa: PLC0415

    for name, script in (("sbatch", "exit 0"), ("sinfo", "echo no controller >&2; exit 1")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(InputError, match="slurm cannot be reached: `sinfo -h` says: no controller"):
        check_cluster(ClusterConfig(scheduler="slurm"))
