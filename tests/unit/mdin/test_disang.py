# SPDX-License-Identifier: MIT
"""Are restraints read as sander reads them, and slips named with file and line?"""

from __future__ import annotations

import pytest

from merrow.errors import InputError
from merrow.mdin.disang import parse_disang

WELL = "r1=1.0, r2=2.0, r3=2.5, r4=4.0, rk2=5.0, rk3=10.0"


def test_distances_angles_and_torsions_are_told_by_their_atoms():
    text = (
        f"# a title\n&rst iat=1,2, {WELL} /\n&rst iat=1,2,3,0,0, {WELL} /\n"
        f"&rst iat=1,2,3,4 {WELL} /"
    )
    one, two, three = parse_disang(text, source="d.rst")
    assert [len(r.atoms) for r in (one, two, three)] == [2, 3, 4]
    assert (one.bounds, one.rk2, one.rk3) == ((1.0, 2.0, 2.5, 4.0), 5.0, 10.0)


def test_one_side_of_a_well_may_have_no_force():
    text = f"&rst iat=1,2, {WELL.replace('rk2=5.0', 'rk2=0.0')} /"
    (one,) = parse_disang(text, source="d.rst")
    assert (one.rk2, one.rk3) == (0.0, 10.0)


def test_a_well_may_have_no_flat_bottom_and_no_linear_part():
    text = "&rst iat=1,2, r1=2.0, r2=2.0, r3=2.0, r4=2.0, rk2=5.0, rk3=5.0 /"
    assert parse_disang(text, source="d.rst")[0].bounds == (2.0, 2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    "key", ["nstep1", "nstep2", "iresid", "ialtd", "ifvari", "imult", "irstyp", "ifntyp"]
)
def test_keys_of_what_is_not_here_pass_with_zero_alone(key):
    assert len(parse_disang(f"&rst iat=1,2, {WELL}, {key}=0 /", source="d.rst")) == 1
    with pytest.raises(InputError, match=f"{key}=1 is refused"):
        parse_disang(f"&rst iat=1,2, {WELL}, {key}=1 /", source="d.rst")


def test_a_number_has_one_value():
    text = f"&rst iat=1,2, {WELL.replace('r1=', 'r1=0.5, ')} /"
    with pytest.raises(InputError, match="r1 has 2 values; give one"):
        parse_disang(text, source="d.rst")


def test_an_empty_restraint_ends_the_file():
    text = f"&rst iat=1,2, {WELL} /\n&rst /\n&rst iat=3,4, {WELL} /"
    assert len(parse_disang(text, source="d.rst")) == 1


def test_what_a_restraint_does_not_tell_is_that_of_the_one_before():
    """So makeDIST_RST and makeANG_RST write their files, with comments between the restraints."""
    text = (
        f"#\n# 2 ALA HA  3 NME H  3.00\n &rst\n  ixpk= 0, nxpk= 0, iat= 10, 18, {WELL},\n"
        "  ir6=1, ialtd=0,\n /\n#\n# 1 ACE C  3 NME N  3.50\n"
        " &rst\n  iat=5, 17, r3= 3.50, r4= 4.00,  &end\n &rst iat=1,2 / the last one\n"
    )
    first, second, third = parse_disang(text, source="d.rst")
    assert (first.bounds, first.rk2, first.rk3) == ((1.0, 2.0, 2.5, 4.0), 5.0, 10.0)
    assert (second.atoms, second.bounds) == ((5, 17), (1.0, 2.0, 3.5, 4.0))
    assert (second.rk2, second.rk3) == (5.0, 10.0)
    assert third.bounds == second.bounds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"&rst iat=1, {WELL} /", "iat should name two, three or four"),
        (f"&rst iat=1,1, {WELL} /", "iat should name two, three or four"),
        (f"&rst iat=1.5,2, {WELL} /", "iat should name two, three or four"),
        (f"&rst iat=0,1,2, {WELL} /", "zeros only behind them"),
        (f"&rst iat=1,2,0,0,3,4, {WELL} /", "zeros only behind them"),  # a distance in sander
        (f"&rst iat=-1,2, {WELL} /", "groups of atoms are not available"),
        ("&rst iat=1,2, r1=1.0 /", "&rst needs r2"),
        (f"&rst {WELL} /", "&rst needs iat"),
        (f"\n&rst iat=1,2, {WELL.replace('r1=1.0', 'r1=3.0')} /", "line 2: needs r1 <= r2"),
        (f"&rst iat=1,2, {WELL}, nstep2=10 /", "nstep2=10 is refused"),
        (f"&rst iat=1,2, {WELL}, rk4=1 /", "&rst has no key rk4: did you mean r"),
        (f"&rst iat='a',2, {WELL} /", "iat should be a number"),
        ("&rts iat=1 /", "&rts is not understood"),
        ("&rst /", "contains no restraint"),
    ],
)
def test_a_slip_is_named(text, told):
    with pytest.raises(InputError) as stop:
        parse_disang(text, source="d.rst")
    assert told in str(stop.value)
    assert str(stop.value).startswith("d.rst")
