# SPDX-License-Identifier: MIT
"""Is the answer on the terminal short, whole, and in 80 columns, however many checks failed?"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from synthetic_report import result_of, synthetic_keys

from merrow.hydration.report.answer import MOST_LINES, WIDTH, render_answer

CHOICES = (
    ("direct",),
    ("endpoint", "quick"),
    ("direct", "paper"),
    ("endpoint", "paper"),
    ("direct", "quick", "mm"),
)


def lines_of(keys, folder="run"):
    return render_answer(result_of(keys), Path(folder)).splitlines()


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("bad", [0, 1, 2, 5, 12])
def test_it_fits_however_much_went_wrong(choice, bad):
    keys = synthetic_keys(*choice)
    keys["diagnostics"]["verdicts"] = [
        {
            "name": f"check {k}",
            "status": "pass" if k >= bad else "fail" if k % 2 else "warn",
            "message": "something was found that takes many words to be told in full "
            * (1 + k % 3),
            "advice": "run longer: repeat the command with a smaller --target-stderr",
        }
        for k in range(12)
    ]
    keys["diagnostics"]["dg_for_1_percent_charge_kcal"] = -0.135
    keys["diagnostics"]["dg_for_1_percent_well_depth_kcal"] = -0.021
    lines = lines_of(keys, "a/folder/with/a/name")
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDTH
    text = "\n".join(lines)
    assert f"{12 - bad} checks passed" in text
    assert ("do not trust the number yet" in text) == (bad > 1)
    if bad > 3:
        assert "more: add --full" in text
    assert "report.html" in text
    assert "again: merrow run a/folder/with/a/name/run.yaml" in text


def test_the_numbers_stand_beside_each_other():
    keys = synthetic_keys("endpoint", "quick")
    keys["settings"]["source"] = {"gaff": 2, "kind": "smiles"}
    text = " ".join(" ".join(lines_of(keys)).split())
    assert "acetone (CC(C)=O) ΔG(hydration) = −3.13 ± 0.09 kcal/mol" in text
    assert "ani2x on GAFF2/AM1-BCC in TIP3P, quick" in text
    assert "measured −3.80 ± 0.60 (FreeSolv 0.52)" in text
    assert "MM alone −3.26 ± 0.07, the potential adds 0.13 ±" in text
    assert "as published (+ ΔE_reorg): −2.90 ± 0.17" in text


def test_the_tutorial_shows_the_answer_in_its_words():
    keys = synthetic_keys("endpoint", "quick")
    keys["settings"]["source"] = {"gaff": 2, "kind": "smiles"}
    keys["diagnostics"]["dg_for_1_percent_charge_kcal"] = -0.135
    page = Path(__file__).resolve().parents[4] / "docs" / "tutorials" / "first-hydration.md"
    told, shown = (" ".join(text.split()) for text in (page.read_text(), " ".join(lines_of(keys))))
    pattern = r"MM alone −[0-9.]+ ± [0-9.]+, the potential adds [−0-9.]+ ± [0-9.]+"
    assert re.search(pattern, shown)
    assert re.search(pattern, told)
    for words in ("as published (+ ΔE_reorg): ", "1 M gas → 1 M water, ", "not in the ±: 10 % of"):
        assert words in shown
        assert words in told


def test_a_measured_value_at_another_temperature_is_told_to_be_taken_as_such():
    keys = synthetic_keys("direct") | {"temperature_k": 350.0}
    keys["measured"] = keys["measured"] | {"source": "yours"}
    lines = lines_of(keys)
    words = " ".join(" ".join(lines).split())
    assert "measured −3.80 ± 0.60 (yours, taken to be at 350 K)" in words
    assert max(map(len, lines)) <= WIDTH


def test_mm_alone_speaks_of_no_network_and_of_no_published_sum():
    keys = synthetic_keys("direct", "quick", "mm")
    keys["settings"]["source"] = {"gaff": 2}
    text = " ".join(lines_of(keys))
    assert "GAFF2/AM1-BCC" in text
    assert not any(word in text for word in ("network", "published", "ani2x", "E_ML"))


@pytest.mark.parametrize("route", ["direct", "endpoint"])
def test_under_paper_the_published_sum_leads_and_the_exact_value_is_there(route):
    text = " ".join(" ".join(lines_of(synthetic_keys(route, "paper"))).split())
    assert "ΔG(hydration) = −2.90 ± 0.17" in text
    assert "free energy of the Hamiltonian −3.13 ± 0.09" in text
    if route == "endpoint":
        assert "the potential adds 0.13 ±" in text  # exact − MM, without ΔE_reorg


def test_the_same_advice_is_given_once():
    keys = synthetic_keys("direct")
    verdict = {"name": "a", "status": "warn", "message": "m.", "advice": "sample longer"}
    keys["diagnostics"]["verdicts"] = [verdict, verdict | {"name": "b"}]
    lines = lines_of(keys)
    assert "  ! a: m. → sample longer" in lines
    assert "  ! b: m. → as above" in lines


@pytest.mark.parametrize("choice", CHOICES)
def test_the_whole_answer_has_every_number_of_the_short_one(choice):
    result = result_of(synthetic_keys(*choice))
    short, whole = (render_answer(result, Path("run"), table) for table in ("", str(result)))
    numbers = [Counter(re.findall(r"−?\d+(?:\.\d+)?", text)) for text in (short, whole)]
    assert not numbers[0] - numbers[1]
    assert "leg of the" in whole
    assert "--full" in short
    assert "--full" not in whole
