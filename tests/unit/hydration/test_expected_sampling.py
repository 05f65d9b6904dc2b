# SPDX-License-Identifier: MIT
"""Are progress and time left those of the whole run, and not of the present round alone?"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.run_folder import RunFolder, Stopwatch
from merrow.hydration.sampling import adaptive
from merrow.hydration.sampling.adaptive import Sampler
from merrow.hydration.sampling.tasks import path_tasks
from merrow.progress import Progress

NOW, ROUND, MOST = 10, 12, 60
"""Segments of each path so far, of the present round, and at most."""


class Segments:
    """Counts segments, of one second each, in place of step times."""

    def fraction(self, goals):
        return NOW * len(goals) / sum(goals.values())

    def seconds_left(self, goals, running):
        return float(sum(goals.values()) - NOW * len(goals))


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return a function (error, waits for) → the progress of a run with a target of 0.3."""
    protocol = PROTOCOLS["quick"].model_copy(update={"target_stderr_kcal": 0.3})
    config = HydrationConfig(
        source=Source(kind="smiles", smiles="CO"), protocol=protocol, repeats=2
    )
    heard: list[Progress] = []
    run = SimpleNamespace(config=config, folder=RunFolder(tmp_path))
    workers, watch = SimpleNamespace(run=run, processes=1), Stopwatch(0.0, began=0.0)
    sampler = Sampler(workers, listen=heard.append, watch=watch)
    sampler.meter, sampler.most = Segments(), MOST
    monkeypatch.setattr(adaptive, "run_pieces", lambda *_, tell, **__: tell(()))
    monkeypatch.setattr(adaptive, "phase_words", lambda *_: "sampling path")
    paths = path_tasks(config)

    def tell(error, waits_for=""):
        sampler.error, sampler.judged = error, dict.fromkeys(paths, 5)
        sampler.waits_for = waits_for
        sampler._reach(dict.fromkeys(paths, ROUND), lambda: False)
        return heard[-1]

    return tell


@pytest.mark.parametrize(
    ("error", "expected"),
    [(None, ROUND), (0.2, ROUND), (0.3, ROUND), (0.6, 5 * 4), (3.0, MOST)],
)
def test_sampling_that_the_target_will_take_is_part_of_the_whole(told, error, expected):
    """After a round of 12 segments progress stood at 100 % where the error wanted 20."""
    progress = told(error)
    assert progress.fraction == pytest.approx(NOW / expected)
    assert progress.remaining_s == pytest.approx(2 * (expected - NOW))


def test_nothing_tells_when_conformers_will_be_settled(told):
    progress = told(0.6, "water")
    assert progress.remaining_s is None
    assert "conformers not settled in water" in progress.details
