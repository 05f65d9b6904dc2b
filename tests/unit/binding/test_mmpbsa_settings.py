# SPDX-License-Identifier: MIT
"""Are impossible settings of a binding energy refused, before its files are read?"""

from __future__ import annotations

import pytest

import merrow
from merrow.errors import InputError


def asked(out, **settings):
    """Ask for a binding energy of files that do not exist."""
    return merrow.mmpbsa("lost.prmtop", "lost.nc", ligand_mask=":LIG", out=out, **settings)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("temperature", (-300.0, 0.0, float("nan"), float("inf"))),
        ("salt", (-0.1, float("nan"), float("inf"))),
        ("surface_tension", (-0.1, float("nan"), float("inf"))),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_name(tmp_path, name, values):
    for value in values:
        with pytest.raises(InputError, match=f"--{name.replace('_', '-')} .* is not a finite"):
            asked(tmp_path / "out", **{name: value})
    assert list(tmp_path.iterdir()) == []
