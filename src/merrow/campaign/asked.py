# SPDX-License-Identifier: MIT
"""Settings of a campaign from the arguments of the command line or of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from merrow.campaign.config import CampaignConfig
from merrow.errors import InputError
from merrow.executor import ClusterConfig
from merrow.hydration.asked import overrides_of, protocol_for
from merrow.hydration.protocol import REPEATS

ExecutorName = Literal["serial", "processes", "dask"]


def campaign_config(
    table: str | Path,
    *,
    potential: str = "ani2x",
    weights: str | Path | None = None,
    protocol: str = "quick",
    settings: list[str] | Mapping[str, object] | None = None,
    columns: Mapping[str, str] | None = None,
    charges: Sequence[str] | None = None,
    gaff: int = 2,
    target_stderr: float | None = None,
    mm_reference: bool = True,
    both_routes: bool = False,
    seed: int = 2025,
    repeats: int | None = None,
    platform: str = "auto",
    mm_kernel: str = "auto",
    engine: str = "auto",
    where: str = "the command line",
) -> CampaignConfig:
    """Return the settings of a campaign; the arguments are the options of `merrow campaign run`.

    Args:
        table: CSV file of the molecules.
        columns: Columns of the file by key.
        charges: Charge models; each makes its own run.
        where: Name of the arguments in messages.

    Raises:
        InputError: The arguments do not fit together.
    """
    # The direct route is the headline when both are sampled
    changes = overrides_of(
        settings, route="direct" if both_routes else None, target_stderr_kcal=target_stderr
    )
    kind = {"charges": charges, "gaff": gaff}
    return CampaignConfig.checked(
        {
            "table": Path(table).name,
            "columns": dict(columns or {}),
            "potential": potential,
            "weights": None if weights is None else str(Path(weights).resolve()),
            "protocol": protocol_for(kind, protocol, changes, potential, both_routes=both_routes),
            "charges": None if charges is None else list(charges),
            "gaff": gaff,
            "mm_reference": mm_reference,
            "both_routes": both_routes,
            "seed": seed,
            # None: cores are used for molecules
            "repeats": (REPEATS[protocol] or 2) if repeats is None else repeats,
            "platform": platform,
            "mm_kernel": mm_kernel,
            "engine": engine,
        },
        source=where,
    )


def place_of(
    executor: str | None, cluster: str | Path | None
) -> tuple[ExecutorName, ClusterConfig | None]:
    """Return the executor of a campaign and the settings of its cluster file.

    Args:
        executor: serial, processes or dask; None: processes, or dask with a cluster file.
        cluster: File from `merrow cluster init`.

    Raises:
        InputError: There is no such executor, or the file cannot be read.
    """
    names: tuple[ExecutorName, ...] = get_args(ExecutorName)
    name = next((one for one in names if one == executor), None)
    if name is None and executor is not None:
        raise InputError(f"there is no executor {executor!r}; choose serial, processes or dask.")
    if cluster is None:
        return name or "processes", None
    name = name or "dask"
    if name != "dask":
        raise InputError(f"--cluster goes with --executor dask, not with {name}.")
    try:
        text = Path(cluster).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{cluster} cannot be read; `merrow cluster init slurm` writes such a file."
        ) from error
    return name, ClusterConfig.from_yaml(text, source=str(cluster))
