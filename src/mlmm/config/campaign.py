# SPDX-License-Identifier: MIT
"""What was asked of a set of molecules, and where may it run? `campaign.yaml`, a cluster file.

The cluster file is apart, since where a campaign runs never changes its numbers.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from mlmm.config.base import Settings
from mlmm.config.protocol import PROTOCOLS, Protocol, check_routes

ChargeModel = Literal["bcc", "abcg2", "file"]
Scheduler = Literal["slurm", "pbs", "lsf"]

_WALLTIME = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})")


class CampaignConfig(Settings):
    """One protocol for every molecule of a table."""

    task: Literal["campaign"] = "campaign"
    """What this file is for."""
    table: str
    """The CSV file of the molecules, as it was named."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Column of the file for a key: {name: id, expt_kcal: expt}."""
    potential: str = "ani2x"
    """Name of the potential; "mm" keeps the MM terms."""
    weights: str | None = None
    """Path of the potential's weights; null: resolved by name."""
    protocol: Protocol = PROTOCOLS["quick"]
    """The sampling."""
    charges: tuple[ChargeModel, ...] | None = None
    """Charge models, each its own run; null: bcc, or the charges of a mol2 file."""
    gaff: Literal[1, 2] = 2
    """GAFF version of the solutes."""
    control: bool = True
    """Route R1: sample the MM control beside each run; R2 has it in any case."""
    both_routes: bool = False
    """Sample each run by routes R1 (the headline) and R2, and say whether they agree."""
    seed: int = Field(2025, ge=0, lt=2**31)
    """Seed of everything random; each run is the one that `mlmm hydration` makes of it."""
    repeats: int = Field(2, ge=1)
    """Independent repeats of each run."""
    platform: Literal["CPU", "Reference", "CUDA", "OpenCL", "HIP"] = "CPU"
    """OpenMM platform."""

    @model_validator(mode="after")
    def _consistent(self) -> CampaignConfig:
        if self.charges is not None and len(set(self.charges)) < max(1, len(self.charges)):
            raise ValueError("charges must name at least one model, and none twice")
        check_routes(self.potential, self.protocol.route, both_routes=self.both_routes)
        return self


class ClusterConfig(Settings):
    """How jobs are asked of a batch scheduler; `mlmm cluster init` writes one."""

    scheduler: Scheduler
    """slurm, pbs or lsf."""
    queue: str | None = None
    """Partition or queue; null: the scheduler's default."""
    project: str | None = None
    """Account to charge; null: the scheduler's default."""
    jobs: int = Field(4, ge=1)
    """Jobs at a time at most; each computes one molecule after another."""
    memory: str = "4GB"
    """Memory of a job."""
    walltime: str = "04:00:00"
    """Time after which the scheduler ends a job, as [hours:]minutes:seconds."""
    slice_minutes: float = Field(30.0, gt=0)
    """A molecule goes on for so long before the job asks for work again [min]."""
    gpus: int = Field(0, ge=0)
    """GPUs of a job; ask the scheduler for them with job_extra_directives."""
    interface: str | None = None
    """Network interface between driver and jobs, such as ib0; null: chosen by the system."""
    job_extra_directives: tuple[str, ...] = ()
    """Further directives of the job script, such as "--gres=gpu:1"."""
    job_script_prologue: tuple[str, ...] = ()
    """Shell lines before the work, such as "source env/bin/activate"."""

    @model_validator(mode="after")
    def _slices_fit(self) -> ClusterConfig:
        if self.walltime_s <= 60 * self.slice_minutes:
            raise ValueError(
                f"slice_minutes {self.slice_minutes:g} is not shorter than walltime "
                f"{self.walltime}; a molecule would never be handed on in good order"
            )
        return self

    @property
    def walltime_s(self) -> float:
        """Wall time of a job [s]."""
        found = _WALLTIME.fullmatch(self.walltime)
        if found is None:
            raise ValueError(f"walltime {self.walltime!r} is not of the form hours:minutes:seconds")
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return 3600.0 * hours + 60.0 * minutes + seconds

    @property
    def minutes_of_walltime(self) -> str:
        """Wall time as LSF reads it, hours:minutes."""
        minutes = max(1, int(self.walltime_s // 60))
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
