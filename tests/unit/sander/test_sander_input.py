# SPDX-License-Identifier: MIT
"""Is a sander input rewritten where it must be, and nowhere else, and is wrong physics refused?"""

from __future__ import annotations

import pytest

from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.mdin.namelist import parse_mdin
from merrow.sander.input import read_input, rewrite_redirections, write_input

MLP = """It's an ML/MM run & more
 &cntrl
  imin=0, nstlim=10, ntr=1, nmropt=1, ! ifmlp=9 in a comment
  restraintmask='@CA/ifmlp=2,', ifmlp = 1, cut=8.0,
 /
 &ewald order=6 /
 &mlp animask=':LIG', mlp_model=0, mlp_shake=0, mlp_confine=0, /
 &wt type='END' /
DISANG=../rst/window.RST
DUMPAVE=dump.dat
Hold protein
 5.0
RES 1 10
END
END
"""
QMMM = """plain
 &cntrl imin=0, ifqnt=1 /
 &qmmm qmmask='@1-6', qm_theory='EXTERN', qmmm_int=5, qmcut=8.0, verbosity=0 /
 &orc method='ani1ccx', num_threads=2 /
"""


def written(text, **changes):
    options = {"atoms": [1, 2, 3, 7], "charge": 0, **changes}
    return write_input(read_input(text, source="mdin"), **options)


def values(text, name):
    """Values of a namelist as sander would see them."""
    start = text.index(f"&{name}")
    group = parse_mdin(text[start : text.index("/", start) + 1], source="").groups[0]
    return {key: entry.values[0] for key, entry in group.entries.items()}


def test_the_original_dialect_becomes_an_external_program():
    text = written(MLP)
    start, end = text.index("&cntrl"), text.index("&ewald")
    assert "ifqnt=1," in text[start:end]
    assert "ifmlp = 1" not in text
    assert values(text, "qmmm") == {
        "qmmask": "@1-3,7",
        "qmcharge": 0,
        "spin": 1,
        "qm_theory": "EXTERN",
        "qmmm_int": 5,
        "qm_ewald": 0,
        "qmshake": 0,
    }
    assert "\n &orc\n" in text  # sander finds it only alone on its line
    assert "&mlp" not in text


def test_everything_else_stays_as_it_stands():
    lines = written(MLP).splitlines()
    for line in MLP.splitlines():
        if "&mlp" not in line and "ifmlp = 1" not in line and "&cntrl" not in line:
            assert line in lines, line
    assert "restraintmask='@CA/ifmlp=2,'," in written(MLP)


def test_a_plain_input_keeps_its_own_keys_last():
    text = written(QMMM)
    assert text.index("qmcharge=0") < text.index("qmmask='@1-6'")
    assert "&orc\n method='ani1ccx', num_threads=2 /" in text
    assert text.count("&orc") == 1


def test_a_plain_input_without_a_program_gets_ours():
    text = written(QMMM.replace(" &orc method='ani1ccx', num_threads=2 /\n", ""))
    assert values(text, "orc")["method"] == "ani2x"
    assert values(text, "qmmm")["qmmask"] == "@1-6"


def test_the_region_may_be_a_list_of_atoms():
    asked = read_input(QMMM.replace("qmmask='@1-6'", "iqmatoms=3,1,2"), source="mdin")
    assert asked.atoms == (1, 2, 3)
    assert asked.ml.potential == "ani1ccx"


@pytest.mark.parametrize(
    ("number", "name"), [(0, "ani2x"), (1, "mace-off23-small"), (4, "mace-off23-large")]
)
def test_the_numbers_of_the_original_name_potentials(number, name):
    text = MLP.replace("mlp_model=0", f"mlp_model={number}")
    assert read_input(text, source="mdin").ml.potential == name


def test_redirections_get_new_names_and_namelists_do_not():
    text = written(MLP).replace("imin=0", "plumedfile='DISANG=x'")
    new = rewrite_redirections(text, lambda name: name.upper().replace("/", "_"))
    assert "DISANG=.._RST_WINDOW.RST\nDUMPAVE=DUMP.DAT\n" in new
    assert "plumedfile='DISANG=x'" in new


def test_output_to_mdout_is_not_a_file():
    text = " &wt type='END' /\nLISTOUT=POUT\n"
    assert rewrite_redirections(text, lambda name: "x") == text


WRONG = [
    (MLP.replace("nstlim=10", "icfe=1"), "icfe=1"),
    (MLP.replace("nstlim=10", "igb=5"), "igb=5"),
    (MLP.replace("nstlim=10", "igb=6"), "use igb=0"),
    (MLP.replace("nstlim=10", "ntp=1"), "use barostat=2"),
    (MLP.replace("nstlim=10", "ntp=1, barostat=1"), "use barostat=2"),
    (MLP.replace("nstlim=10", "ntc=3"), "ntc=3"),
    (MLP.replace("nstlim=10", "numexchg=5"), "sander.MPI"),
    (MLP.replace("mlp_confine=0", "mlp_confine=1, confinek=1.0"), "mlp_confine=1"),
    (MLP.replace("mlp_confine=0", "link_atoms=1"), "link_atoms=1"),
    (QMMM.replace("qmmm_int=5, ", ""), "qmmm_int=1 (sander's default)"),
    (QMMM.replace("qmmm_int=5", "qmmm_int=2"), "qmmm_int=2 cannot"),
    (QMMM.replace("verbosity=0", "qm_ewald=1"), "qm_ewald=1"),
    (QMMM.replace("verbosity=0", "spin=2"), "closed shells"),
    (QMMM.replace("verbosity=0", "vsolv=1"), "vsolv=1"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_sander_would_do_wrongly_is_refused(text, told):
    with pytest.raises(UnsupportedPhysicsError) as refusal:
        written(text)
    assert told in str(refusal.value)
    assert str(refusal.value).startswith("mdin: &")


BAD = [
    ("no namelists at all", "has no namelist &cntrl"),
    (MLP.replace("ifmlp = 1", "ifmlp = 0"), "neither ifmlp=1 nor ifqnt=1"),
    (MLP.replace("ifmlp = 1", "ifmlp = 1, ifqnt=1"), "both ifmlp and ifqnt"),
    (MLP.replace("&mlp", "&mpl"), "needs a namelist &mlp"),
    (MLP.replace("animask=':LIG'", "animsk=':LIG'"), "did you mean animask?"),
    (MLP.replace("animask=':LIG',", ""), "needs animask"),
    (MLP.replace("mlp_shake=0", "mlp_shake=1"), "needs ntc=2"),
    (MLP.replace("nstlim=10", "nstlim=0"), "nstlim=0"),
    (QMMM.replace("num_threads=2 /", ""), "&orc has no end"),
    (MLP + QMMM, "second &cntrl"),
    (QMMM.replace("&qmmm", "&qm"), "needs a namelist &qmmm"),
    (QMMM.replace("EXTERN", "PM6"), "qm_theory='PM6' is sander's own"),
    (QMMM.replace("qmmask='@1-6', ", ""), "either qmmask"),
    (QMMM.replace("verbosity=0", "iqmatoms=1,2"), "either qmmask"),
    (QMMM.replace("verbosity=0", "qmshake=1"), "qmshake=1 needs ntc=2"),
    (QMMM.replace("verbosity=0", "qmcharge=1"), "add up to 0"),
    (QMMM.replace("&orc", "&gau"), "&gau makes sander call another program"),
    (QMMM.replace("num_threads=2", "use_template=1"), "use_template=1 has no meaning"),
]


@pytest.mark.parametrize(("text", "told"), BAD)
def test_a_wrong_input_is_refused_in_one_sentence(text, told):
    with pytest.raises(InputError) as refusal:
        written(text)
    assert told in str(refusal.value)
