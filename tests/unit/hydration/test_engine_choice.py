# SPDX-License-Identifier: MIT
"""Who moves the configurations of a run: decided once, told, and kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from merrow.amber.topology import read_topology
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task, leg_plan
from merrow.system.potentials import open_classical

METHANOL = read_topology(Path(__file__).parents[2] / "data" / "systems" / "methanol.prmtop")

CONFIG = HydrationConfig(
    source=Source(kind="smiles", smiles="CO"),
    potential="mm",
    protocol=PROTOCOLS["quick"].model_copy(update={"route": "direct"}),
    platform="CPU",
)


def asked(**changes) -> HydrationConfig:
    return HydrationConfig.checked({**CONFIG.model_dump(), **changes}, source="here")


def decided(folder: RunFolder, config: HydrationConfig) -> HydrationConfig:
    """What a run decides, and its run.yaml then says."""
    folder.save_config(folder.as_begun(config))
    atoms = tuple(range(len(METHANOL)))
    classical = open_classical(METHANOL, atoms)
    prepared = SimpleNamespace(
        topology=METHANOL, region=SimpleNamespace(atoms=atoms), solute=np.zeros((6, 3))
    )
    run = RunContext(folder, folder.config(), prepared, classical, classical, None).with_choices()
    assert folder.config() == run.config
    return run.config


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.fixture
def able(monkeypatch) -> dict[str, str]:
    """Why kernel and loop cannot do the system; nothing, until a test says so."""
    why = {"kernel": "", "loop": ""}
    monkeypatch.setattr(RunContext, "why_not_native", lambda _: why["kernel"])
    monkeypatch.setattr(
        RunContext, "why_no_loop", lambda _, isa: why["loop"] if isa else "no kernel"
    )
    monkeypatch.setattr("merrow.hydration.sampling.context.instruction_set", lambda: "avx2")
    return why


def test_our_loop_moves_what_it_can(folder, able, caplog):
    config = decided(folder, CONFIG)
    assert (config.mm_kernel, config.engine) == ("native", "native")
    assert leg_plan(config, Task("path", MM_SOLUTE)).engine == "native"
    assert not caplog.records
    assert decided(folder, CONFIG) == config


def test_what_it_cannot_move_is_left_to_openmm_and_told_once(folder, able, caplog):
    able["loop"] = "the native loop cannot be used: it has Spring terms."
    config = decided(folder, CONFIG)
    assert (config.mm_kernel, config.engine) == ("native", "openmm")
    assert leg_plan(config, Task("path", MM_SOLUTE)).engine == "openmm"
    assert [r.message for r in caplog.records] == [
        f"OpenMM moves the configurations of this run: {able['loop']}"
    ]
    decided(folder, CONFIG)
    assert len(caplog.records) == 1


def test_without_our_kernel_openmm_moves_everything(folder, able, caplog):
    able["kernel"] = "there is no box."
    assert decided(folder, CONFIG).engine == "openmm"
    assert all("nonbonded forces" in record.message for record in caplog.records)


@pytest.mark.parametrize("part", ["kernel", "loop"])
def test_a_loop_that_is_asked_for_and_cannot_be_is_refused(folder, able, part):
    able[part] = "its solute has constraints."
    with pytest.raises(UnsupportedPhysicsError, match="engine native: "):
        decided(folder, asked(engine="native"))


def test_a_run_goes_on_with_the_engine_that_it_began_with_or_refuses(folder, able):
    begun = decided(folder, CONFIG)
    assert folder.holds(folder.as_begun(CONFIG))
    assert folder.as_begun(CONFIG).engine == "native"
    assert folder.holds(folder.as_begun(asked(engine="native")))
    with pytest.raises(InputError, match="engine is 'native' there and 'openmm' here"):
        folder.holds(folder.as_begun(asked(engine="openmm")))
    assert begun.sampling_settings()["engine"] == "native"


def test_a_run_from_before_there_was_a_choice_stays_on_openmm(folder, able):
    decided(folder, CONFIG)
    lines = folder.run_file.read_text().splitlines(keepends=True)
    folder.run_file.write_text("".join(line for line in lines if not line.startswith("engine")))
    folder.tasks.mkdir()
    assert (folder.config().mm_kernel, folder.config().engine) == ("native", "openmm")
    assert folder.holds(folder.as_begun(CONFIG))


@pytest.mark.parametrize(
    "changes",
    [{"platform": "CUDA"}, {"mm_kernel": "openmm"}],
)
def test_an_engine_that_cannot_be_is_refused(changes):
    with pytest.raises(InputError, match="engine native"):
        asked(engine="native", **changes)
