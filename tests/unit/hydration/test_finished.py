# SPDX-License-Identifier: MIT
"""When does a run folder count as finished, so that nothing is sampled any more?"""

from __future__ import annotations

import json

from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.result import HydrationResult, write_json
from merrow.hydration.run_folder import RunFolder

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


def test_a_result_counts_as_finished_only_where_it_can_be_read_and_was_not_to_go_on(tmp_path):
    assert RunFolder(tmp_path).finished(CONFIG) is None
    RunFolder(tmp_path).save_config(CONFIG)
    (tmp_path / "result.json").write_text("{}")
    assert RunFolder(tmp_path).finished(CONFIG) is None
    settings = {"protocol": CONFIG.protocol.model_dump(mode="json"), "repeats": CONFIG.repeats}
    result = HydrationResult.model_validate_json(json.dumps(RESULT | {"settings": settings}))
    write_json(result, tmp_path / "result.json")
    assert RunFolder(tmp_path).finished(CONFIG) == result
    longer = CONFIG.protocol.model_copy(update={"target_stderr_kcal": 0.1})
    for change in ({"protocol": longer}, {"repeats": 3}):
        assert RunFolder(tmp_path).finished(CONFIG.model_copy(update=change)) is None
    known, run = CONFIG.model_copy(update={"expt_kcal": -5.0}), RunFolder(tmp_path)
    assert (run.finished(known), run.ended(known)) == (None, result)  # a new report, no samples
    so_far = {"settings": settings | {"sampling_ended": False}}  # by `merrow report`
    write_json(result.model_copy(update=so_far), tmp_path / "result.json")
    assert run.finished(CONFIG) is None
