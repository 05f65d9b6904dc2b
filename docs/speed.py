# SPDX-License-Identifier: MIT
"""What do the tables of `explanation/speed.md` say? Made from the figures in `benchmarks/results`.

A table stands between `<!-- NAME -->` and `<!-- end -->`, where NAME is that of the figures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "explanation" / "speed.md"
RESULTS = ROOT / "benchmarks" / "results"
ISAS = ("avx512", "avx2", "baseline")
WAYS = {
    "loop": "our loop",
    "kernel": "our kernel within OpenMM",
    "openmm": "OpenMM's forces",
}


def speed_page() -> str:
    """Return the page as it is, its tables made anew."""
    page = PAGE.read_text(encoding="utf-8")
    return re.sub(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", _table, page, flags=re.DOTALL)


def _table(found: re.Match[str]) -> str:
    measured = json.loads((RESULTS / f"{found[2]}.json").read_text())
    return found[1] + "\n".join(TABLES[found[2]](measured)) + "\n" + found[3]


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _where(measured: dict[str, Any]) -> str:
    there = measured["environment"]
    return f"{there['processor'].replace('(R)', '')}, {there['cores']} cores"


def step_cost(measured: dict[str, Any]) -> list[str]:
    """Return CPU times of a step [ms] and ratios."""
    head = ["ms", "openmm-ml 1.8", "MM, OpenMM", "MM, GROMACS", "ML/MM", "ML/MM, our loop"]
    head += ["against openmm-ml", "at 2 fs", "our loop"]
    rows = []
    for row in measured["rows"]:
        ms, gromacs = row["cpu_ms"], row["gromacs"]
        cells = [ms["openmmml"], ms["mm"], gromacs and gromacs["cpu_ms"], ms["ml_mm"]]
        cells += [ms.get("ml_mm_loop")]
        ratios = [row["ratio_vs_openmmml"], row["ratio_vs_openmmml_2fs"]]
        ratios += [row["ratio_vs_openmmml_loop"]]
        rows.append(
            [row["system"]["molecule"]]
            + [f"{cell:.2f}" if cell else "" for cell in cells]
            + [f"{ratio:.1f} ×" if ratio else "" for ratio in ratios]
        )
    path = ["MM step with λ, ms", "OpenMM's forces", "our kernel: AVX-512", "AVX2", "baseline"]
    path += ["our loop: AVX-512", "AVX2", "baseline"]
    boxes = [(f"{measured['system']['n_atoms']} atoms, 9 Å", _path(measured["rows"][0]["cpu_ms"]))]
    for size, cutoff in (("small", 8), ("large", 9)):
        found = measured[f"mm_step_speedup_{size}"]
        times = {k.removesuffix("_cpu_ms"): v for k, v in found.items() if k.endswith("_cpu_ms")}
        boxes += [(f"{found['n_atoms']} atoms, {cutoff} Å", _path(times))]
    table = _rows(path, [[name, *cells] for name, cells in boxes])
    return [f"{_where(measured)}:", "", *_rows(head, rows), "", *table]


def _path(ms: dict[str, float]) -> list[str]:
    whole = ms["mm_path_openmm"]
    names = [f"{way}_{isa}" for way in ("mm_path", "mm_path_loop") for isa in ISAS]
    cells = [f"{ms[name]:.2f} ({whole / ms[name]:.1f} ×)" if name in ms else "" for name in names]
    return [f"{whole:.2f}", *cells]


def overlap(measured: dict[str, Any]) -> list[str]:
    """Return wall times of a step on one core and on two [ms]."""
    rows = []
    for row in measured["rows"]:
        ms, gain = row["least_wall_ms"], row["gain"]
        cells = [f"{ms[f'{way}_{n}']:.2f}" for way in ("openmm", "native") for n in (1, 2)]
        rows.append([row["molecule"], *cells, f"{gain['openmm']:.2f} ×", f"{gain['native']:.2f} ×"])
    head = ["ms", "OpenMM's forces, one core", "two", "our kernel, one core", "two"]
    return _rows([*head, "gain with OpenMM's", "with ours"], rows)


def time_to_answer(measured: dict[str, Any]) -> list[str]:
    """Return wall times from the command to the report."""
    rows = [
        [
            row["molecule"],
            WAYS[row["way"]],
            f"{row['asked_kcal']:g}",
            f"{row['dg_kcal']:.2f} ± {row['stderr_kcal']:.2f}".replace("-", "−"),
            f"{row['ps_per_state']:.0f}",
            f"{row['wall_s']:.0f}",
        ]
        for row in measured["rows"]
    ]
    head = ["", "MM by", "± asked", "ΔG [kcal/mol]", "ps in each state", "wall time [s]"]
    return [f"{_where(measured)}:", "", *_rows(head, rows)]


def scaling(measured: dict[str, Any]) -> list[str]:
    """Return CPU times by the size of box and region, of records and of batches."""
    names = {"mm": "MM, OpenMM", "ml_mm": "ML/MM", "ml_mm_loop": "ML/MM, our loop", "ml": "ML"}
    names = {key: name for key, name in names.items() if key in measured["box"][0]}
    rows = [
        [
            row["molecule"],
            *(f"{row[size]:,}" for size in ("n_atoms", "n_ml_atoms")),
            *(f"{row[key]:.2f}" for key in names),
            f"{row['peak_mb']:.0f}",
        ]
        for row in (*measured["box"], *measured["region"])
    ]
    table = _rows(["ms", "atoms", "of them ML", *names.values(), "memory [MB]"], rows)
    states = [f"{row['record']:.2f}" for row in measured["states"]]
    batch = [f"{row['ml_per_conformer']:.2f}" for row in measured["batch"]]
    record = _rows(
        ["states", *(str(row["states"]) for row in measured["states"])], [["a record, ms", *states]]
    )
    batches = _rows(
        ["conformers in a call", *(str(row["batch"]) for row in measured["batch"])],
        [["ms for each", *batch]],
    )
    return [*table, "", *record, "", *batches]


def memory(measured: dict[str, Any]) -> list[str]:
    """Return what memory does over many steps."""
    names = {"segments": "segments of a hydration run", "dynamics": "one long dynamics"}
    rows = []
    for key, name in names.items():
        part = measured[key]
        slope = f"{part['mb_per_million_steps']:.1f} ± {part['stderr']:.1f}".replace("-", "−")
        ends = [f"{part[end]:.0f}" for end in ("first_mb", "last_mb")]
        rows.append([name, f"{part['steps']:,}", *ends, slope])
    return _rows(["", "steps", "first [MB]", "last [MB]", "MB in 10⁶ steps"], rows)


def time_to_error(measured: dict[str, Any]) -> list[str]:
    """Return CPU minutes to an error, and ratios."""
    names = {
        "peer_r1": "openmm-ml, direct, 1 fs",
        "ours_r1": "merrow, direct, 1 fs",
        "ours_r1_4fs": "merrow, direct, 4 fs",
        "ours_default": "merrow, `quick`",
        "mm": "MM alone, 4 fs",
    }
    rows = []
    for molecule, found in measured["molecules"].items():
        for key, name in names.items():
            run = found["runs"][key]
            peer = found["runs"]["peer_r1"]["cpu_s_to_wanted"] / run["cpu_s_to_wanted"]
            number = f"{run['dg_kcal']:.2f} ± {run['stderr_kcal']:.2f}".replace("-", "−")
            minutes = [f"{run[time] / 60:.1f}" for time in ("cpu_s", "cpu_s_to_wanted")]
            rows.append([molecule, name, number, *minutes, f"{peer:.0f} ×"])
    head = ["", "", "reached", "in CPU min", f"to ±{measured['wanted_kcal']}, CPU min"]
    return _rows([*head, "times as fast as openmm-ml"], rows)


def time_step(measured: dict[str, Any]) -> list[str]:
    """Return what each time step gives, and what an error costs."""
    rows = []
    for row in measured["rows"]:
        water, path = row["water"], row["path"]
        values = [
            ([path["dg_kcal"], path["stderr_kcal"]], 2),
            *((row[f"{name}_difference_kcal"], 2) for name in ("gas", "water")),
            (water["solute_k"], 0),
            (water["water_k"], 1),
            (water["drift"], 3),
        ]
        cells = [f"{value:.{n}f} ± {error:.{n}f}" for (value, error), n in values]
        name = f"{row['timestep_fs']:g} fs"
        rows.append([name, *(cell.replace("-", "−") for cell in cells)])
        rows[-1].append(f"{path['stderr2_steps']:.0f}")
    head = ["", "ΔG", "⟨U⟩ in gas", "⟨U⟩ in water", "T of the solute [K]", "T of water [K]"]
    return _rows([*head, "drift [kT/ns/degree of freedom]", "stderr² · steps"], rows)


TABLES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "step_cost": step_cost,
    "overlap": overlap,
    "time_to_answer": time_to_answer,
    "scaling": scaling,
    "memory": memory,
    "time_to_error": time_to_error,
    "time_step": time_step,
}
