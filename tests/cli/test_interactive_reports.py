# SPDX-License-Identifier: MIT
"""Does `--interactive` add a view that a browser draws, turns and plays, and nothing without it?"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from short_runs import short_run
from test_report_in_browser import browse

from merrow.ambertools.programs import find_program
from merrow.errors import MissingComponentError
from merrow.hydration.report.page import conformer_view
from merrow.report.html import _script_hash, script
from merrow.report.scene import MOST_FRAMES, Scene, view_of
from merrow.report.structure import Structure
from page_reader import check_page

DRAWN = re.compile(r"<title>(\{.*?\})</title>")
SCHEMES = ("dark", "light")
"""As the browser counts them."""
FRAMES = "window.requestAnimationFrame = (draw) => setTimeout(draw, 0);"
"""Without a screen a browser draws no frame after the first."""
WATCH = """
const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
const all = () => pen.getImageData(0, 0, canvas.width, canvas.height).data;
const inked = () => all().filter((v, k) => k % 4 === 3 && v).length;
const picture = () => canvas.toDataURL();
const found = {};
const soon = (next) => setTimeout(next, 200);
soon(() => {
  found.inked = inked();
  const first = picture();
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  soon(() => {
    found.turned = picture() !== first;
    const slider = document.querySelector("input");
    slider.value = 1;
    slider.dispatchEvent(new Event("input"));
    found.label = document.querySelector("output").value;
    document.querySelector("button").click();
    setTimeout(() => {
      found.played = document.querySelector("output").value !== found.label;
      const page = document.documentElement;
      found.sheet = [page.clientWidth, page.scrollWidth];
      found.dark = matchMedia("(prefers-color-scheme: dark)").matches;
      document.title = JSON.stringify(found);
    }, 500);
  });
});
"""
"""What a reader does and sees, written into the title of the page."""


@pytest.fixture(scope="module")
def helix(systems, tmp_path_factory):
    """A prmtop and a short run of a helix with toluene."""
    prmtop, inpcrd = systems / "helix_complex.prmtop", systems / "helix_complex.inpcrd"
    path = tmp_path_factory.mktemp("helix") / "run.nc"
    return prmtop, short_run(prmtop, inpcrd, path, frames=12)


@pytest.fixture(scope="module")
def made():
    """Pages that were made, by their verb."""
    return {}


@pytest.fixture(params=["analyze", "mmpbsa"])
def page(request, merrow, helix, made):
    """The page of an analysis, and of a binding energy, with a view; each is made once."""
    verb, (prmtop, frames) = request.param, helix
    if verb in made:
        return made[verb]
    if verb == "mmpbsa":
        try:
            find_program("MMPBSA")
        except MissingComponentError as error:
            pytest.skip(str(error))
    name = {"analyze": "analysis.html", "mmpbsa": "mmpbsa.html"}[verb]
    words = (verb, "-p", prmtop, "-y", frames, "--ligand-mask", ":1")
    assert merrow(*words, "--out", "plain").code == 0
    assert "<canvas" not in Path("plain", name).read_text()
    assert merrow(*words, "--out", "out", "--interactive").code == 0
    made[verb] = Path("out", name).read_text()
    return made[verb]


def test_a_page_has_a_view_of_chain_and_ligand(page):
    (canvas,) = check_page(page).tags("canvas")
    scene = json.loads(canvas["data-scene"])
    assert scene["atoms"] == 17 + 15  # alpha carbons, and toluene with its hydrogens
    assert len(scene["labels"]) == 12
    assert len(scene["bonds"]) == 16 + 15
    by_b_factor = "B-factor" in page
    by_b_factor = "coloured by B-factor" in page
    assert (len(set(scene["colours"][:17])) > 10) == by_b_factor


@pytest.mark.parametrize(("width", "scheme"), [(1200, "dark"), (500, "light")])
def test_a_browser_draws_turns_and_plays_it(page, width, scheme, tmp_path):
    """What watches becomes part of the page's one script, since its policy forbids another."""
    one = script("report/scene.js")
    more = FRAMES + one + WATCH
    watched = page.replace(one, more)
    watched = watched.replace(*(_script_hash(text).strip("'") for text in (one, more)))
    colours = f"--blink-settings=preferredColorScheme={SCHEMES.index(scheme)}"
    sheet = ("--dump-dom", f"--window-size={width},900", "--hide-scrollbars", colours)
    document, console = browse(watched, tmp_path, *sheet)
    assert console == []
    found = json.loads(DRAWN.search(document)[1])
    assert found["inked"] > 1000
    assert found["turned"]
    assert found["played"]
    assert found["label"] == "0.1 ps"
    assert found["dark"] == (scheme == "dark")
    assert found["sheet"] == [width, width]  # nothing is cut at the side


def test_a_large_trajectory_is_thinned_to_a_page_of_a_megabyte():
    rng = np.random.default_rng(1)
    frames = rng.normal(0.0, 100.0, (900, 2000, 3))
    view = view_of(Scene([6] * 2000, [(0, 1)], frames, [f"{k} ps" for k in range(900)], {}))
    assert len(view.data) < 1_500_000
    scene = json.loads(view.data)
    shown = np.frombuffer(base64.b64decode(scene["places"]), "<i2").reshape(-1, 2000, 3)
    assert len(shown) == len(scene["labels"]) <= MOST_FRAMES
    kept = frames[:: int(scene["labels"][1].split()[0])]
    # sixteen bits resolve the extent to one part in 65,000
    apart, meant = (
        np.linalg.norm(x[:, ::50] - x[:, :1], axis=2) for x in (shown * scene["unit"], kept)
    )
    np.testing.assert_allclose(apart, meant, atol=0.05)


def test_a_solute_is_shown_in_its_conformers():
    atoms = Structure(
        (8, 1, 1), np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]), ((0, 1), (0, 2))
    )
    turned = atoms.positions @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    scene = json.loads(conformer_view(np.array([atoms.positions, turned]), atoms).data)
    places = np.frombuffer(base64.b64decode(scene["places"]), "<i2").reshape(2, 3, 3)
    assert np.abs(places[0] - places[1]).max() <= 1  # superposed
    assert scene["labels"] == ["conformer 1", "conformer 2"]
