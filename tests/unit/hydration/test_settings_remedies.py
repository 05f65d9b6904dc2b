# SPDX-License-Identifier: MIT
"""Does what the settings of a run recommend help? Each row: refused, recommended, the same done."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from helped import helped
from merrow.errors import InputError
from merrow.hydration.asked import hydration_config, protocol_for
from merrow.hydration.config import Source

WET = {"kind": "solvated", "charges": "prmtop"}


def asked(**options):
    """Ask for a run, as the commands do."""
    return hydration_config("CO", out="run", **options)


def made(**changes):
    """Make a source, with the errors of the settings as the commands show them."""
    try:
        return Source(**changes)
    except ValidationError as error:
        raise InputError(str(error)) from error


ROWS = [
    (
        lambda: made(kind="smiles", smiles="CO", charges="file"),
        "use bcc or abcg2",
        lambda: made(kind="smiles", smiles="CO", charges="abcg2"),
    ),
    (
        lambda: asked(settings=["cutoff_angstrom=8", "cutoff_angstrom=9"]),
        "cutoff_angstrom is given twice; keep one of them",
        lambda: asked(settings=["cutoff_angstrom=9"]),
    ),
    (
        lambda: asked(route="direct", settings=["endstate_water_ps=9"]),
        "samples ML/MM in every state; leave it out",
        lambda: asked(route="direct"),
    ),
    (
        lambda: protocol_for(WET, "quick", {"n_waters": 500}, "mm"),
        "which brings its waters; leave it out",
        lambda: protocol_for(WET, "quick", {}, "mm"),
    ),
    (
        lambda: asked(potential="mm", settings=["solute_constraints=h-bonds", "gas_ps=9"]),
        "where no gas phase is sampled; leave it out",
        lambda: asked(potential="mm", settings=["solute_constraints=h-bonds"]),
    ),
    (
        lambda: made(kind="gas", prmtop="a", inpcrd="b", gaff=1),
        "brings its parameters; leave it out",
        lambda: made(kind="gas", prmtop="a", inpcrd="b"),
    ),
    (
        lambda: made(kind="gas", prmtop="a", inpcrd="b", charges="bcc"),
        "brings its own; use prmtop",
        lambda: made(kind="gas", prmtop="a", inpcrd="b", charges="prmtop"),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    helped(*row)
