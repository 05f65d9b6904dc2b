# SPDX-License-Identifier: MIT
"""Is the page one file that loads nothing, shows everything and escapes what the user wrote?"""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest
from synthetic_report import result_of, synthetic_keys, synthetic_page

from merrow.errors import InputError, MissingComponentError
from merrow.hydration.report import figures
from merrow.hydration.report.cycle import cycle_drawing
from merrow.hydration.report.methods import methods
from merrow.hydration.report.page import render_page
from merrow.report.structure import (
    Structure,
    structure_from_atoms,
    structure_from_smiles,
)
from merrow.samples import LambdaState
from page_reader import Page, check_page

SVG = "{http://www.w3.org/2000/svg}"


@functools.cache
def page_of(*choice):
    return synthetic_page(*choice)


def drawings(data):
    """Return every figure by its name."""
    found = data.analysis
    return {
        "dvdl": figures.dvdl_figure(found.samples, found.rows),
        "profile": figures.profile_figure(found.path),
        "overlap": figures.overlap_figure(found.path),
        "convergence": figures.convergence_figure(data.convergence, 1.0),
        "internal": figures.internal_figure(found.water, found.gas, "E_ML"),
    }


def test_every_figure_is_xml_with_a_name_and_ids_of_its_own(data):
    for name, drawing in drawings(data).items():
        root = ET.fromstring(drawing)
        assert root.tag == f"{SVG}svg"
        assert root.get("role") == "img"
        assert root.find(f"{SVG}title").text == root.get("aria-label")
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert all(found.startswith(f"{name}-") for found in ids)
        links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
        assert {link.removeprefix("#") for link in links} <= set(ids)


def test_equal_data_give_equal_bytes():
    assert synthetic_page() == page_of("direct")


def test_the_overlap_map_shows_its_numbers():
    matrix = np.array([[0.7, 0.3, 0.0], [0.3, 0.66, 0.04], [0.001, 0.04, 0.959]])
    states = (LambdaState(1.0, 1.0), LambdaState(0.0, 1.0), LambdaState(0.0, 0.0))
    svg = figures.overlap_figure(SimpleNamespace(states=states, overlap=matrix))
    shown = [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]
    assert [x for x in shown if x.startswith(".")] == [
        *(".70", ".30", ".30", ".66", ".04", ".04", ".96"),
    ]


def test_the_zero_of_the_internal_energies_does_not_change_the_curve(data):
    water, gas = data.analysis.water, data.analysis.gas
    samples = dataclasses.replace(water.samples, internal=water.samples.internal + 2048.0)
    both = (
        (water, gas),
        (
            dataclasses.replace(water, samples=samples),
            dataclasses.replace(gas, internal=gas.internal + 2048.0),
        ),
    )
    before, after = (figures.internal_figure(*pair, "E_ML") for pair in both)
    ticks = [[t.text for t in ET.fromstring(x).iter(f"{SVG}text")] for x in (before, after)]
    assert ticks[0] == ticks[1]


def test_drawing_leaves_the_settings_of_matplotlib_alone(data):
    import matplotlib  # noqa: PLC0415

    before = dict(matplotlib.rcParams)
    figures.overlap_figure(data.analysis.path)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("choice", [("direct",), ("endpoint", "quick"), ("direct", "paper")])
def test_the_page_keeps_the_rules_of_every_report(choice):
    page = check_page(page_of(*choice))
    assert page.scripts == []
    assert len(page.tags("svg")) == 8


def test_the_page_holds_the_numbers_the_reason_the_advice_and_the_citations():
    words = Page(page_of("endpoint", "quick")).text
    for part in (
        *("−3.13 ± 0.09", "−2.90", "0.27", "−3.26", "two-numbers.md", "stand-in"),
        *("WARN", "run longer", "20250713", "ani2x:1f3a9c", "8 min 12 s"),
        *(
            "a cutoff of 8 Å",
            "time step of 2 fs",
            "box of 324 TIP3P",
            "AmberTools 26.0",
            "2 independent",
        ),
        *(
            "10.1021/acs.jpcb.3c06662",
            "10.1021/acs.jcim.3c01153",
            "10.1063/1.2978177",
            "10.1063/1.445869",
        ),
        *("10.1021/acs.jctc.0c00121", "2025, 21, 6979", "GAFF2", "AM1-BCC"),
    ):
        assert part in words
    assert (
        "Measured: −3.80 ± 0.60 (FreeSolv 0.52) kcal/mol; calculated − measured 0.67 ± 0.61"
        in words
    )


def test_a_figure_without_data_is_left_out_with_a_sentence(keys):
    html = render_page(result_of(keys))
    tags = [tag for tag, _ in Page(html).elements]
    assert tags.count("svg") == 3  # structure, estimates and cycle need the result only
    assert html.count("No figure of") == 5


def test_what_the_user_wrote_is_escaped(keys):
    evil = "<script>alert(1)</script>\"'&"
    keys["molecule"] |= {"smiles": evil, "formula": evil}
    keys |= {
        "settings": {evil: evil, "potential_doi": f'1"{evil}'},
        "versions": {evil: evil},
        "seeds": {evil: 1},
    }
    keys |= {"charges": evil, "protocol": evil, "potential": evil}
    keys["diagnostics"]["verdicts"][0] |= {"name": evil, "message": evil, "advice": evil}
    keys["diagnostics"][evil] = 1.0
    page = check_page(render_page(result_of(keys)))
    assert page.scripts == []
    assert evil in page.text
    assert "No picture of the solute" in page.text


def test_the_cycle_closes_with_the_numbers_that_it_shows():
    words = " ".join(
        text.text
        for text in ET.fromstring(
            cycle_drawing(result_of(synthetic_keys("endpoint", "quick")))
        ).iter("text")
    )
    for part in ("−3.13 ± 0.09", "−3.26 ± 0.07", "−1.83 ± 0.03", "−1.70 ± 0.05", "−5.21", "+2.08"):
        assert part in words, part


def test_the_cycle_of_the_paper_shows_the_free_energy_and_not_the_published_sum():
    drawing = cycle_drawing(result_of(synthetic_keys("direct", "paper")))
    words = " ".join(text.text for text in ET.fromstring(drawing).iter("text"))
    assert "−3.13 ± 0.09" in words
    assert "−2.90" not in words


@pytest.mark.parametrize(
    ("charges", "said"),
    [
        (("abcg2",), "and ABCG2"),
        (("abcg2", "file", "prmtop"), "or the charges of their files from AmberTools"),
        (("abcg2", "prmtop"), "prmtops kept their own"),
        (("file",), "and the charges of their files"),
        (("prmtop",), "Parameters and charges were those of the prmtop"),
    ],
)
def test_the_methods_of_a_campaign_name_all_its_charges_and_no_box_of_one(charges, said):
    text, _ = methods(result_of(synthetic_keys("direct")), molecules=20, charges=charges)
    assert said in text
    assert "330" not in text
    assert "The solute had" not in text


def test_what_was_not_set_is_not_shown_and_what_was_has_its_unit(keys):
    keys["settings"] |= {"weights": None, "gas_ps": 10.0, "pme_alpha_per_angstrom": 0.365}
    words = check_page(render_page(result_of(keys))).text
    assert "weights ani2x" in words  # the version, not the setting
    assert "gas 10 ps" in words
    assert "pme alpha 0.365 1/Å" in words


def test_convergence_is_drawn_against_the_time_that_was_sampled(data):
    """14 states of 40 records, 0.4 ps apart: 0.224 ns."""
    assert figures.sampled_ns(data.analysis.samples) == pytest.approx(0.224)


def test_the_axis_names_the_states_by_the_lambda_that_changes(data):
    svg = figures.profile_figure(data.analysis.path)
    shown = {element.text for element in ET.fromstring(svg).iter(f"{SVG}text")}
    assert {"q 1", "q 0.25", "LJ 0.85", "LJ 0"} <= shown


def test_a_template_sign_in_a_setting_survives(keys):
    keys["settings"]["mask"] = "{{ title }} {% x %} $title"
    html = render_page(result_of(keys))
    assert "{{ title }} {% x %} $title" in html


def test_the_structure_from_atoms_is_that_of_the_smiles():
    from rdkit import Chem  # noqa: PLC0415
    from rdkit.Chem import AllChem  # noqa: PLC0415

    molecule = Chem.AddHs(Chem.MolFromSmiles("CC(=O)[O-]"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    structure = Structure(
        tuple(atom.GetAtomicNum() for atom in molecule.GetAtoms()),
        molecule.GetConformer().GetPositions(),
        tuple((b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()),
    )
    bonds = [
        len(re.findall(r"class=.bond-", svg))
        for svg in (
            structure_from_smiles("CC(=O)[O-]"),
            structure_from_atoms(structure, charge=-1),
            structure_from_atoms(structure, charge=4),
        )
    ]
    assert bonds[0] == bonds[1]  # same double bond, hydrogens away
    assert bonds[2] != bonds[0]  # no bond orders fit: all atoms, single bonds


def test_without_the_libraries_that_rdkit_draws_with_the_report_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit.Chem.Draw", None)
    with pytest.raises(MissingComponentError, match="RDKit cannot draw it on this machine"):
        structure_from_smiles("CO")
    result = result_of(synthetic_keys("direct", "quick"))
    molecule = result.molecule.model_copy(update={"smiles": "CO"})
    page = Page(render_page(result.model_copy(update={"molecule": molecule})))
    assert "No picture of the solute: RDKit cannot draw" in " ".join(" ".join(page.words).split())


def test_a_smiles_that_cannot_be_read_is_refused():
    with pytest.raises(InputError, match="cannot be drawn"):
        structure_from_smiles("C1CC")


def test_the_page_of_mm_alone_speaks_of_no_published_sum():
    result = result_of(synthetic_keys("direct", "quick"))
    for potential, told in (("ani2x", True), ("mm", False)):
        page = Page(render_page(result.model_copy(update={"potential": potential})))
        words = " ".join(" ".join(page.words).split())
        assert [word in words for word in ("as published", "published sum")] == [told, told]


def test_the_methods_name_the_states_with_scaled_torsions_where_there_are_any():
    keys = synthetic_keys("direct")
    without, _ = methods(result_of(keys))
    assert "torsion terms" not in without
    keys["settings"]["protocol"] = {
        **keys["settings"]["protocol"],
        "torsion_scales": [0.4, 0.4, -0.2],
    }
    text, works = methods(result_of(keys))
    assert "bonds to the energy, with f of 0.4 and −0.2" in text
    assert any("10.1073/pnas.0506346102" in str(work) for work in works)
    campaign, _ = methods(result_of(keys), molecules=20)
    assert "The coupled states of flexible solutes also" in campaign
    assert "0.4" not in campaign


def told(route="direct", **settings):
    """Return the methods of a result with these settings; those in `protocol` are added."""
    keys = synthetic_keys(route)
    protocol = {**keys["settings"]["protocol"], **settings.pop("protocol", {})}
    keys["settings"] |= {**settings, "protocol": protocol}
    return methods(result_of(keys))[0]


def test_the_methods_of_a_single_repeat_speak_of_no_repeats_and_tell_any_seed():
    assert "in 2 independent repeats" in told(repeats=2)
    assert "in 1 independent" not in told(repeats=1)
    keys = synthetic_keys("direct")
    keys["seeds"] = {"run": 0}
    assert "The random seed was 0." in methods(result_of(keys))[0]


def test_the_methods_tell_what_moved_the_system():
    own, forces, openmm = (
        told(engine=engine, mm_kernel=kernel)
        for engine, kernel in (("native", "native"), ("openmm", "native"), ("openmm", "openmm"))
    )
    assert "propagated by merrow's own loop and nonbonded kernel, whose energies" in own
    assert "Simulations were run with OpenMM" not in own
    assert ", nonbonded forces by merrow's kernel, by Langevin dynamics" in forces
    assert "merrow's" not in openmm
    assert "Simulations were run with OpenMM" in openmm


def test_the_methods_tell_constraints_and_the_gas_phase():
    held = told(protocol={"solute_constraints": "h-bonds"})
    assert "bonds of the solute to hydrogen constrained" in held
    assert "in gas was sampled" not in held
    free = told(protocol={"solute_constraints": "none", "gas_friction_per_ps": 5.0})
    assert "constrained" not in free
    assert "The solute in gas was sampled with a friction of 5 ps⁻¹" in free


def test_the_methods_tell_the_ensembles_between_mm_and_ml():
    none, water, gas, both = (
        told("endpoint", intermediates={"water": water, "gas": gas})
        for water, gas in (([], []), ([0.5], []), ([], [0.5]), ([0.5], [0.5]))
    )
    assert "in water and in gas by BAR [" in none
    assert "in water by MBAR with ensembles between the two, in gas by BAR [" in water
    assert "in gas by MBAR with ensembles between the two, in water by BAR [" in gas
    assert "in water and in gas by MBAR with ensembles between the two;" in both


def test_the_methods_of_a_campaign_say_of_all_molecules_only_what_holds_for_all():
    keys = synthetic_keys("endpoint", "quick")
    keys["settings"] |= {"intermediates": {"water": [0.5], "gas": []}}
    keys["measured"] = {**keys["measured"], "source": "FreeSolv 0.52"}
    keys["settings"]["source"] = {"kind": "gas", "gaff": 2, "charges": "prmtop"}
    keys["diagnostics"]["gas_conformers_inserted"] = 20.0
    keys["settings"]["protocol"] = {**keys["settings"]["protocol"], "refine_schedule": True}
    own = {"charges": ("bcc", "prmtop"), "gaff": 1}
    text, works = methods(result_of(keys), molecules=2, **own)
    assert "by BAR [" in text
    assert "or by MBAR with ensembles between the two where they are far apart" in text
    assert "the decoupled state of flexible solutes took conformers from there" in text
    assert "placed for each solute by a pilot run" in text
    assert "GAFF [" in text
    assert not [work for work in works if "FreeSolv" in work.words]
    alone, _ = methods(result_of(keys))
    assert "are from FreeSolv" in alone
    assert "14 λ states (5 of the charges, 9 of soft-core" in alone


@pytest.mark.parametrize("known", [True, False])
def test_the_error_of_a_deviation_says_whether_it_has_that_of_the_measurement(known):
    keys = synthetic_keys("direct")
    if not known:
        keys["measured"] = {**keys["measured"], "stderr_kcal": None}
    words = " ".join(" ".join(Page(render_page(result_of(keys))).words).split())
    assert ("0.67 ± 0.09 (of the calculation alone)" in words) != known
    assert ("0.67 ± 0.61" in words) == known
