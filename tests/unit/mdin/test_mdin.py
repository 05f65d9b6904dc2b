# SPDX-License-Identifier: MIT
"""Is a sander input read as sander reads it, and is a slip named with its line?"""

from __future__ import annotations

import pytest

from merrow.errors import InputError
from merrow.mdin.namelist import parse_mdin


def values(text, name="cntrl"):
    """Return the values of one namelist by key."""
    group = parse_mdin(text, source="mdin").group(name)
    return {key: entry.values for key, entry in group.entries.items()}


def test_a_title_may_hold_any_character():
    mdin = parse_mdin("it's 100 % & more = fun\n&cntrl imin=0 /\n", source="mdin")
    assert mdin.title == "it's 100 % & more = fun"
    assert parse_mdin("&cntrl imin=0 /", source="mdin").title == ""


def test_keys_are_read_in_any_layout_and_case():
    text = "t\n &CNTRL\n IMIN=0 , Dt = 2.0d-3\n cut=8. ntb=1 ! not ntb=2\n restraintmask=\n ':1' /"
    assert values(text) == {
        "imin": (0,),
        "dt": (0.002,),
        "cut": (8.0,),
        "ntb": (1,),
        "restraintmask": (":1",),
    }


def test_quotes_protect_slashes_commas_and_comments():
    text = """&cntrl a=':1/2,3!4 & @C=', b="it's", c='it''s' &end"""
    assert values(text) == {"a": (":1/2,3!4 & @C=",), "b": ("it's",), "c": ("it's",)}


def test_repeated_and_listed_values_stay_together():
    text = "&rst iat=1,2,3, r=2*0.5 /\n&rst iat=4,5 /"
    mdin = parse_mdin(text, source="dist.rst")
    assert [group.entries["iat"].values for group in mdin.groups] == [(1, 2, 3), (4, 5)]
    assert values(text, "rst")["r"] == (0.5, 0.5)


def test_files_are_named_below_the_namelists():
    text = "&cntrl nmropt=1 /\n&wt type='END' /\nLISTOUT=POUT\nDISANG=a.rst ! here\n"
    mdin = parse_mdin(text, source="mdin")
    assert mdin.files == {"LISTOUT": "POUT", "DISANG": "a.rst"}
    assert [group.name for group in mdin.groups] == ["cntrl", "wt"]


END, FILE = "&wt type='END' /\n", "DISANG=a.rst\n"


@pytest.mark.parametrize(
    "text",
    [
        f"&cntrl /\n{END}{FILE}",
        f"&cntrl /\n{END}\n{FILE}",
        f"&cntrl /\n&wt type='end' / ! words = more\nLISTOUT=POUT\n \n{FILE}",
        f"{END}{FILE}&cntrl /\n",
        f"&cntrl /\n{END}{FILE}{END}",
    ],
)
def test_files_are_read_where_sander_reads_them(text):
    """AmberTools' sander reads the restraints of each of these inputs."""
    assert parse_mdin(text, source="mdin").files["DISANG"] == "a.rst"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"&cntrl /\n{FILE}", 2),
        (f"&cntrl /\n{FILE}{END}", 2),
        (f"&cntrl /\n&wt type='DUMPFREQ' /\n{FILE}{END}", 3),
        (f"{END}&cntrl /\n{FILE}", 3),
        (f"&cntrl /\n{END}&mlp /\n{FILE}", 4),
        (f"&cntrl /\n{END}{END}{FILE}", 4),
        (f"&cntrl /\n{END}! a comment\n{FILE}", 4),
        (f"&cntrl /\n&wt type='END' / {FILE}", 2),
    ],
)
def test_files_are_refused_where_sander_does_not_read_them(text, line):
    """AmberTools' sander stops, or says "No restraint defined", for each of these inputs."""
    with pytest.raises(InputError, match=f"^mdin line {line}: DISANG is not directly below &wt"):
        parse_mdin(text, source="mdin")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "contains no namelist"),
        (f"&cntrl /\n{END}{FILE}DISANG=b.rst\n", "line 4: DISANG is given twice (first on line 3)"),
        (f"&cntrl /\n{END}disang=a.rst\n", "line 3: sander does not read disang in small letters"),
        ("a title\nand no more\n", "contains no namelist"),
        ("&cntrl imin=0,\n", "the namelist has no end"),
        ("&cntrl cut= /", "line 1: cut has no value"),
        ("&cntrl\n cut=8,,9 /", "line 2: cut has an empty value"),
        ("&cntrl\n\n =8 /", "line 3: '=' has no key"),
        ("&cntrl 8 /", "8 belongs to no key"),
        ("&cntrl dt=0.001\n dt=0.002 /", "line 2: dt is given twice (first on line 1)"),
        ("&cntrl mask=:LIG /", "mask: :LIG is no number; put text between quotes"),
        ("&cntrl dt=0.OO1 /", "dt: 0.OO1 is no number"),
        ("&cntrl dt=nan /", "dt: nan is no number"),
        ("&cntrl mask=':LIG /\n", "a quote is not closed"),
        ("&cntrl dt=1 /\ndt=2\n", "line 2: 'dt=2' is outside of any namelist"),
        ("&cntrl dt=1 /\n&cntrl dt=2 /\n", "line 2: there is a second &cntrl"),
        ("&cntrl dt=1\n&mlp x=1 /\n", "line 2: this is not understood: &mlp"),
    ],
)
def test_a_slip_is_named_with_its_line(text, told):
    with pytest.raises(InputError) as stop:
        parse_mdin(text, source="mdin")
    assert told in str(stop.value)
    assert str(stop.value).startswith("mdin")
    assert "\n" not in str(stop.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("1e400", "too large a number"),
        ("9" * 400, "999… is too large a number"),
        ("9" * 5000, "999… is too large a number"),  # more digits than Python converts
        ("999999999999*0.5", "repeats a value"),
        ("9" * 5000 + "*1", "repeats a value"),
        ("9999*9999*0.5", "is no number"),
        ("٣", "is no number"),  # a digit, but none of sander's
    ],
)
def test_numbers_that_no_memory_holds_are_refused(value, told):
    with pytest.raises(InputError, match=told) as stop:
        parse_mdin(f"x\n &cntrl cut={value} /\n", source="mdin")
    assert len(str(stop.value)) < 120


def test_the_largest_whole_number_is_exact():
    group = parse_mdin("x\n &cntrl ig=999999999999999999 /\n", source="mdin").group("cntrl")
    assert group.entries["ig"].values == (999999999999999999,)


def test_lines_are_counted_from_the_first_also_where_it_is_empty():
    with pytest.raises(InputError, match="mdin line 3: there is a second &cntrl"):
        parse_mdin("\n&cntrl imin=0 /\n&cntrl imin=1 /\n", source="mdin")
