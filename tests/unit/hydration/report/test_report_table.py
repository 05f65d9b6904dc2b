# SPDX-License-Identifier: MIT
"""Does the terminal show every line that was promised, in 80 columns, rounded alike?"""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from synthetic_report import result_of

from merrow.hydration.report.table import render_table
from merrow.report import text


def printed(result, width=80):
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(render_table(result))
    return stream.getvalue()


def one_line(output):
    return " ".join(output.split())


def numbers_of(output, label):
    (line,) = [line for line in output.splitlines() if line.startswith(label)]
    return re.sub(r"\s+", " ", line.removeprefix(label)).strip()


def test_r1_shows_the_exact_value_as_headline_and_the_published_sum_beside_it(make_result):
    output = printed(make_result("direct"))
    exact = "ΔG of the ML/MM Hamiltonian (MBAR over all states)"
    assert numbers_of(output, exact) == "-3.13 0.09 headline"
    assert numbers_of(output, "ΔG as published (TI + ΔE_reorg)") == "-2.90 0.17"
    assert numbers_of(output, "ΔE_reorg = ⟨E_ML⟩ in water − ⟨E_ML⟩ in gas") == "0.27 0.14"
    assert output.index("Hamiltonian (MBAR") < output.index("as published (")
    assert "MM value" not in output


def test_the_measured_value_and_what_is_not_in_the_error_stand_beside_the_answer(keys):
    keys["settings"]["source"] = {"gaff": 2}
    keys["diagnostics"]["dg_for_1_percent_charge_kcal"] = -0.135
    output = " ".join(printed(result_of(keys)).split())
    assert "Measured: -3.80 ± 0.60 (FreeSolv 0.52)" in output
    assert "GAFF2 with AM1-BCC charges alone is on average 1.03 kcal/mol from experiment" in output
    words = "The largest effect besides sampling is the solute's charges, if 10 % larger: -1.35"
    assert words in output
    keys |= {"measured": None, "charges": "prmtop"}
    output = " ".join(printed(result_of(keys)).split())
    assert "Measured" not in output
    assert "The accuracy of this input's charges is not known." in output


def test_the_solutes_own_energy_is_called_by_its_name(make_result):
    result = make_result("direct")
    output = printed(result.model_copy(update={"potential": "mm"}))
    assert "⟨E_MM⟩ in water − ⟨E_MM⟩ in gas" in output
    assert "E_ML" not in output
    assert "published" in one_line(printed(result))
    assert "as published" not in one_line(output)
    assert "published sum" not in one_line(output)


def test_r2_shows_the_corrected_value_the_stand_in_and_the_mm_value(make_result):
    output = printed(make_result("endpoint", "quick"))
    exact = "ΔG of the ML/MM Hamiltonian (MM path + end-state BAR)"
    assert numbers_of(output, exact) == "-3.13 0.09 headline"
    assert numbers_of(output, "ΔG as published (endpoint + ΔE_reorg, a stand-in)") == "-2.90 0.17"
    assert numbers_of(output, "MM value of the same path") == "-3.26 0.07"
    assert numbers_of(output, "leg of the MM path: charging") == "-5.21 0.06"
    assert "-2.53 ≤ ΔF = -1.70 ≤ 0.12" in output


def test_protocol_paper_has_the_published_sum_first_and_marked(make_result):
    output = printed(make_result("direct", "paper"))
    assert numbers_of(output, "ΔG as published (TI + ΔE_reorg)") == "-2.90 0.17 headline"
    exact = "ΔG of the ML/MM Hamiltonian (MBAR over all states)"
    assert numbers_of(output, exact) == "-3.13 0.09"
    assert output.index("as published (") < output.index("Hamiltonian (MBAR")
    assert "as published, not a state-function estimate" in one_line(output)


def test_mm_alone_speaks_of_the_mm_hamiltonian_and_of_no_published_sum(make_result):
    output = printed(make_result("direct", "quick", "mm"))
    exact = "ΔG of the MM Hamiltonian (MBAR over all states)"
    assert numbers_of(output, exact) == "-3.13 0.09 headline"
    assert "as published" not in output
    assert "published sum" not in output
    assert "ML/MM Hamiltonian" not in output


@pytest.mark.parametrize("choice", [("direct",), ("endpoint", "quick"), ("direct", "paper")])
def test_checks_settings_versions_seeds_and_time_are_there(make_result, choice):
    output = one_line(printed(make_result(*choice)))
    assert output.count("docs/explanation/two-numbers.md") == 1
    assert "The first two lines differ because" in output
    assert "smallest of neighbours 0.172" in output
    assert "PASS overlap every pair" in output
    assert "WARN conformers" in output
    assert "→ run longer" in output
    assert "timestep_fs=2.0" in output
    assert "n_waters=324" in output
    assert "openmm 8.6.1" in output
    assert "run 20250713" in output
    assert "time 8 min 12 s" in output


def test_a_failed_check_is_said_beside_the_headline(keys):
    keys["diagnostics"]["verdicts"][1]["status"] = "fail"
    output = one_line(printed(result_of(keys)))
    assert "Do not trust it yet: 1 of the checks failed." in output


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_longer_than_80_columns(keys, width):
    keys["settings"]["mask"] = ":LIG," * 60
    keys["molecule"]["smiles"] = "C" * 150
    output = printed(result_of(keys), width)
    assert max(map(len, output.splitlines())) <= min(width, 80)
    assert output.replace("\n", "").replace(" ", "").count(":LIG,") == 60


def test_square_brackets_of_a_smiles_are_printed_and_not_read_as_markup(keys):
    keys["molecule"]["smiles"] = "[bold]C[/bold]"
    assert "[bold]C[/bold]" in printed(result_of(keys))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-3.134, "-3.13"), (2.0, "2.00"), (-0.004, "0.00"), (-0.006, "-0.01"), (12.3456, "12.35")],
)
def test_energies_have_two_decimals_and_no_negative_zero(value, shown):
    assert text.energy(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.092, "0.09"), (0.0, "0.00"), (0.0041, "<0.01"), (1.5, "1.50")]
)
def test_an_error_above_zero_never_reads_as_zero(value, shown):
    assert text.stderr(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "0 s"), (59.6, "1 min 00 s"), (492.4, "8 min 12 s"), (3599.7, "1 h 00 min")],
)
def test_times_are_written_for_people(seconds, shown):
    assert text.duration(seconds) == shown
