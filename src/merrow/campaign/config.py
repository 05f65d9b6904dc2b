# SPDX-License-Identifier: MIT
"""Configuration of a campaign, one protocol for a set of molecules: `campaign.yaml`.

The cluster file is separate, since where a campaign runs does not affect its results.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from merrow.hydration.protocol import PROTOCOLS, Protocol, check_routes
from merrow.settings import Settings

ChargeModel = Literal["bcc", "abcg2", "file"]


class CampaignConfig(Settings):
    """Configuration of a campaign: one protocol for every molecule of a table."""

    task: Literal["campaign"] = "campaign"
    """Kind of calculation of this file."""
    table: str
    """The CSV file of the molecules, as given."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Columns with other names, by key: {name: id, expt_kcal: expt}."""
    potential: str = "ani2x"
    """Name of the potential; "mm" keeps the MM terms."""
    weights: str | None = None
    """Path of the potential's weights; null: found by name."""
    protocol: Protocol = PROTOCOLS["quick"]
    """The sampling protocol."""
    charges: tuple[ChargeModel, ...] | None = None
    """Charge models, each its own run; null: the default of `merrow hydration`."""
    gaff: Literal[1, 2] = 2
    """GAFF version of the solutes."""
    mm_reference: bool = True
    """Whether the MM reference is also sampled (direct route; the endpoint route always has it)."""
    both_routes: bool = False
    """Whether each run samples both routes, direct as the headline, and compares them."""
    seed: int = Field(2025, ge=0, lt=2**31)
    """Random seed; each run is the same as one of `merrow hydration` with this seed."""
    repeats: int = Field(2, ge=1)
    """Number of independent repeats of each run."""
    platform: Literal["auto", "CPU", "Reference", "CUDA", "OpenCL", "HIP"] = "auto"
    """OpenMM platform; auto: the fastest that agrees with Reference, chosen once."""
    mm_kernel: Literal["auto", "openmm", "native"] = "auto"
    """Nonbonded forces, as in `merrow hydration`."""
    engine: Literal["auto", "openmm", "native"] = "auto"
    """Integrator in water, as in `merrow hydration`."""

    @model_validator(mode="after")
    def _consistent(self) -> CampaignConfig:
        if self.charges is not None and len(set(self.charges)) < max(1, len(self.charges)):
            raise ValueError("charges must name at least one model, and none twice")
        check_routes(self.potential, self.protocol.route, both_routes=self.both_routes)
        return self
