# SPDX-License-Identifier: MIT
"""Settings of a campaign, one protocol for a set of molecules: `campaign.yaml`.

The cluster file is apart, since where a campaign runs never changes its numbers.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from merrow.hydration.protocol import PROTOCOLS, Protocol, check_routes
from merrow.settings import Settings

ChargeModel = Literal["bcc", "abcg2", "file"]


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
    """Charge models, each its own run; null: as `merrow hydration` chooses for each molecule."""
    gaff: Literal[1, 2] = 2
    """GAFF version of the solutes."""
    mm_reference: bool = True
    """Direct route: sample the MM reference beside each run; the other has it in any case."""
    both_routes: bool = False
    """Sample each run by both routes, direct as the headline, and say whether they agree."""
    seed: int = Field(2025, ge=0, lt=2**31)
    """Seed of everything random; each run is the one that `merrow hydration` makes of it."""
    repeats: int = Field(2, ge=1)
    """Independent repeats of each run."""
    platform: Literal["auto", "CPU", "Reference", "CUDA", "OpenCL", "HIP"] = "auto"
    """OpenMM platform; auto: the fastest that computes what Reference computes, chosen once."""
    mm_kernel: Literal["auto", "openmm", "native"] = "auto"
    """What computes nonbonded forces, as `merrow hydration` has it."""
    engine: Literal["auto", "openmm", "native"] = "auto"
    """What moves the configurations in water, as `merrow hydration` has it."""

    @model_validator(mode="after")
    def _consistent(self) -> CampaignConfig:
        if self.charges is not None and len(set(self.charges)) < max(1, len(self.charges)):
            raise ValueError("charges must name at least one model, and none twice")
        check_routes(self.potential, self.protocol.route, both_routes=self.both_routes)
        return self
