# SPDX-License-Identifier: MIT
"""Statistics, figure and documentation page of the hydration free energies in results.csv.

Everything is computed from results.csv and molecules.csv; nothing is simulated.

    python benchmarks/hydration30/report.py
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rdkit import Chem

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import hundred  # noqa: E402
from against_experiment import Found, found  # noqa: E402
from run import COUNTED, MOLECULES, RESULTS, read  # noqa: E402

from merrow.campaign.comparison import Interval  # noqa: E402
from merrow.campaign.report.figures import error_figure  # noqa: E402
from merrow.report.style import COLOURS, WIDTH, own_style, to_svg  # noqa: E402
from merrow.report.svg import SOFT  # noqa: E402
from merrow.system.torsions import conformer_torsions  # noqa: E402

DOCS = HERE.parents[1] / "docs" / "explanation"
PAGE, FIGURE = DOCS / "hydration30.md", DOCS / "hydration30.svg"
SUMS = DOCS / "hydration30-published.svg"
OUTLIERS = HERE / "outliers.csv"
FAR = 1.0
"""An error beyond this gets a sentence in `outliers.csv` [kcal/mol]."""
DIFFER, MARK = "starting conformers", "†"
"""The failed check that is marked, and its mark."""
UNKNOWN = "‡"
"""Mark of flexible molecules whose conformers are not known to be settled."""
LEAST = 10
"""Molecules from which an interval by resampling says something."""
PUBLISHED = (
    ("ANI-2x, the paper's 30", "0.45", "JCTC 2025, 21, 6979"),
    ("MACE-OFF23-S, the paper's 30", "0.59", "the same"),
    ("GAFF, the paper's 30", "0.80", "the same"),
    ("CGenFF, the paper's 30", "0.96", "the same"),
    ("GAFF2 with ABCG2, 442 molecules it was fitted to", "0.37", "10.1063/5.0019056"),
    ("GAFF2 with AM1-BCC, the same 442", "1.03", "10.1063/5.0019056"),
    ("MACE-OFF24-SC, 36 molecules, 8 GPUs for 24–48 h each", "0.69", "arXiv 2405.18171"),
    ("ANI-2x on top of its force field, 589 molecules: no improvement", "–", "PMC11264272"),
    ("FeNNix-Bio1, sets of its authors", "0.59–0.70", "Plé et al., ChemRxiv 2025"),
)
"""Mean absolute errors of others [kcal/mol], each on a set of its own."""


def page(data: Found, rows: Sequence[dict[str, str]], second: Path = hundred.RESULTS) -> str:
    """Return the documentation page.

    Args:
        data: The statistics.
        rows: The results.
        second: The results of the second set.
    """
    lines = [*_introduction(rows), "", *_comparisons(data), "", *_limits(rows)]
    lines += ["", "## In pairs", "", *_pairs(data)]
    far = f"More than {FAR:.0f} kcal/mol from experiment"
    lines += ["", *_molecules(rows), "", f"## {far}", "", *_outliers(rows), "", *_sums(data)]
    lines += ["", *_times(rows), "", *_second(second), "## What others found", ""]
    lines += ["| method and set | mean absolute error [kcal/mol] | source |", "|---|---|---|"]
    lines += [f"| {name} | {mae} | {source} |" for name, mae, source in PUBLISHED]
    lines += ["", "The sets differ, so these numbers say where the field stands and nothing more."]
    return "\n".join(lines) + "\n"


def _introduction(rows: Sequence[dict[str, str]]) -> tuple[str, ...]:
    return (
        "# Thirty hydration free energies against experiment",
        "",
        "Made by `benchmarks/hydration30/report.py` from",
        "[results.csv](../../benchmarks/hydration30/results.csv), whose rows come from",
        "`benchmarks/hydration30/run.py`: the endpoint route, protocol `quick` to a standard",
        "error below 0.2 kcal/mol. A row says where it was computed. The same command computes the",
        "rows that are still missing.",
        "",
        "GAFF2 with flexible bonds and the named charges, at least 330 TIP3P waters, PME and",
        "Lennard-Jones cutoff at 8 Å with tail correction, 298.15 K, 1 atm, 1 mol/L in gas and",
        "in water. Errors are those of sampling alone: not of the force field, the charges (of one",
        "conformer, which water does not polarise), the box or the network. `gaff (published)` is",
        "FreeSolv's: GAFF 1, AM1-BCC, constrained bonds.",
        "",
        f"**So far {_counts(rows)} of {len(read(MOLECULES))} molecules.**",
        "",
        "![Errors of every column](hydration30.svg)",
    )


def _comparisons(data: Found) -> Iterator[str]:
    """Yield the table of the errors against experiment."""
    yield "| calculated | n | mean absolute error | root mean square | mean error | R² | τ |"
    yield "|---|---|---|---|---|---|---|"
    for one in data.comparisons:
        s = one.statistics
        cells = [_interval(x, s.n) for x in (s.mae, s.rmse, s.me, s.r2, s.tau)]
        yield f"| {one.label} | {s.n} | {' | '.join(cells)} |"


def _limits(rows: Sequence[dict[str, str]]) -> tuple[str, ...]:
    """Return what the errors against experiment do and do not say."""
    return (
        "kcal/mol, calculated − measured, with 95 % intervals from resampling the molecules; τ is",
        "Kendall's.",
        "ABCG2 charges were fitted to measured hydration free energies, most of which are in",
        "FreeSolv too, so the errors with ABCG2 are those of a fit, not of a prediction. For",
        "ketones, aldehydes and tertiary amines both models give the same charges.",
        "",
        "The measured values have errors of their own: 0.6 is what FreeSolv assigns where none is",
        "known, for 18 of the 30. If these errors and those of sampling are right, a perfect model",
        f"would have a mean absolute error of {_least_error(rows):.2f}.",
    )


def _pairs(data: Found) -> Iterator[str]:
    """Yield the table of one column against another."""
    yield "| first − second, the same molecules | n | difference of mean absolute errors | shift |"
    yield "|---|---|---|---|"
    for pair in data.pairs:
        if "published" not in f"{pair.first}{pair.second}":
            d = pair.difference
            cells = f"{_interval(d.mae, d.n)} | {_interval(d.shift, d.n)}"
            yield f"| {pair.first} − {pair.second} | {d.n} | {cells} |"


def _sums(data: Found) -> Iterator[str]:
    """Yield what the published sum does to the set."""
    yield "## What the published sum does"
    yield ""
    yield "By the endpoint route it is the exact value + ΔE_reorg, which stands in for the paper's"
    yield "sum ([two numbers](two-numbers.md)); the paper used AM1-BCC. The spread includes the"
    yield "errors of ΔE_reorg, 0.2 to 0.7 kcal/mol."
    yield ""
    for label, one in data.shift.items():
        yield (
            f"- {label}: published sum − exact value {one['mean_kcal']:+.2f} on average, standard "
            f"deviation {one['sd_kcal']:.2f} kcal/mol over {one['n']} molecules."
        )
    yield ""
    yield "![Published sum minus exact value of every molecule](hydration30-published.svg)"


def _least_error(rows: Sequence[dict[str, str]]) -> float:
    """Return ⟨|error|⟩ of a model without fault, by errors of experiment and sampling."""
    errors = [
        np.hypot(float(row["expt_stderr_kcal"]), float(row["stderr_kcal"]))
        for row in rows
        if row["charges"] == "abcg2"
    ]
    return float(np.sqrt(2 / np.pi) * np.mean(errors)) if errors else 0.0


def _counts(rows: Sequence[dict[str, str]]) -> str:
    columns = Counter(f"{row['potential']}, {row['charges']}" for row in rows)
    return "; ".join(f"{label}: {count}" for label, count in columns.items()) or "0"


def _interval(found: Interval | None, n: int) -> str:
    if found is None:
        return "–"
    value = f"{found.value:.2f}"
    if found.low is None or n < LEAST:
        return value
    return f"{value} ({found.low:.2f} to {found.high:.2f})"


def _molecules(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Yield the table of every molecule: measured, and each column with its error."""
    columns = {
        (row["potential"], row["charges"]): f"{row['potential']}, {row['charges']}" for row in rows
    }
    by_key = {(row["potential"], row["charges"], row["name"]): row for row in rows}
    heads = [head for label in columns.values() for head in (label, "its MM reference")]
    yield "## Molecule by molecule"
    yield ""
    yield f"| kcal/mol | measured | {' | '.join(heads)} |"
    yield "|---" * (2 + len(heads)) + "|"
    for given in read(MOLECULES):
        cells = [_number(given, "expt_")]
        for potential, charges in columns:
            row = by_key.get((potential, charges, given["name"]))
            cells += ["", ""] if row is None else [_number(row, "dg_"), _number(row, "mm_")]
        yield f"| {given['name']} | {' | '.join(cells)} |"
    marks = {_mark(row) for row in rows}
    if MARK in marks:
        yield ""
        yield f"{MARK} Repeats differ in their conformers, so that the error is a lower bound."
    if UNKNOWN in marks:
        yield ""
        yield f"{UNKNOWN} The molecule is flexible, and whether the repeats of this run agreed in"
        yield "their conformers was not kept, or judged by too many independent frames"
        yield "([decision 6](../decisions/0006-error-bars.md)). These are provisional."


def _number(row: dict[str, str], name: str) -> str:
    error = row["stderr_kcal" if name == "dg_" else f"{name}stderr_kcal"]
    mark = _mark(row) if name == "dg_" else ""
    return f"{float(row[f'{name}kcal']):.2f} ± {float(error):.2f}{mark}".replace("-", "−")


def _mark(row: dict[str, str]) -> str:
    if DIFFER in row.get("failed", ""):
        return MARK
    counted = row.get("frames") == COUNTED
    return UNKNOWN if not counted and row["name"] in _flexible() else ""


@cache
def _flexible() -> frozenset[str]:
    """Return the names of the molecules with torsions that tell conformers apart."""
    names = set()
    for row in read(MOLECULES):
        drawn = Chem.AddHs(Chem.MolFromSmiles(row["smiles"]))
        numbers = [atom.GetAtomicNum() for atom in drawn.GetAtoms()]
        bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in drawn.GetBonds()]
        graph: Any = SimpleNamespace(numbers=numbers, bonds_among=lambda _, found=bonds: found)
        if conformer_torsions(graph, range(len(numbers))):
            names.add(row["name"])
    return frozenset(names)


def _outliers(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Yield every molecule far from experiment, with the reason given in `outliers.csv`."""
    why = {(row["name"], row["charges"]): row["why"] for row in read(OUTLIERS)}
    if not (far := outliers(rows)):
        yield "None."
    for row in far:
        measured = float(row["expt_kcal"])
        errors = [float(row[name]) - measured for name in ("dg_kcal", "mm_kcal")]
        said = why.get((row["name"], row["charges"]), "no reason known.")
        yield (
            f"- {row['name']}, {row['charges']}: {errors[0]:+.2f} (MM reference {errors[1]:+.2f}) "
            f"kcal/mol; the measured value has ±{row['expt_stderr_kcal']}: {said}"
        )


def outliers(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows that are far from experiment."""
    return [row for row in rows if abs(float(row["dg_kcal"]) - float(row["expt_kcal"])) > FAR]


def published_figure(rows: Sequence[dict[str, str]]) -> str:
    """Draw published sum − exact value of every molecule, by charge model, as SVG."""
    names = [row["name"] for row in read(MOLECULES)]
    with own_style():
        figure = Figure(figsize=(WIDTH, 0.9 + 0.22 * len(names)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0.0, color=SOFT, linewidth=0.8)
        for k, charges in enumerate(dict.fromkeys(row["charges"] for row in rows)):
            here = [row for row in rows if row["charges"] == charges and row["as_published_kcal"]]
            shift = [float(row["as_published_kcal"]) - float(row["dg_kcal"]) for row in here]
            axes.errorbar(
                shift,
                [len(names) - names.index(row["name"]) + 0.16 - 0.32 * k for row in here],
                xerr=[float(row["as_published_stderr_kcal"]) for row in here],
                fmt="o",
                markersize=3.5,
                linewidth=0.8,
                color=COLOURS[k],
                label=charges,
            )
        axes.set_yticks(np.arange(len(names), 0, -1), names, fontsize=8)
        axes.set_xlabel("published sum − exact value [kcal/mol]")
        axes.legend(frameon=False, fontsize=8)
        return to_svg(figure, "published", "Published sum minus exact value of every molecule")


def _second(results: Path) -> Iterator[str]:
    """Yield the errors of the second set, once it has rows."""
    if not (rows := read(results)):
        return
    data = found(results)
    yield "## A second set"
    yield ""
    yield f"{hundred.SIZE} molecules of FreeSolv, chosen by a rule before any of them was run"
    yield "(`benchmarks/hydration30/hundred.py`, which goes on with them), the stiffest first. The"
    yield f"rows are in [hundred_results.csv](../../benchmarks/hydration30/{results.name})."
    yield ""
    yield f"**So far {_counts(rows)} of {hundred.SIZE} molecules.**"
    yield f"By their rotatable bonds: {_by_bonds(rows)}."
    yield f"A row has a standard error below {hundred.PROMISED} kcal/mol; the thirty have 0.2, but"
    yield "a set tells more by its size than by exact rows."
    yield ""
    yield from _comparisons(data)
    yield ""
    yield from _pairs(data)
    yield ""
    yield f"More than {FAR:.0f} kcal/mol from experiment:"
    yield ""
    yield from _outliers(rows)
    yield ""
    yield from _times(rows)
    yield ""


def _by_bonds(rows: Sequence[dict[str, str]]) -> str:
    """Return how many molecules have rows, by the number of their rotatable bonds."""
    bonds = {row["name"]: int(row[hundred.BONDS]) for row in read(hundred.CHOSEN)}
    of = Counter(bonds.values())
    here = Counter(bonds[name] for name in {row["name"] for row in rows})
    told = (f"{here[n]} of {of[n]} with {n or 'none'}" for n in sorted(of) if here[n])
    return ", ".join(told)


def _times(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Yield a sentence about time for each machine."""
    for place in dict.fromkeys(row["where"] for row in rows):
        here = [row for row in rows if row["where"] == place]
        wall = np.array([float(row["wall_s"]) for row in here]) / 60
        core = np.array([float(row["core_h"]) for row in here])
        yield (
            f"On {place}: {len(here)} runs, {np.median(wall):.0f} minutes each (median; "
            f"{wall.min():.0f} to {wall.max():.0f}), {core.mean():.2f} core hours on average."
        )


def main() -> None:
    """Write page and figure."""
    data = found()
    rows = read(RESULTS)
    FIGURE.write_text(error_figure(data.comparisons))
    SUMS.write_text(published_figure(rows))
    PAGE.write_text(page(data, rows))


if __name__ == "__main__":
    main()
