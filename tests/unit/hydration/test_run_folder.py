# SPDX-License-Identifier: MIT
"""Is a run recognised in its folder, and every other folder left alone?"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.errors import InputError
from merrow.files import digest
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.prepare import begin_run, check_unchanged, resolve_config
from merrow.hydration.protocol import PROTOCOLS, TORSION_SCALES, Protocol, Schedule
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task, leg_plan
from merrow.hydration.state import (
    STATE_FILES,
    Crew,
    Failure,
    Intermediates,
    Placement,
    PotentialIdentity,
    PreparedInfo,
    Rounds,
    Timing,
    Underway,
)
from merrow.system.potentials import open_classical

MOLECULE = {"smiles": "CO", "formula": "CH4O", "charge": 0, "n_atoms": 6}
CONFIG = HydrationConfig(source=Source(kind="smiles", smiles="CO"))


def test_a_run_file_is_read_as_it_was_written(tmp_path):
    RunFolder(tmp_path).save_config(CONFIG)
    assert RunFolder(tmp_path).config() == CONFIG
    assert [path.name for path in tmp_path.iterdir()] == ["run.yaml"]


def test_a_folder_is_free_its_own_or_somebody_elses(tmp_path):
    folder = tmp_path / "run"
    assert not RunFolder(folder).holds(CONFIG)
    folder.mkdir()
    assert not RunFolder(folder).holds(CONFIG)
    (folder / ".lock.1").touch()  # what a kill leaves before the run file is written
    assert not RunFolder(folder).holds(CONFIG)
    RunFolder(folder).save_config(CONFIG)
    assert RunFolder(folder).holds(CONFIG)
    assert RunFolder(folder).holds(CONFIG.model_copy(update={"processes": 3}))
    with pytest.raises(InputError, match="potential is 'ani2x' there and 'ani1x' here"):
        RunFolder(folder).holds(CONFIG.model_copy(update={"potential": "ani1x"}))
    assert RunFolder(folder).holds(CONFIG.model_copy(update={"repeats": 3}))
    with pytest.raises(InputError, match="a run of 2 repeats, but 1 are asked for"):
        RunFolder(folder).holds(CONFIG.model_copy(update={"repeats": 1}))


def test_a_new_run_has_a_gas_ladder_for_each_repeat_and_keeps_them(tmp_path):
    four = CONFIG.model_copy(update={"repeats": 4})
    begun = RunFolder(tmp_path).as_begun(four)
    assert begun.protocol.n_gas_ladders == 4
    RunFolder(tmp_path).save_config(begun)
    assert RunFolder(tmp_path).as_begun(four) == begun
    six = RunFolder(tmp_path).as_begun(
        CONFIG.model_copy(update={"repeats": 6})
    )  # repeats that are added
    assert six.protocol.n_gas_ladders == 4
    assert RunFolder(tmp_path).holds(six)
    RunFolder(tmp_path).save_config(six)
    assert RunFolder(tmp_path).as_begun(six.model_copy(update={"protocol": four.protocol})) == six
    off = four.protocol.model_copy(update={"gas_reservoir": False})
    elsewhere = RunFolder(tmp_path / "new").as_begun(four.model_copy(update={"protocol": off}))
    assert elsewhere.protocol.n_gas_ladders == 2


def test_a_run_that_began_with_fewer_ladders_goes_on_with_them(tmp_path):
    four = CONFIG.model_copy(update={"repeats": 4})
    RunFolder(tmp_path).save_config(four)  # as versions before wrote it
    told = RunFolder(tmp_path).as_begun(four)
    assert told.protocol.n_gas_ladders == 2
    assert RunFolder(tmp_path).holds(told)


def test_a_folder_that_says_no_to_the_gas_reservoir_is_refused_to_who_wants_it(tmp_path):
    off = CONFIG.protocol.model_copy(update={"gas_reservoir": False})
    RunFolder(tmp_path).save_config(CONFIG.model_copy(update={"protocol": off}))
    with pytest.raises(InputError, match="gas_reservoir is False there and True here"):
        RunFolder(tmp_path).holds(RunFolder(tmp_path).as_begun(CONFIG))


def structure(tmp_path, text):
    """Return a configuration with a structure file of some content."""
    (tmp_path / "here").mkdir(exist_ok=True)
    (tmp_path / "here" / "lig.sdf").write_text(text)
    return HydrationConfig(source=Source(kind="structure", structure="here/lig.sdf"))


def test_input_files_are_copied_and_their_content_names_the_run(tmp_path):
    config = structure(tmp_path, "one")
    run = RunFolder(tmp_path / "run")
    told = resolve_config(config, tmp_path, run)
    assert not run.path.exists()
    begin_run(run, told, config.source, tmp_path)
    assert (run.inputs / "lig.sdf").read_text() == "one"
    assert told.source.structure == "inputs/lig.sdf"
    again = resolve_config(run.config(), run.path, run)  # from its own folder, as `merrow run` does
    begin_run(run, again, again.source, run.path)
    assert run.config() == again == told
    assert (run.inputs / "lig.sdf").read_text() == "one"
    other = resolve_config(structure(tmp_path, "two"), tmp_path, run)
    assert other.source.digest != told.source.digest


def test_two_inputs_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    source = Source(kind="gas", prmtop="a/x", inpcrd="b/x", charges="prmtop")
    with pytest.raises(InputError, match="both named x"):
        resolve_config(HydrationConfig(source=source), tmp_path, RunFolder(tmp_path / "run"))


def test_a_relative_path_of_weights_belongs_to_the_run_file(tmp_path):
    config = CONFIG.model_copy(update={"weights": "weights/ani2x.pt"})
    told = resolve_config(config, tmp_path, RunFolder(tmp_path / "run"))
    assert told.weights == str(tmp_path / "weights" / "ani2x.pt")


STATES = [
    PreparedInfo(molecule=MOLECULE, n_waters=330),
    PotentialIdentity(identity="ani2x:1f3a"),
    Schedule(),
    Intermediates(water=(0.25, 0.5), settled=True),
    Rounds(judged=7, gas=12),
    Placement(device="cpu", call_ms={"cpu": 0.5, "cuda": None}, processes=4),
    Crew(processes=4, steps_per_s={"1": 900.0, "4": 2500.5}),
    Timing(wall_s=12.5),
    Underway(text="sampling path", fraction=0.5, remaining_s=60.0),
    Failure(why="the disk is full."),
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
def test_what_was_decided_is_read_as_it_was_kept(tmp_path, state):
    folder = RunFolder(tmp_path)
    assert folder.read(type(state)) is None
    folder.save(state)
    assert folder.read(type(state)) == state
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert str(file.relative_to(tmp_path)) == STATE_FILES[type(state)]
    file.write_text(file.read_text()[:-5])
    with pytest.raises(InputError, match=f"{file.name} is damaged"):
        folder.read(type(state))
    folder.forget(type(state))
    assert folder.read(type(state)) is None


def test_a_flipped_bit_is_told_and_a_file_of_before_is_read(tmp_path):
    folder, file = RunFolder(tmp_path), tmp_path / STATE_FILES[Rounds]
    folder.save(Rounds(judged=7, gas=12))
    file.write_text(file.read_text().replace("12", "13"))
    with pytest.raises(InputError, match="damaged \\(its checksum is wrong"):
        folder.read(Rounds)
    file.write_text('{"judged": 7, "gas": 13}')
    assert folder.read(Rounds) == Rounds(judged=7, gas=13)


def test_a_system_in_which_a_bit_flipped_is_refused(tmp_path):
    folder = RunFolder(tmp_path)
    folder.system.mkdir()
    for path in (folder.prmtop, folder.inpcrd):
        path.write_text("a file of AMBER")
    sums = {path.name: digest(path) for path in (folder.prmtop, folder.inpcrd)}
    check_unchanged(folder, PreparedInfo(molecule=MOLECULE, n_waters=7, files=sums))
    folder.inpcrd.write_text("a file of AMBES")
    check_unchanged(folder, PreparedInfo(molecule=MOLECULE, n_waters=7))  # a folder of before
    with pytest.raises(InputError, match=r"solvated.inpcrd is damaged: it is not the file that"):
        check_unchanged(folder, PreparedInfo(molecule=MOLECULE, n_waters=7, files=sums))


def test_every_kind_of_state_has_a_file_of_its_own():
    assert {type(state) for state in STATES} == set(STATE_FILES)
    assert len(set(STATE_FILES.values())) == len(STATES)


def test_other_weights_than_those_of_the_samples_are_refused(tmp_path):
    folder = RunFolder(tmp_path)
    folder.check_identity("ani2x:1f3a")
    folder.save(PotentialIdentity(identity="ani2x:1f3a"))
    folder.check_identity("ani2x:1f3a")
    with pytest.raises(InputError, match="sampled with ani2x:1f3a but the weights found now are b"):
        folder.check_identity("b")


def test_the_time_of_every_process_counts_however_it_ended(tmp_path):
    folder = RunFolder(tmp_path)
    folder.save(Timing(wall_s=100.0))
    with pytest.raises(KeyboardInterrupt), folder.stopwatch() as watch:
        raise KeyboardInterrupt
    assert watch.total > 100.0
    assert folder.read(Timing).wall_s > 100.0


@pytest.mark.parametrize(("spread", "states"), [(0.0, 0), (0.5, 0), (1.8, 3), (3.2, 6), (5.0, 6)])
@pytest.mark.parametrize("often", [False, True])
def test_a_run_keeps_records_and_scaled_torsions_that_it_chose(tmp_path, often, spread, states):
    folder = RunFolder(tmp_path)
    folder.save_config(folder.as_begun(CONFIG))  # killed before it has chosen
    assert folder.as_begun(CONFIG).protocol.record_interval_ps is None
    assert folder.holds(CONFIG)
    protocol = CONFIG.protocol.chosen(often=often, torsion_spread=spread)
    assert len(protocol.torsion_scales) == states
    begun = CONFIG.model_copy(update={"protocol": protocol})
    folder.save_config(begun)
    assert folder.as_begun(CONFIG) == begun
    assert folder.holds(CONFIG)
    # what is asked by its value is taken at its word
    slow = CONFIG.protocol.model_copy(update={"record_interval_ps": 0.8})
    with pytest.raises(InputError, match=r"record_interval_ps is 0\.\d there and 0\.8 here"):
        folder.holds(CONFIG.model_copy(update={"protocol": slow}))
    other = CONFIG.protocol.model_copy(update={"torsion_scales": (0.3,)})
    with pytest.raises(InputError, match=r"torsion_scales is .* there and \[0\.3\] here"):
        folder.holds(CONFIG.model_copy(update={"protocol": other}))


def test_a_run_killed_before_it_chose_its_torsions_goes_on(tmp_path):
    folder = RunFolder(tmp_path)
    often = CONFIG.protocol.model_copy(update={"record_interval_ps": 0.4})
    folder.save_config(CONFIG.model_copy(update={"protocol": often}))
    assert folder.holds(CONFIG)


@pytest.mark.parametrize("scales", [[0.5, 0.6], [1.0], [-1.5], [float("nan")]])
def test_torsion_scales_that_rise_or_scale_nothing_are_refused(scales):
    with pytest.raises(ValueError, match="torsion_scales"):
        Protocol(name="custom", route="direct", torsion_scales=scales)


def test_a_run_of_an_older_version_goes_on_as_it_began(tmp_path):
    # With exchange after every eight records, and no states with scaled torsions.
    folder = RunFolder(tmp_path)
    records = {"record_interval_ps": 0.1, "records_per_sweep": 8, "torsion_scales": ()}
    begun = CONFIG.model_copy(update={"protocol": CONFIG.protocol.model_copy(update=records)})
    folder.save_config(begun)
    lines = folder.run_file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if "torsion_scales" not in line]
    assert len(kept) == len(lines) - 1
    folder.run_file.write_text("".join(kept), encoding="utf-8")
    assert folder.as_begun(CONFIG) == begun
    assert folder.holds(CONFIG)


@pytest.mark.parametrize(
    ("kernel", "interval", "sweep"), [("native", 0.1, 0.2), ("openmm", 0.4, 0.8)]
)
def test_records_and_exchange_are_frequent_where_they_cost_next_to_nothing(
    tmp_path, systems, kernel, interval, sweep
):
    isa = "avx2" if kernel == "native" else None
    decided = {"mm_kernel": kernel, "mm_instruction_set": isa, "engine": "openmm"}
    config = CONFIG.model_copy(update=decided)
    folder = RunFolder(tmp_path)
    folder.save_config(config)
    topology = read_topology(systems / "butane.prmtop")
    solute = read_coordinates(systems / "butane.inpcrd").positions
    atoms = tuple(range(len(topology)))
    prepared = SimpleNamespace(
        topology=topology, region=SimpleNamespace(atoms=atoms), solute=solute
    )
    classical = open_classical(topology, atoms)
    run = RunContext(folder, config, prepared, classical, classical, None).with_choices()
    assert run.config.protocol.torsion_scales == TORSION_SCALES[1]
    for found in (run.config.protocol, folder.config().protocol):
        assert found.record_interval_ps == pytest.approx(interval)
        assert found.record_interval_ps * found.records_per_sweep == pytest.approx(sweep)
    assert run.with_choices() is run


def test_segments_keep_their_length_however_often_is_recorded():
    quick = PROTOCOLS["quick"]
    plans = [
        leg_plan(
            CONFIG.model_copy(update={"protocol": quick.chosen(often=often, torsion_spread=0.0)}),
            Task("path", MM_SOLUTE),
        )
        for often in (False, True)
    ]
    seldom, often = plans
    assert often.segment_time == seldom.segment_time
    assert often.sweeps_per_segment == 4 * seldom.sweeps_per_segment
    told = quick.model_copy(update={"records_per_sweep": 6}).chosen(often=True, torsion_spread=0.0)
    assert (told.records_per_sweep, told.sweeps_per_segment) == (24, 3)
    assert (seldom.steps_per_record, often.steps_per_record) == (100, 25)
    paper = PROTOCOLS["paper"]
    assert paper.chosen(often=True, torsion_spread=9.0) == paper


@pytest.mark.parametrize(("interval", "wanted"), [(0.1, 25), (0.02, 10)])
def test_every_replica_has_its_turn_at_a_volume_change(interval, wanted):
    """Replicas that take turns share the count of the barostat, over sweeps of so many steps."""
    changes = {"record_interval_ps": interval, "records_per_sweep": 1, "timestep_fs": 2.0}
    protocol = CONFIG.protocol.model_copy(update=changes)
    plan = leg_plan(CONFIG.model_copy(update={"protocol": protocol}), Task("path", MM_SOLUTE))
    assert plan.ensemble.barostat_interval == wanted <= plan.steps_per_record


def test_end_states_exchange_more_often_where_they_have_states_to_exchange_with():
    plans = [
        leg_plan(
            CONFIG.model_copy(
                update={"protocol": CONFIG.protocol.model_copy(update={"torsion_scales": scales})}
            ),
            Task("end", MM_SOLUTE),
        )
        for scales in ((), (0.5, 0.5, 0.1, 0.1))
    ]
    alone, together = plans
    assert together.segment_time == alone.segment_time
    assert together.sweeps_per_segment == 5 * alone.sweeps_per_segment
    assert (alone.n_replicas, together.n_replicas) == (1, 3)


def native(isa: str = "avx2") -> HydrationConfig:
    return CONFIG.model_copy(update={"mm_kernel": "native", "mm_instruction_set": isa})


def test_a_run_goes_on_with_the_kernel_that_it_began_with_or_refuses(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.as_begun(CONFIG).mm_kernel == "auto"
    folder.save_config(folder.as_begun(native()))
    begun = folder.as_begun(CONFIG)
    assert (begun.mm_kernel, begun.mm_instruction_set) == ("native", "avx2")
    assert folder.holds(begun)
    assert folder.holds(folder.as_begun(CONFIG.model_copy(update={"mm_kernel": "native"})))
    for other in (CONFIG.model_copy(update={"mm_kernel": "openmm"}), native("avx512")):
        with pytest.raises(InputError, match="mm_"):
            folder.holds(folder.as_begun(other))


def test_a_run_from_before_there_was_a_choice_stays_on_openmm(tmp_path):
    folder = RunFolder(tmp_path)
    folder.save_config(folder.as_begun(CONFIG))
    lines = folder.run_file.read_text().splitlines(keepends=True)
    folder.run_file.write_text("".join(line for line in lines if not line.startswith("mm_")))
    assert folder.config().mm_kernel == "auto"  # written by hand, nothing sampled yet
    folder.tasks.mkdir()
    assert folder.config().mm_kernel == "openmm"
    assert folder.holds(folder.as_begun(CONFIG))
    assert folder.as_begun(CONFIG).mm_kernel == "openmm"


@pytest.mark.parametrize(
    "changes",
    [
        {"mm_kernel": "native", "platform": "CUDA"},
        {"mm_kernel": "openmm", "mm_instruction_set": "avx2"},
        {"mm_kernel": "gromacs"},
    ],
)
def test_a_kernel_that_cannot_be_is_refused(changes):
    with pytest.raises(InputError, match="mm_kernel"):
        HydrationConfig.checked({**CONFIG.model_dump(), **changes}, source="here")
