# SPDX-License-Identifier: MIT
"""Is `auto` a platform of this machine when a run begins, and the run's own when it goes on?"""

from __future__ import annotations

from pathlib import Path

import pytest

from merrow.engine import platforms
from merrow.hydration import prepare
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.prepare import resolve_config
from merrow.hydration.run_folder import RunFolder

ASKED = HydrationConfig(source=Source(kind="smiles", smiles="CO"))


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


@pytest.fixture
def with_gpu(monkeypatch):
    monkeypatch.setattr(platforms, "fastest_platform", lambda: "CUDA")


def test_a_new_run_gets_the_platform_of_its_machine(folder, with_gpu):
    assert ASKED.platform == "auto"
    assert resolve_config(ASKED, Path(), folder).platform == "CUDA"


def test_a_run_keeps_the_platform_that_it_began_with(folder, with_gpu):
    begun = ASKED.model_copy(update={"platform": "CPU"})
    folder.path.mkdir()
    folder.save_config(resolve_config(begun, Path(), folder))
    found = resolve_config(ASKED, Path(), folder)
    assert found.platform == "CPU"
    assert folder.holds(found)


def test_another_platform_by_name_is_another_run(folder):
    folder.path.mkdir()
    begun = ASKED.model_copy(update={"platform": "CPU"})
    folder.save_config(resolve_config(begun, Path(), folder))
    asked = ASKED.model_copy(update={"platform": "Reference"})
    with pytest.raises(prepare.InputError, match="platform is 'CPU' there and 'Reference' here"):
        folder.holds(resolve_config(asked, Path(), folder))


def test_our_own_kernel_runs_on_the_processor(folder, with_gpu):
    asked = ASKED.model_copy(update={"mm_kernel": "native"})
    assert resolve_config(asked, Path(), folder).platform == "CPU"
