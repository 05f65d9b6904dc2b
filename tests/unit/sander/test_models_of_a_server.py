# SPDX-License-Identifier: MIT
"""Does a server keep models apart that lay under one name at different times?"""

from __future__ import annotations

import os
import shutil

import parmed
import pytest

from merrow.errors import InputError
from merrow.sander.models import Job, Models, file_states, parse_job
from merrow.sander.server import Request


@pytest.fixture
def prmtop(systems, tmp_path):
    """A copy of methane's prmtop."""
    return shutil.copy(systems / "methane.prmtop", tmp_path / "mine.prmtop")


def job_of(path) -> str:
    job = Job(prmtop=str(path), atoms=(0, 1, 2, 3, 4), potential="mm", files=file_states(str(path)))
    return job.model_dump_json()


def test_a_job_travels_as_json(prmtop):
    text = job_of(prmtop)
    assert parse_job(text).model_dump_json() == text
    assert parse_job(text).files[0][0] == str(prmtop)


def test_a_file_that_changes_is_another_model_and_a_running_job_keeps_its_own(prmtop):
    models = Models()
    before = job_of(prmtop)
    identity = models.open(before).identity
    stiffer = parmed.load_file(str(prmtop))
    stiffer.bond_types[0].k *= 2
    stiffer.remake_parm()
    stiffer.save(str(prmtop), overwrite=True)
    after = job_of(prmtop)
    assert after != before
    assert models.open(after).identity != identity
    assert models.answer(Request(before, "", "")).results == identity


def test_a_server_that_begins_later_refuses_what_has_changed_since(prmtop):
    text = job_of(prmtop)
    os.utime(prmtop, ns=(1, 1))
    with pytest.raises(InputError, match=r"mine.prmtop has changed since the run began"):
        Models().open(text)
