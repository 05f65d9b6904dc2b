# SPDX-License-Identifier: MIT
"""Does a run that was killed, stopped or robbed of a worker go on as if nothing had happened?"""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
from process_table import is_alive
from tiny_run import SEGMENTS, numbers, segments, times, wait_for, workers

from merrow.hydration.run import rebuild
from merrow.hydration.run_folder import RunFolder

pytestmark = pytest.mark.slow


def killed_after(run, count):
    """Kill a run of one process once it has `count` segments; return those that it has."""
    run.start()
    run.reach(count)
    run.process.kill()
    run.finish()
    return segments(run.folder)


@pytest.mark.parametrize(("processes", "seed"), [(1, 1), (1, 2), (2, 3), (2, 4)])
def test_a_killed_run_goes_on_to_the_same_numbers(tiny, undisturbed, processes, seed):
    run = tiny(processes)
    run.start()
    run.reach_some_moment(seed)
    helpers = workers(run.process.pid)
    run.process.kill()
    run.finish()
    wait_for(lambda: not any(map(is_alive, helpers)), "the workers of a dead parent to end")
    kept = times(segments(run.folder))

    _, err = run.complete()
    assert f"resuming in {run.folder}: {len(kept)} of " in err
    assert numbers(run.folder) == numbers(undisturbed)
    assert times(kept) == kept  # nothing finished was computed again


def test_a_run_killed_beyond_its_first_round_counts_all_that_is_done(tiny, undisturbed):
    run = tiny(1)
    kept = killed_after(run, SEGMENTS - 2)
    _, err = run.complete()
    assert f"resuming in {run.folder}: {len(kept)} of {len(kept)} pieces done" in err
    assert numbers(run.folder) == numbers(undisturbed)


def test_a_report_of_a_killed_run_does_not_end_it(tiny, undisturbed):
    run = tiny(1)
    kept = killed_after(run, SEGMENTS - 1)
    assert len(kept) < SEGMENTS
    first = rebuild(run.folder).diagnostics.verdicts[0]
    assert (first.name, first.status) == ("sampling", "warn")
    assert RunFolder(run.folder).finished() is None
    run.complete()
    assert numbers(run.folder) == numbers(undisturbed)
    assert rebuild(run.folder).diagnostics.verdicts[0].name == "target"
    assert RunFolder(run.folder).finished() is not None


def test_a_killed_run_takes_the_same_conformers_of_the_gas_phase(
    tiny, ethanol, undisturbed_ethanol
):
    run = tiny(2, molecule=ethanol)
    run.start()
    run.reach_some_moment(6)
    helpers = workers(run.process.pid)
    run.process.kill()
    run.finish()
    wait_for(lambda: not any(map(is_alive, helpers)), "the workers of a dead parent to end")
    run.complete()
    found = numbers(run.folder)
    assert found == numbers(undisturbed_ethanol)
    # two repeats, two segments after the first, three sweeps
    assert found["diagnostics"]["gas_conformers_inserted"] == 2 * 2 * 3


@pytest.mark.parametrize("lost", ["path-mm-1", "gas-mm"])
def test_a_part_that_is_deleted_as_a_message_says_is_made_again(
    tiny, ethanol, undisturbed_ethanol, lost
):
    run = tiny(1, molecule=ethanol)
    killed_after(run, SEGMENTS - 2)
    shutil.rmtree(run.folder / "tasks" / lost)
    run.complete()
    assert numbers(run.folder) == numbers(undisturbed_ethanol)


@pytest.mark.parametrize("kept", [3, 5])
def test_a_run_killed_while_its_gas_settles_goes_on_to_the_same_numbers(
    tiny, ethanol, tmp_path, kept
):
    """The ladders of so short a gas phase are never called equal: it is lengthened to its most."""
    disturbed, whole = (tiny(1, tmp_path / name, molecule=ethanol) for name in ("one", "two"))
    for run in (disturbed, whole):
        run.words[run.words.index("target_stderr_kcal=null")] = "target_stderr_kcal=0.001"
        run.words[run.words.index("maximum_sampling_ps=0.144")] = "maximum_sampling_ps=4"
        run.words += ["--set", "sweeps_per_segment=20"]
    whole.complete()
    killed_after(disturbed, kept)
    disturbed.complete()
    assert numbers(disturbed.folder) == numbers(whole.folder)
    found = [
        json.loads((run.folder / "system/rounds.json").read_text()) for run in (whole, disturbed)
    ]
    assert found[0] == found[1]
    assert found[0]["reservoir"] == len(list((whole.folder / "tasks/gas-mm").glob("segment-*")))
    assert found[0]["reservoir"] > 1


def test_energies_that_a_stop_left_out_are_made_up_for(tiny):
    run = tiny(2)
    run.words[run.words.index("mm")] = "tiny-ani"
    run.complete()
    whole, kept = numbers(run.folder), times(segments(run.folder))
    others = sorted(run.folder.glob("tasks/*/other-*.npz"))
    for path in (others[0], others[-1], run.folder / "result.json"):
        path.unlink()
    run.complete()
    assert numbers(run.folder) == whole
    assert times(segments(run.folder)) == kept  # and nothing was sampled beyond


def test_two_processes_compute_what_one_computes(tiny, undisturbed):
    run = tiny(2)
    run.complete()
    assert numbers(run.folder) == numbers(undisturbed)


def test_a_finished_run_is_shown_again_at_once(tiny):
    run = tiny(1)
    first, err = run.complete()
    assert "resuming" not in err
    before = times(run.folder.rglob("*"))
    again, err = run.complete()
    assert again == first
    assert "sampling" not in err
    assert times(run.folder.rglob("*")) == before


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_in_good_order(tiny, processes, number):
    run = tiny(processes)
    run.start()
    run.reach(1)
    helpers = workers(run.process.pid)
    assert len(helpers) == (0 if processes == 1 else 2)
    # a terminal sends Ctrl-C to the whole group, a batch system ends the one process it knows
    if number == signal.SIGINT:
        os.killpg(run.process.pid, number)
    else:
        run.process.send_signal(number)
    code, out, err = run.finish()
    assert code == 128 + number
    assert out == ""
    assert err.splitlines()[-1] == "merrow: stopped; run the same command again to resume."
    assert "Traceback" not in err
    wait_for(lambda: not any(map(is_alive, helpers)), "the workers to end")
    assert len(segments(run.folder)) >= 1


def test_a_killed_worker_is_one_sentence(tiny, undisturbed):
    run = tiny(2)
    run.start()
    run.reach(2)
    os.kill(workers(run.process.pid)[0], signal.SIGKILL)
    code, _, err = run.finish()
    assert code == 1
    assert err.splitlines()[-1].startswith("merrow: a worker process was killed while sampling")
    assert "Traceback" not in err
    run.complete()
    assert numbers(run.folder) == numbers(undisturbed)
