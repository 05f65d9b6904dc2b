# SPDX-License-Identifier: MIT
"""Is a run recognised in its folder, and every other folder left alone?"""

from __future__ import annotations

import json

import pytest

from merrow.errors import InputError
from merrow.folders import locked
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.prepare import adopt_inputs
from merrow.hydration.result import HydrationResult, write_json
from merrow.hydration.run_folder import (
    as_begun,
    check_folder,
    read_finished,
    read_run_file,
    write_run_file,
)

DG = {"value_kcal": -3.1, "stderr_kcal": 0.1}
RESULT = {
    "molecule": {"smiles": "CO", "formula": "CH4O", "charge": 0, "n_atoms": 6},
    **{"potential": "ani2x", "charges": "bcc", "protocol": "quick", "route": "endpoint"},
    "temperature_k": 298.15,
    "headline": {**DG, "method": "endpoint_bar"},
    "estimates": {
        **dict.fromkeys(("decoupling_mbar", "decoupling_ti", "mm_reference", "as_published")),
        "endpoint_bar": DG,
    },
    "legs": {"charging": None, "lj": None},
    "de_reorg": None,
    "diagnostics": {"min_overlap": None, "verdicts": []},
    **{"settings": {}, "versions": {}, "seeds": {}, "wall_s": 1.0},
}
CONFIG = HydrationConfig(source=Source(kind="smiles", smiles="CO"))


def test_a_run_file_is_read_as_it_was_written(tmp_path):
    write_run_file(tmp_path, CONFIG)
    assert read_run_file(tmp_path / "run.yaml") == CONFIG
    assert [path.name for path in tmp_path.iterdir()] == ["run.yaml"]


def test_a_folder_is_free_its_own_or_somebody_elses(tmp_path):
    folder = tmp_path / "run"
    assert not check_folder(folder, CONFIG)
    folder.mkdir()
    assert not check_folder(folder, CONFIG)
    (folder / ".lock").touch()  # what a kill leaves before the run file is written
    assert not check_folder(folder, CONFIG)
    write_run_file(folder, CONFIG)
    assert check_folder(folder, CONFIG)
    assert check_folder(folder, CONFIG.model_copy(update={"processes": 3}))
    with pytest.raises(InputError, match="potential is 'ani2x' there and 'ani1x' here"):
        check_folder(folder, CONFIG.model_copy(update={"potential": "ani1x"}))
    assert check_folder(folder, CONFIG.model_copy(update={"repeats": 3}))
    with pytest.raises(InputError, match="a run of 2 repeats, but 1 are asked for"):
        check_folder(folder, CONFIG.model_copy(update={"repeats": 1}))


def test_a_folder_older_than_the_gas_reservoir_goes_on_without(tmp_path):
    write_run_file(tmp_path, CONFIG)
    assert CONFIG.protocol.gas_reservoir
    assert as_begun(tmp_path, CONFIG) == CONFIG
    path = tmp_path / "run.yaml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "gas_reservoir" not in line))
    for _ in range(2):  # what the run then writes is recognised again
        told = as_begun(tmp_path, CONFIG)
        assert told.protocol.gas_reservoir is None
        assert check_folder(tmp_path, told)
        write_run_file(tmp_path, told)
    assert read_run_file(path) == told


def test_a_new_run_has_a_gas_ladder_for_each_repeat_and_keeps_them(tmp_path):
    four = CONFIG.model_copy(update={"repeats": 4})
    begun = as_begun(tmp_path, four)
    assert begun.protocol.n_gas_ladders == 4
    write_run_file(tmp_path, begun)
    assert as_begun(tmp_path, four) == begun
    six = as_begun(tmp_path, CONFIG.model_copy(update={"repeats": 6}))  # repeats that are added
    assert six.protocol.n_gas_ladders == 4
    assert check_folder(tmp_path, six)
    write_run_file(tmp_path, six)
    assert as_begun(tmp_path, six.model_copy(update={"protocol": four.protocol})) == six
    off = four.protocol.model_copy(update={"gas_reservoir": False})
    elsewhere = as_begun(tmp_path / "new", four.model_copy(update={"protocol": off}))
    assert elsewhere.protocol.n_gas_ladders == 2


def test_a_run_that_began_with_fewer_ladders_goes_on_with_them(tmp_path):
    four = CONFIG.model_copy(update={"repeats": 4})
    write_run_file(tmp_path, four)  # as versions before wrote it
    told = as_begun(tmp_path, four)
    assert told.protocol.n_gas_ladders == 2
    assert check_folder(tmp_path, told)


def test_a_folder_that_says_no_to_the_gas_reservoir_is_refused_to_who_wants_it(tmp_path):
    off = CONFIG.protocol.model_copy(update={"gas_reservoir": False})
    write_run_file(tmp_path, CONFIG.model_copy(update={"protocol": off}))
    with pytest.raises(InputError, match="gas_reservoir is False there and True here"):
        check_folder(tmp_path, as_begun(tmp_path, CONFIG))


def test_a_lock_is_for_one_and_is_given_back(tmp_path):
    with locked(tmp_path), pytest.raises(InputError, match="another merrow"), locked(tmp_path):
        pass
    with locked(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_a_result_counts_as_finished_only_where_it_can_be_read_and_was_not_to_go_on(tmp_path):
    assert read_finished(tmp_path, CONFIG) is None
    (tmp_path / "result.json").write_text("{}")
    assert read_finished(tmp_path, CONFIG) is None
    settings = {"protocol": CONFIG.protocol.model_dump(mode="json"), "repeats": CONFIG.repeats}
    result = HydrationResult.model_validate_json(json.dumps(RESULT | {"settings": settings}))
    write_json(result, tmp_path / "result.json")
    assert read_finished(tmp_path, CONFIG) == result
    longer = CONFIG.protocol.model_copy(update={"target_stderr_kcal": 0.1})
    assert read_finished(tmp_path, CONFIG.model_copy(update={"protocol": longer})) is None
    assert read_finished(tmp_path, CONFIG.model_copy(update={"repeats": 3})) is None


def structure(tmp_path, text):
    """Return a configuration with a structure file of some content."""
    (tmp_path / "here").mkdir(exist_ok=True)
    (tmp_path / "here" / "lig.sdf").write_text(text)
    return HydrationConfig(source=Source(kind="structure", structure="here/lig.sdf"))


def test_input_files_are_copied_and_their_content_names_the_run(tmp_path):
    config = structure(tmp_path, "one")
    run = tmp_path / "run"
    told = adopt_inputs(config, tmp_path, None)
    assert not run.exists()
    assert adopt_inputs(config, tmp_path, run) == told
    assert (run / "inputs" / "lig.sdf").read_text() == "one"
    assert told.source.structure == "inputs/lig.sdf"
    assert adopt_inputs(told, run, run) == told  # from its own folder, as `merrow run` does
    other = adopt_inputs(structure(tmp_path, "two"), tmp_path, None)
    assert other.source.digest != told.source.digest


def test_two_inputs_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    source = Source(kind="gas", prmtop="a/x", inpcrd="b/x", charges="prmtop")
    with pytest.raises(InputError, match="both named x"):
        adopt_inputs(HydrationConfig(source=source), tmp_path, None)


def test_a_relative_path_of_weights_belongs_to_the_run_file(tmp_path):
    config = CONFIG.model_copy(update={"weights": "weights/ani2x.pt"})
    told = adopt_inputs(config, tmp_path, None)
    assert told.weights == str(tmp_path / "weights" / "ani2x.pt")
