# SPDX-License-Identifier: MIT
"""Does a campaign that is killed at random moments come to the table of an undisturbed one?"""

from __future__ import annotations

import os
import signal

import pytest
from tiny_campaign import TinyCampaign, disturb, pieces, workers, write_table
from tiny_run import is_alive, numbers, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def table(shared, tmp_path_factory):
    """Table of methane, methanol, and a lost file."""
    return write_table(tmp_path_factory.mktemp("table"), shared)


@pytest.fixture(scope="session")
def reference(table, tmp_path_factory):
    """A campaign that nobody disturbed."""
    campaign = TinyCampaign(table, tmp_path_factory.mktemp("campaign") / "set")
    campaign.complete()
    return campaign


@pytest.fixture
def tiny(table, tmp_path):
    """Make a tiny campaign in a folder of its own; what is left of it is ended with the test."""
    made = []

    def make(*more):
        made.append(TinyCampaign(table, tmp_path / str(len(made)) / "set", *more))
        return made[-1]

    yield make
    for campaign in made:
        campaign.end()


def test_each_run_of_a_campaign_is_an_ordinary_run(reference, undisturbed):
    """The campaign's methane is what `mlmm hydration` computes with the same options."""
    assert numbers(reference.folder / "runs" / "methane-prmtop") == numbers(undisturbed)


def test_a_lost_file_is_a_row_of_the_table_that_stops_no_other(reference):
    lines = (reference.folder / "results.csv").read_text().splitlines()
    assert [line.split(",")[1].partition(":")[0] for line in lines[1:]] == [
        "done",
        "done",
        "failed",
    ]
    assert "line 4: there is no file" in lines[3]


def test_a_campaign_that_is_done_is_shown_at_once(reference):
    before = pieces(reference.folder)
    err = reference.complete()
    assert "2 of 2 runs are done already." in err
    assert pieces(reference.folder) == before


def test_kills_of_driver_and_workers_change_nothing(tiny, reference):
    hit = disturb(tiny, 5, 3, reference)
    assert sum(hit.values()) == 5
    assert min(hit.values()) >= 1


def test_workers_end_soon_after_their_driver_was_killed(tiny):
    campaign = tiny()
    campaign.start()
    helpers = wait_for(lambda: workers(campaign.process.pid), "the first worker")
    campaign.process.kill()
    campaign.finish()
    wait_for(lambda: not any(map(is_alive, helpers)), "the workers of a dead driver to end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_driver_and_workers_in_good_order(tiny, number):
    campaign = tiny()
    campaign.start()
    wait_for(lambda: pieces(campaign.folder), "the first piece")
    helpers = workers(campaign.process.pid)
    assert helpers
    if number == signal.SIGINT:
        os.killpg(campaign.process.pid, number)
    else:
        campaign.process.send_signal(number)
    code, out, err = campaign.finish()
    assert (code, out) == (3, "")
    assert err.splitlines()[-1] == "mlmm: stopped; run the same command again to go on."
    assert "Traceback" not in err
    wait_for(lambda: not any(map(is_alive, helpers)), "the workers to end")


def test_time_that_is_up_ends_in_good_order_and_goes_on_later(tiny, reference):
    campaign = tiny("--max-time", "0.08")
    campaign.start()
    code, _, err = campaign.finish()
    assert code == 3, err
    assert "time is up with 2 of 3 runs to go" in err.splitlines()[-1]
    status = [line.split(",")[1] for line in campaign.results()[0].splitlines()[1:3]]
    assert set(status) <= {"running", "pending"}
    kept = pieces(campaign.folder)
    campaign.words = [word for word in campaign.words if word not in ("--max-time", "0.08")]
    campaign.complete()
    assert campaign.results() == reference.results()
    assert {path: pieces(campaign.folder)[path] for path in kept} == kept
