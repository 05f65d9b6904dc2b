# SPDX-License-Identifier: MIT
"""Parsers of our own, fuzzed by what their code does with each input (atheris).

pip install -c constraints.txt ".[fuzz]"
python tests/fuzz/guided.py --folder FOLDER --runs 100000    # goes on from what it has learnt
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

TARGETS = (
    *("namelist", "mdin", "sander", "disang", "mask", "coordinates", "table", "settings", "prmtop"),
)
"""Names of the parsers; each is fuzzed in a process of its own."""
_DONE = re.compile(r"^Done (\d+) runs|^stat::number_of_executed_units: *(\d+)", re.MULTILINE)


def work(target: str, folder: Path, runs: int) -> None:
    """Fuzz one parser in this process, which ends with it."""
    import atheris  # noqa: PLC0415

    with atheris.instrument_imports(include=["merrow", "parmed.amber.mask"]):
        import targets  # noqa: PLC0415

        from merrow.errors import MerrowError  # noqa: PLC0415
    parse, seeds = targets.parser(target, folder)
    corpus = folder / target
    corpus.mkdir(parents=True, exist_ok=True)
    for k, seed in enumerate(seeds):
        (corpus / f"seed-{k}").write_bytes(seed)
    found: dict[str, str] = {}

    def one(data: bytes) -> None:
        try:
            parse(data)
        except MerrowError:
            return
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
            if place not in found:
                found[place] = str(error)[:120]
                (folder / f"{target}-{len(found)}").write_bytes(data)
                (folder / f"{target}.json").write_text(json.dumps(found))

    words = [f"-runs={runs}", "-max_len=16384", "-timeout=10", "-rss_limit_mb=4096"]
    words += ["-print_final_stats=1", f"-artifact_prefix={folder}/{target}-crash-"]
    atheris.Setup([sys.argv[0], *words, str(corpus)], one)
    atheris.Fuzz()


def campaign(folder: Path, runs: int, only: list[str]) -> dict[str, Any]:
    """Fuzz each parser in a process of its own; return inputs tried and kinds found, in all."""
    kept = folder / "guided.json"
    rows: dict[str, Any] = json.loads(kept.read_text()) if kept.is_file() else {}
    for target in only or TARGETS:
        row = rows.setdefault(target, {"cases": 0, "found": {}})
        command = [sys.executable, __file__, "--folder", str(folder), "--runs", str(runs)]
        done = subprocess.run(
            [*command, "--work", target], capture_output=True, text=True, check=False
        )
        told = _DONE.search(done.stderr)
        row["cases"] += int(next(filter(None, told.groups()))) if told else 0
        if done.returncode != 0:
            row["found"][f"the process ended with {done.returncode}"] = done.stderr[-300:]
        if (folder / f"{target}.json").is_file():
            row["found"] |= json.loads((folder / f"{target}.json").read_text())
        kept.write_text(json.dumps(rows, indent=1))
        print(target, json.dumps(row), file=sys.stderr, flush=True)
    return rows


def main() -> int:
    """Go on with the campaign, or be the process of one parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="what was learnt and found")
    parser.add_argument("--runs", type=int, default=100_000, help="inputs of each parser")
    parser.add_argument("--targets", nargs="+", default=[], choices=TARGETS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.work:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        work(asked.work, asked.folder, asked.runs)
        return 0
    rows = campaign(asked.folder, asked.runs, asked.targets)
    return int(any(row["found"] for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
