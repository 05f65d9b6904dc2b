# SPDX-License-Identifier: MIT
"""How far from experiment are 30 hydration free energies, ML/MM and MM, BCC and ABCG2?

A campaign on FreeSolv's 30 molecules at `quick`, compared with experiment and with FreeSolv's
published GAFF values. Resumable: run it again to go on; the results are those found so far.

    python benchmarks/hydration30.py --runs RUNS --minutes 480
"""

from __future__ import annotations

import sys
from dataclasses import asdict

from common import parser, save, show

from merrow.campaign.config import CampaignConfig
from merrow.campaign.driver import ComputeBackend, run_campaign

COLUMNS = {
    "name": "id",
    "class": "cls",
    "expt_kcal": "expt",
    "expt_stderr_kcal": "expt_unc",
    "ref_gaff_kcal": "mobley_calc",
    "ref_gaff_stderr_kcal": "calc_unc",
}
KEPT = ("potential", "protocol", "rows", "comparisons", "pairs", "classes", "expt_stderr_kcal")


def main() -> None:
    """Go on with the campaign and write `results/hydration30.json`."""
    workers = {"type": int, "help": "runs at a time"}
    charges = {"nargs": "+", "default": ("bcc", "abcg2"), "help": "charge models"}
    asked = parser(
        __doc__, "data", "runs", "minutes", workers=workers, charges=charges
    ).parse_args()
    config = CampaignConfig(table="hydration30.csv", columns=COLUMNS, charges=tuple(asked.charges))
    result = run_campaign(
        config,
        asked.runs,
        base=asked.data.resolve(),
        backend=ComputeBackend(workers=asked.workers, minutes=asked.minutes),
        listen=lambda told: print(told.text, file=sys.stderr),
    )
    data = asdict(result.data)
    content = {"seed": config.seed, "counts": result.data.counts} | {k: data[k] for k in KEPT}
    show(result.data.counts)
    save("hydration30", content)


if __name__ == "__main__":
    main()
