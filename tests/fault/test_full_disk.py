# SPDX-License-Identifier: MIT
"""Is what was finished kept and resumed when the disk is full while sampling?"""

from __future__ import annotations

import os
import subprocess

import pytest
from tiny_campaign import pieces
from tiny_run import numbers, segments, times, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with 8 MB, more than a tiny run needs."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no program mount")
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(path):
    """Write until there is no room for another byte."""
    with path.open("wb", buffering=0) as stream:
        for size in (65536, 1):
            try:
                while stream.write(b"\0" * size):
                    pass
            except OSError:
                continue


@pytest.mark.parametrize("processes", [1, 2])
def test_a_full_disk_keeps_what_was_finished(small_disk, tiny, undisturbed, processes):
    run = tiny(processes, small_disk / "run")
    run.start()
    run.reach(1)
    fill(small_disk / "filler")
    code, _, err = run.finish()
    assert code == 1
    assert "the disk is full. What was finished is kept" in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("merrow: ")
    assert "Traceback" not in err
    kept = times(segments(run.folder))
    assert kept

    code, _, err = again(run)
    assert code == 1, "the disk is still full"
    assert "Traceback" not in err

    os.unlink(small_disk / "filler")
    run.complete()
    assert numbers(run.folder) == numbers(undisturbed)
    assert times(kept) == kept


def test_a_full_disk_keeps_what_a_campaign_finished(
    small_disk, tiny_campaign, undisturbed_campaign
):
    campaign = tiny_campaign(folder=small_disk / "set")
    campaign.start()
    wait_for(lambda: pieces(campaign.folder), "the first piece")
    fill(small_disk / "filler")
    code, _, err = campaign.finish()
    assert code == 1
    assert "the disk is full. What was finished is kept" in err.splitlines()[-1], err
    assert "Traceback" not in err
    kept = pieces(campaign.folder)
    assert kept

    os.unlink(small_disk / "filler")
    campaign.complete()
    assert campaign.results() == undisturbed_campaign.results()
    assert {path: pieces(campaign.folder)[path] for path in kept} == kept


def again(run):
    """Run once more and return exit code, stdout and stderr."""
    run.start()
    return run.finish()
