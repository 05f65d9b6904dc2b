# SPDX-License-Identifier: MIT
"""Are all usable ligands of the CDK2 set prepared from the given poses without a hand-made fix?

Prepares one complex after another, dry, and adds a row to the JSON after each; what is there
already is not done again, so the same command goes on where it was stopped. Poses that clash are
relaxed, which the row says. `python benchmarks/prepare_cdk2.py --help` says the rest.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENMM_CPU_THREADS"):
    os.environ[_name] = "1"

import argparse
import csv
import json
import tempfile
from pathlib import Path
from typing import Any

from machine import header
from sdf import records

from merrow.binding.prepare.complex import ComplexRequest, prepare_complex
from merrow.errors import MerrowError

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Prepare what is missing and write the JSON after each ligand."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("MERROW_SHARED", HERE.parent.parent / "shared"))
    parser.add_argument("--data", type=Path, default=shared / "data" / "protein-ligand" / "cdk2")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "prepare_cdk2.json")
    parser.add_argument("--only", help="names of ligands, comma-separated")
    arguments = parser.parse_args()
    with (arguments.data / "affinities.csv").open() as stream:
        table = {row["ligand"]: row for row in csv.DictReader(stream) if row["ani2x_ok"] == "1"}
    report: dict[str, Any] = {"environment": header(), "ligands": {}}
    if arguments.output.is_file():
        report["ligands"] = json.loads(arguments.output.read_text())["ligands"]
    wanted = arguments.only.split(",") if arguments.only else list(table)
    poses = records(arguments.data / "ligands.sdf")
    for name in wanted:
        if name in report["ligands"]:
            continue
        row = prepared(name, poses[name], arguments.data, clashes=table[name]["pose_clash"] == "1")
        report["ligands"][name] = row
        report["missing"] = [other for other in table if other not in report["ligands"]]
        arguments.output.write_text(json.dumps(report, indent=1) + "\n")
        print(name, row, flush=True)


def prepared(name: str, pose: str, data: Path, *, clashes: bool) -> dict[str, Any]:
    """Prepare one complex in a scratch folder and return what is worth keeping.

    Args:
        name: Ligand.
        pose: SDF text.
        data: Folder of the set, with AM1-BCC charges of some ligands.
        clashes: Whether the data flag the pose as clashing.
    """
    made = data / "gaff2" / f"{name}.mol2"
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "pose.sdf"
        path.write_text(pose)
        request = ComplexRequest(
            protein=data / "protein.pdb",
            ligand=made if made.is_file() else path,
            out=Path(scratch) / "out",
            implicit=True,
            relax_clashes=True,
            charges="file" if made.is_file() else "bcc",
        )
        try:
            report = prepare_complex(request)
        except MerrowError as error:
            return {"ok": False, "why": str(error), "flagged_as_clashing": clashes}
    worst = max(abs(row["difference"]) for row in report["energies_kcal"].values())
    return {
        "ok": True,
        "flagged_as_clashing": clashes,
        "n_clashes_found": len(report["pose"]["clashes"]),
        "relaxation": report["pose"]["relaxation"],
        "charges": request.charges,
        "largest_term_difference_to_sander_kcal": worst,
    }


if __name__ == "__main__":
    main()
