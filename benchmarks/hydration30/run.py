# SPDX-License-Identifier: MIT
"""How far from experiment are 30 hydration free energies, with ABCG2 and with AM1-BCC charges?

A campaign by the endpoint route, so that each run gives ML/MM and its MM reference. It goes on
where it was stopped, and passes over the rows that results.csv has; what it finds is added.

    python benchmarks/hydration30/run.py --runs RUNS --minutes 120
    python benchmarks/hydration30/report.py

With --prepare and --platform CUDA it only makes the systems, for a machine with a GPU that lacks
AmberTools: there the same command without --prepare goes on from the folder.

A machine that cannot fetch the weights of ANI-2x needs MERROW_MODELS. The measured values and
FreeSolv's GAFF values in molecules.csv are single facts as FreeSolv 0.52 has them
(10.1007/s10822-014-9747-x, 10.1021/acs.jced.7b00104).
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from common import failed_checks, header, parser  # noqa: E402

from merrow.campaign.config import CampaignConfig  # noqa: E402
from merrow.campaign.driver import ComputeBackend, run_campaign  # noqa: E402
from merrow.campaign.plan import plan_jobs, write_jobs  # noqa: E402
from merrow.campaign.report.data import CampaignRow  # noqa: E402
from merrow.campaign.rows import read_rows  # noqa: E402
from merrow.campaign.table import CAMPAIGN_FILE, write_results  # noqa: E402
from merrow.engine.platforms import AUTO  # noqa: E402
from merrow.files import atomic_write  # noqa: E402
from merrow.hydration.prepare import prepare_system  # noqa: E402
from merrow.hydration.protocol import PROTOCOLS  # noqa: E402
from merrow.hydration.result import HydrationResult  # noqa: E402
from merrow.hydration.run_folder import RunFolder  # noqa: E402

MOLECULES = HERE / "molecules.csv"
RESULTS = HERE / "results.csv"
SHARE = 0.975
"""Standard error at which a run ends, as a share of the largest that makes a row."""
LONGEST = 1500.0
"""Where a run ends in any case [ps of each state]; 500, as usual, are too few for some."""
KEY = ("name", "charges", "potential")
PLACES: dict[str, dict[str, Any]] = {
    "workers": {"type": int, "help": "runs at a time"},
    "platform": {"default": AUTO, "help": "of OpenMM, such as CUDA"},
    "prepare": {"action": "store_true", "help": "make the systems, for another machine"},
}
"""Options of where a campaign runs, of every script that goes on with one."""
COUNTED = "by replica"
"""How independent frames of conformers were counted; older rows, of too many, lack it."""


@dataclass(frozen=True)
class Place:
    """Where molecules are read and results kept.

    Attributes:
        molecules: Table of the set.
        results: Table of its rows.
        promised: Largest standard error that makes a row [kcal/mol].
    """

    molecules: Path
    results: Path
    promised: float


def main() -> None:
    """Go on with the campaign; write `results.csv`."""
    own: dict[str, Any] = {
        "charges": {"nargs": "+", "default": ("abcg2", "bcc"), "help": "charge models"},
        "only": {"nargs": "+", "help": "names of molecules"},
    }
    asked = parser(__doc__, "potential", "runs", "minutes", **PLACES, **own).parse_args()
    carry_on(Place(MOLECULES, RESULTS, 0.2), asked, only=asked.only)


def carry_on(place: Place, asked: Any, *, only: Sequence[str] | None) -> None:
    """Go on with the campaigns of a set, one for each charge model, and keep their rows.

    Args:
        place: Molecules, results, and how exact they are.
        asked: The command line: potential, runs, minutes, charges, and `PLACES`.
        only: Names to which the set is restricted; None for all.
    """
    for charges in asked.charges:
        folder = asked.runs / f"{asked.potential}-{charges}"
        table = _left(place, folder, (charges, asked.potential), only)
        if table is None:
            continue
        changes = {"target_stderr_kcal": SHARE * place.promised, "maximum_sampling_ps": LONGEST}
        config = CampaignConfig(
            table=str(table),
            charges=(charges,),
            potential=asked.potential,
            protocol=PROTOCOLS["quick"].model_copy(update=changes),
            platform=asked.platform,
        )
        if asked.prepare:
            prepare(config, folder)
            continue
        backend = ComputeBackend(workers=asked.workers, minutes=asked.minutes)
        try:
            run_campaign(
                config,
                folder,
                base=Path(),
                backend=backend,
                listen=lambda told: print(told.text, file=sys.stderr, flush=True),
            )
        finally:  # Ctrl-C, too, leaves the rows that there are
            if (folder / "jobs.json").is_file():
                rows = write_results(folder, final=False).data.rows
                keep(place, asked.potential, [(row, folder) for row in rows], backend.width)


def prepare(config: CampaignConfig, folder: Path) -> None:
    """Make the run folders with their systems, and sample nothing."""
    table = Path(config.table)
    plan = plan_jobs(config, read_rows(table, config.columns), folder, table.parent, here=False)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / CAMPAIGN_FILE, config.to_yaml())
    write_jobs(folder, plan, table.parent)
    for job, _ in plan:
        run = job.run(folder)
        prepare_system(run, run.config())
        print(f"{job.name}: prepared", file=sys.stderr, flush=True)


def _left(
    place: Place, folder: Path, kind: tuple[str, str], only: Sequence[str] | None
) -> Path | None:
    """Write the table of the molecules that have no row yet; None where all have one."""
    table = folder.with_suffix(".csv")
    if table.is_file():  # a campaign that was begun keeps its table
        return table
    done = {tuple(row[k] for k in KEY) for row in read(place.results)}
    rows = [
        row
        for row in read(place.molecules)
        if (row["name"], *kind) not in done and (only is None or row["name"] in only)
    ]
    if not rows:
        return None
    table.parent.mkdir(parents=True, exist_ok=True)
    write(table, rows)
    return table


def keep(place: Place, potential: str, found: list[tuple[CampaignRow, Path]], workers: int) -> None:
    """Add the rows of the finished runs to the results, in the order of the molecules."""
    rows = {tuple(row[k] for k in KEY): row for row in read(place.results)}
    for row, folder in found:
        result = RunFolder(folder / row.folder).finished()
        if result is None:
            continue
        if (error := result.headline.stderr_kcal) > place.promised:
            print(f"{row.name}, {row.charges}: ±{error:.2f}, no row; see its report")
            continue
        rows[row.name, row.charges, potential] = _row(row, result, workers)
    order = [row["name"] for row in read(place.molecules)]

    def position(row: dict[str, Any]) -> tuple[str, str, int]:
        return row["potential"], row["charges"], order.index(row["name"])

    if rows:
        write(place.results, sorted(rows.values(), key=position))


def _row(row: CampaignRow, result: HydrationResult, workers: int) -> dict[str, Any]:
    found = {"": result.headline, "mm_": result.estimates.mm_reference}
    found["as_published_"] = result.estimates.as_published
    numbers = {}
    for name, one in found.items():
        numbers[f"{name or 'dg_'}kcal"] = "" if one is None else round(one.value_kcal, 4)
        numbers[f"{name}stderr_kcal"] = "" if one is None else round(one.stderr_kcal, 4)
    expt, here = row.experiment, header()
    cores = max(1, here["cores"] // workers)  # which a run had for itself
    return {
        "name": row.name,
        "charges": row.charges,
        "potential": result.potential,
        **numbers,
        "expt_kcal": "" if expt is None else expt.value_kcal,
        "expt_stderr_kcal": "" if expt is None or expt.stderr_kcal is None else expt.stderr_kcal,
        "warnings": len(row.warnings),
        "wall_s": round(result.wall_s),
        "core_h": round(result.wall_s * cores / 3600, 3),
        "seed": result.seeds["run"],
        "merrow": result.versions["merrow"],
        "where": f"{_gpu(result)}{here['processor']}, {here['cores']} cores",
        "failed": "; ".join(failed_checks(result)) or "none",
        "frames": COUNTED,
    }


def _gpu(result: HydrationResult) -> str:
    """Return the GPU that a run was made on, without its name where it is not here."""
    if result.settings["platform"] != "CUDA":
        return ""
    import torch  # noqa: PLC0415

    return f"{torch.cuda.get_device_name() if torch.cuda.is_available() else 'a GPU'}, "


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a table; none where it is not there."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a table whole or not at all."""
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(path, text.getvalue())


if __name__ == "__main__":
    main()
