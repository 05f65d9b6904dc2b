# SPDX-License-Identifier: MIT
"""`merrow report FOLDER` rebuilds result and report; `merrow report A B` compares two results."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from merrow.cli.choices import InteractiveOption
from merrow.errors import IncompleteError, InputError

if TYPE_CHECKING:
    from merrow.hydration.result import HydrationResult

MOST_ROWS: Final = 10
"""Quantities, and differing settings, shown without --full."""
NAMES: Final = {"headline": "ΔG(hydration)", "mm_reference": "MM alone", "de_reorg": "ΔE_reorg"}


@dataclass(frozen=True)
class Compared:
    """A quantity in two results [kcal/mol], and the difference second − first with its error."""

    name: str
    first: float
    first_stderr: float
    second: float
    second_stderr: float
    difference: float
    stderr: float

    @property
    def sigmas(self) -> float:
        """The difference in units of its error."""
        return abs(self.difference) / self.stderr if self.stderr else math.inf


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(help="A folder whose report is rebuilt, or two folders to compare."),
    ],
    *,
    interactive: InteractiveOption = False,
    full: Annotated[bool, typer.Option("--full", help="Print everything.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rebuild the report of a run or campaign, or compare two results side by side."""
    if interactive and (len(folders) != 1 or (folders[0] / "campaign.yaml").is_file()):
        raise InputError(
            "--interactive belongs to the report of one run and has no effect here; leave it out."
        )
    if len(folders) == 2:
        _compare(folders[0], folders[1], full=full, as_json=as_json)
    elif len(folders) == 1:
        _rebuild(folders[0], interactive=interactive, full=full, as_json=as_json)
    else:
        raise InputError(f"{len(folders)} folders are given; give one, or two to compare.")


def _rebuild(folder: Path, *, interactive: bool, full: bool, as_json: bool) -> None:
    if (folder / "campaign.yaml").is_file():
        from merrow.campaign.table import write_results  # noqa: PLC0415
        from merrow.cli.campaign import show_campaign  # noqa: PLC0415

        show_campaign(write_results(folder), folder, as_json=as_json, full=full)
        return
    if not (folder / "run.yaml").is_file():
        raise InputError(
            f"{folder} contains neither a run nor a campaign; for an analysis or a binding energy "
            "run its own command again, with another --out."
        )
    from merrow.cli.hydration import show_result  # noqa: PLC0415
    from merrow.hydration.run import rebuild  # noqa: PLC0415
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

    with ProgressLine(quiet=as_json, terminal_only=True) as line:
        result = rebuild(folder, line.listen, interactive=interactive)
    show_result(result, folder, as_json=as_json, full=full)


def _compare(first: Path, second: Path, *, full: bool, as_json: bool) -> None:
    one, two = _read(first), _read(second)
    if one.kind != two.kind:
        raise InputError(f"{first} holds a {one.kind} and {second} a {two.kind}; give two alike.")
    rows = [
        _compared(name, one.numbers[name], two.numbers[name])
        for name in one.numbers
        if name in two.numbers
    ]
    if not rows:
        raise InputError(f"{first} and {second} have no number in common.")
    differing = _differing(one.settings, two.settings)
    if as_json:
        told: dict[str, Any] = {"first": str(first), "second": str(second), "settings": differing}
        told["failed_checks"] = [one.failed, two.failed]
        told |= {"numbers": [asdict(row) for row in rows]}
        typer.echo(json.dumps(told, indent=2, allow_nan=False, ensure_ascii=False))
        return
    if one.kind == "campaign":
        rows.sort(key=lambda row: -abs(row.difference))
    doubts = [_doubt(folder, read) for folder, read in ((first, one), (second, two)) if read.failed]
    summary = one.kind == "campaign"
    for line in _lines(rows, differing, first, second, doubts, full=full, summary=summary):
        typer.echo(line)


def _doubt(folder: Path, read: _Numbers) -> str:
    """Return the warning of failed checks, on which a difference may rest."""
    from merrow.report.text import failed_checks  # noqa: PLC0415

    where = f" in {read.failed} runs" if read.kind == "campaign" else ""
    told = "checks FAILED" if where else failed_checks(read.failed)
    return f"{str(folder)[-30:]}: {told}{where}, do not trust it yet"


@dataclass(frozen=True)
class _Numbers:
    """Values with standard errors [kcal/mol], and settings, of a folder.

    Attributes:
        kind: What the folder holds.
        numbers: Values with errors by name.
        settings: Settings by dotted name.
        failed: Failed checks of a run, or runs of a campaign with such.
    """

    kind: str
    numbers: Mapping[str, tuple[float, float]]
    settings: Mapping[str, Any]
    failed: int = 0


def _read(folder: Path) -> _Numbers:
    if (folder / "result.json").is_file():
        from merrow.hydration.result import read_result  # noqa: PLC0415

        result = read_result(folder / "result.json")
        failed = result.diagnostics.failed
        return _Numbers("run", dict(_of_run(result)), _settings_of(result), failed)
    if (folder / "campaign.yaml").is_file():
        from merrow.campaign.plan import read_jobs  # noqa: PLC0415
        from merrow.campaign.table import job_row, read_config  # noqa: PLC0415
        from merrow.report.text import flatten  # noqa: PLC0415

        done = [row for job in read_jobs(folder) if (row := job_row(folder, job)).status == "done"]
        found = {
            f"{row.name} {row.charges}": (row.exact.value_kcal, row.exact.stderr_kcal)
            for row in done
            if row.exact is not None
        }
        settings = dict(flatten(read_config(folder).model_dump(mode="json")))
        return _Numbers("campaign", found, settings, sum(row.failed_checks > 0 for row in done))
    if (folder / "mmpbsa.json").is_file():
        data = json.loads((folder / "mmpbsa.json").read_text(encoding="utf-8"))
        return _Numbers("binding energy", dict(_of_binding(data)), data["settings"])
    if (folder / "run.yaml").is_file():
        raise IncompleteError(f"{folder} has no result yet; `merrow run {folder}` resumes it.")
    raise InputError(f"{folder} contains no result; give the folder of a run, campaign or mmpbsa.")


def _of_run(result: HydrationResult) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield the quantities of a run by names that mean the same in every run.

    The first is the free energy of the Hamiltonian, also where the published sum is the headline.
    """
    estimates: dict[str, Any] = vars(result.estimates)
    exact = result.estimates.exact or result.headline
    path = "MM" if result.route == "endpoint" or result.potential == "mm" else "ML/MM"
    found = {"headline": exact, **{k: one for k, one in estimates.items() if one is not exact}}
    found |= {f"{path} leg {name}": leg for name, leg in result.legs}
    found |= {"de_reorg": result.de_reorg, "closure": result.closure}
    for name, one in found.items():
        if one is not None:
            yield NAMES.get(name, name.replace("_", " ")), (one.value_kcal, one.stderr_kcal)


def _settings_of(result: HydrationResult) -> dict[str, Any]:
    from merrow.report.text import flatten  # noqa: PLC0415

    known = {key: getattr(result, key) for key in ("potential", "charges", "route")}
    return known | {"molecule": result.molecule.smiles} | dict(flatten(result.settings))


def _of_binding(data: dict[str, Any]) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield binding energies, each method's headline before its terms."""
    seen: set[str] = set()
    for run in data["runs"]:  # a method's second run is that of the MM reference
        name = f"{run['method']}{' (MM)' if run['method'] in seen else ''}"
        seen.add(run["method"])
        head = run["headline_kcal"]
        yield name, (head["value"], head["stderr"])
        for term, one in run["delta_kcal"].items():
            yield f"{name} {term}", (one["value"], one["stderr"])


def _compared(name: str, one: tuple[float, float], two: tuple[float, float]) -> Compared:
    return Compared(name, *one, *two, two[0] - one[0], math.hypot(one[1], two[1]))


def _differing(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the settings that differ, with both values."""
    keys = [key for key in one if key in two and one[key] != two[key]]
    return {key: [one[key], two[key]] for key in keys}


def _lines(
    rows: list[Compared],
    differing: Mapping[str, list[Any]],
    first: Path,
    second: Path,
    doubts: list[str],
    *,
    full: bool,
    summary: bool,
) -> Iterator[str]:
    from merrow.report.text import energy, minus, stderr  # noqa: PLC0415

    def value(number: float, error: float) -> str:
        return f"{minus(energy(number))} ± {stderr(error)}"

    names = [str(path)[-14:] for path in (first, second)]
    yield f"{'kcal/mol':<22}{names[0]:>16}{names[1]:>16}{'difference':>16}"
    shown = rows if full else rows[: MOST_ROWS - min(3, len(differing)) - len(doubts)]
    for row in shown:
        apart = f"  {row.sigmas:.1f} σ" if row.sigmas > 2.0 else ""
        yield (
            f"{row.name[:21]:<22}{value(row.first, row.first_stderr):>16}"
            f"{value(row.second, row.second_stderr):>16}"
            f"{value(row.difference, row.stderr):>16}{apart}"
        )
    if len(rows) > len(shown):
        yield f"... {len(rows) - len(shown)} more numbers: --full"
    if summary:
        mean = sum(row.difference for row in rows) / len(rows)
        rms = math.sqrt(sum(row.difference**2 for row in rows) / len(rows))
        yield f"{len(rows)} numbers: mean difference {minus(energy(mean))}, RMS {energy(rms)}"
    yield from doubts
    keys = list(differing) if full else list(differing)[:3]
    for key in keys:
        old, new = (str(one)[:24] for one in differing[key])
        yield f"  {key}: {old} | {new}"[:80]
    if len(differing) > len(keys):
        yield f"  ... {len(differing) - len(keys)} more settings differ: --full"
    yield "errors of the differences are added in quadrature, assuming independent runs"
