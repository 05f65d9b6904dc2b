# SPDX-License-Identifier: MIT
"""Is the page one file that loads nothing, shows everything and escapes what the user wrote?"""

from __future__ import annotations

import dataclasses
import functools
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from synthetic_report import result_of, synthetic_page

from merrow.errors import InputError
from merrow.hydration.report import figures
from merrow.hydration.report.page import render_page
from merrow.hydration.report.structure import (
    Structure,
    structure_from_atoms,
    structure_from_smiles,
)
from merrow.samples import LambdaState

SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "link", "br", "img", "hr"}


class Page(HTMLParser):
    """Collects elements, ids and text; every element must be closed in order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.words = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


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
        "convergence": figures.convergence_figure(data.convergence),
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
def test_the_page_loads_nothing_and_runs_nothing(choice):
    page = Page(page_of(*choice))
    for tag, attributes in page.elements:
        assert tag not in {"script", "iframe", "object", "embed", "img", "base", "form"}
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        link = attributes.get("href") or attributes.get("xlink:href") or "#"
        allowed = ("https://doi.org/",) if tag == "a" else ("#", "data:,")
        assert link.startswith(allowed), (tag, link)
    html = page_of(*choice)
    assert "@import" not in html
    assert not re.findall(r"url\((?!#)", html)


def test_ids_are_unique_and_labels_point_to_them():
    page = Page(page_of("direct"))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a} <= set(ids)


def test_tables_have_captions_and_pictures_have_names():
    page = Page(page_of("direct"))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") == tags.count("caption") >= 6
    svgs = [a for tag, a in page.elements if tag == "svg"]
    assert len(svgs) == 6
    assert all(a["role"] == "img" and a["aria-label"] for a in svgs)


def test_the_page_holds_the_numbers_the_reason_the_advice_and_the_citations():
    words = Page(page_of("endpoint", "quick")).text
    for part in (
        *("−3.13 ± 0.09", "−2.90", "0.27", "−3.26", "two-numbers.md", "stand-in"),
        *("WARN", "run longer", "20250713", "ani2x:1f3a9c", "box.waters", "8 min 12 s"),
        *("10.1371/journal.pcbi.1005659", "10.1063/1.2978177", "10.1063/1.445869"),
        *("10.1021/acs.jctc.0c00121", "2025, 21, 6979", "GAFF", "AM1-BCC"),
    ):
        assert part in words
    assert "Measured: −3.80 ± 0.60 (FreeSolv 0.52) kcal/mol" in words


def test_a_figure_without_data_is_left_out_with_a_sentence(keys):
    html = render_page(result_of(keys))
    tags = [tag for tag, _ in Page(html).elements]
    assert tags.count("svg") == 1  # the structure, which needs the SMILES only
    assert html.count("No figure of") == 5


def test_what_the_user_wrote_is_escaped(keys):
    evil = "<script>alert(1)</script>\"'&"
    keys["molecule"] |= {"smiles": evil, "formula": evil}
    keys |= {"settings": {evil: evil}, "versions": {evil: evil}, "seeds": {evil: 1}}
    keys |= {"charges": evil, "protocol": evil, "potential": evil}
    keys["diagnostics"]["verdicts"][0] |= {"name": evil, "message": evil, "advice": evil}
    keys["diagnostics"][evil] = 1.0
    page = Page(render_page(result_of(keys), potential_doi=f'1"{evil}'))
    assert "script" not in {tag for tag, _ in page.elements}
    assert evil in page.text
    assert "No picture of the solute" in page.text


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


def test_a_smiles_that_cannot_be_read_is_refused():
    with pytest.raises(InputError, match="cannot be drawn"):
        structure_from_smiles("C1CC")
