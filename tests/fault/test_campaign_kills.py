# SPDX-License-Identifier: MIT
"""Does a campaign that is killed at random moments come to the table of an undisturbed one?"""

from __future__ import annotations

import os
import signal

import pytest
from process_table import is_alive
from tiny_campaign import disturb, pieces, workers
from tiny_run import numbers, wait_for

pytestmark = pytest.mark.slow


def test_each_run_of_a_campaign_is_an_ordinary_run(undisturbed_campaign, undisturbed):
    """The campaign's methane is what `merrow hydration` computes with the same options."""
    mine = numbers(undisturbed_campaign.folder / "runs" / "methane-prmtop")
    alone = numbers(undisturbed)
    assert mine["settings"].pop("name") == "methane"  # as the table calls it
    assert alone["settings"].pop("name") is None
    assert mine.pop("measured")["value_kcal"] == -1.0  # the table's, not the known one
    assert alone.pop("measured") is None
    assert mine["settings"].pop("expt_kcal", -1.0) == -1.0
    assert alone["settings"].pop("expt_kcal", None) is None
    assert mine == alone


def test_a_lost_file_is_a_row_of_the_table_that_stops_no_other(undisturbed_campaign):
    lines = (undisturbed_campaign.folder / "results.csv").read_text().splitlines()
    assert [line.split(",")[1].partition(":")[0] for line in lines[1:]] == [
        "done",
        "done",
        "failed",
    ]
    assert "line 4: there is no file" in lines[3]


def test_a_campaign_that_is_done_is_shown_at_once(undisturbed_campaign):
    before = pieces(undisturbed_campaign.folder)
    err = undisturbed_campaign.complete()
    assert "2 of 2 runs are done already." in err
    assert pieces(undisturbed_campaign.folder) == before


def test_kills_of_driver_and_workers_change_nothing(tiny_campaign, undisturbed_campaign):
    hit = disturb(tiny_campaign, 5, 3, undisturbed_campaign)
    assert hit == {"driver": 3, "worker": 2}


def test_workers_end_soon_after_their_driver_was_killed(tiny_campaign):
    campaign = tiny_campaign()
    campaign.start()
    helpers = wait_for(lambda: workers(campaign.process.pid), "the first worker")
    campaign.process.kill()
    campaign.finish()
    wait_for(lambda: not any(map(is_alive, helpers)), "the workers of a dead driver to end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_driver_and_workers_in_good_order(tiny_campaign, number):
    campaign = tiny_campaign()
    campaign.start()
    wait_for(lambda: pieces(campaign.folder), "the first piece")
    helpers = workers(campaign.process.pid)
    assert helpers
    if number == signal.SIGINT:
        os.killpg(campaign.process.pid, number)
    else:
        campaign.process.send_signal(number)
    code, out, err = campaign.finish()
    assert (code, out) == (128 + number, "")
    assert err.splitlines()[-1] == "merrow: stopped; run the same command again to resume."
    assert "Traceback" not in err
    wait_for(lambda: not any(map(is_alive, helpers)), "the workers to end")


def test_time_that_is_up_ends_in_good_order_and_goes_on_later(tiny_campaign, undisturbed_campaign):
    campaign = tiny_campaign("--max-time", "0.01")
    campaign.start()
    code, _, err = campaign.finish()
    assert code == 3, err
    assert "time is up with 2 of 3 runs to go" in err.splitlines()[-1]
    status = [line.split(",")[1] for line in campaign.results()[0].splitlines()[1:3]]
    assert set(status) <= {"stopped", "pending"}
    kept = pieces(campaign.folder)
    campaign.words = [word for word in campaign.words if word not in ("--max-time", "0.01")]
    campaign.complete()
    assert campaign.results() == undisturbed_campaign.results()
    assert {path: pieces(campaign.folder)[path] for path in kept} == kept
