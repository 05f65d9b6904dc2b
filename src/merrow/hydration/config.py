# SPDX-License-Identifier: MIT
"""What is asked of one hydration free energy: the resolved run file, `run.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from merrow.hydration.protocol import LONGEST_STEP, PROTOCOLS, Protocol, check_routes
from merrow.settings import Settings

STOPPING_KEYS = (
    "target_stderr_kcal",
    "minimum_sampling_ps",
    "maximum_sampling_ps",
    "maximum_minutes",
)
"""Settings of a protocol that say when sampling ends, not what is sampled."""
SHOWN_KEYS = ("expt_kcal", "expt_stderr_kcal", "name")
"""Settings that the report shows, and that change nothing else."""


ChargeModel = Literal["bcc", "abcg2", "file", "prmtop"]
USUAL_CHARGES: Final = "abcg2"
"""What a SMILES or an SDF file gets: made for GAFF2, 0.37 kcal/mol from experiment; bcc 1.03."""


def usual_charges(source: Mapping[str, Any], protocol: str) -> ChargeModel:
    """Return the charge model of a source that names none.

    A prmtop and a mol2 file keep their own. ABCG2 was made for GAFF2 (10.1063/5.0019056), so GAFF
    has AM1-BCC; so has the protocol paper, whose authors used it.

    Args:
        source: Keys of a `Source`.
        protocol: The protocol's name.
    """
    if source.get("kind") in ("solvated", "gas"):
        return "prmtop"
    if str(source.get("structure") or "").lower().endswith(".mol2"):
        return "file"
    return "bcc" if protocol == "paper" or source.get("gaff", 2) == 1 else USUAL_CHARGES


class Source(Settings):
    """The molecule and where its parameters come from; paths are relative to the run folder."""

    kind: Literal["smiles", "structure", "solvated", "gas"]
    """smiles; structure (SDF or mol2 file); solvated or gas (prmtop and coordinates)."""
    smiles: str | None = None
    """kind smiles: the SMILES."""
    structure: str | None = None
    """kind structure: path of the SDF or mol2 file."""
    prmtop: str | None = None
    """kind solvated or gas: path of the topology."""
    inpcrd: str | None = None
    """kind solvated or gas: path of the coordinates."""
    ml_mask: str | None = None
    """kind solvated or gas: AMBER mask of the solute; null: the molecule that is not water."""
    charges: ChargeModel = USUAL_CHARGES
    """Charge model of the solute; by default bcc for gaff 1 and protocol paper, the file's own for
    a mol2 file or a prmtop."""
    gaff: Literal[1, 2] = 2
    """GAFF version of the solute."""

    digest: str | None = None
    """SHA-256 of the input files' content; null for SMILES."""

    @model_validator(mode="after")
    def _complete(self) -> Source:
        needed = {"smiles": ("smiles",), "structure": ("structure",)}.get(
            self.kind, ("prmtop", "inpcrd")
        )
        for key in needed:
            if getattr(self, key) is None:
                raise ValueError(f"kind {self.kind!r} needs {key}")
        if (self.charges == "file" and self.kind == "smiles") or (
            self.charges == "prmtop" and self.kind in ("smiles", "structure")
        ):
            raise ValueError(
                f"charges {self.charges!r} need a file that holds them, but the source is a "
                f"{self.kind}; use bcc or abcg2"
            )
        return self


class HydrationConfig(Settings):
    """One hydration free energy, completely."""

    task: Literal["hydration"] = "hydration"
    """What `merrow run` does with this file."""
    source: Source
    """The molecule."""
    potential: str = "ani2x"
    """Name of the potential; "mm" keeps the prmtop's own terms (the MM reference)."""
    weights: str | None = None
    """Path of the potential's weights; null: resolved by name."""
    protocol: Protocol = PROTOCOLS["quick"]
    """The sampling."""
    mm_reference: bool = False
    """Direct route: sample the MM reference on the same path too."""
    both_routes: bool = False
    """Sample by both routes, direct (the headline) and endpoint (the check): do they agree?"""
    seed: int = Field(2025, ge=0, lt=2**31)
    """Random seed."""
    repeats: int = Field(2, ge=1)
    """Independent repeats, each in a process of its own."""
    processes: int | None = Field(None, ge=1)
    """Processes at a time; null: one for each core."""
    platform: Literal["auto", "CPU", "Reference", "CUDA", "OpenCL", "HIP"] = "auto"
    """OpenMM platform; auto: the fastest that computes what Reference computes, chosen once."""
    continue_on: Literal["CPU"] | None = None
    """Platform on which a run goes on after it lost its own; the result tells how many samples were
    made where. null: its own."""
    mm_kernel: Literal["auto", "openmm", "native"] = "auto"
    """What computes nonbonded forces: OpenMM's own code, or our kernel, which is several times
    faster for a solute in rigid water on the CPU. auto: our kernel where it can; run.yaml then
    says which."""
    mm_instruction_set: Literal["avx512", "avx2", "baseline"] | None = None
    """Instruction set of our kernel, on which last digits depend; null: the best one here, which
    run.yaml then names."""
    engine: Literal["auto", "openmm", "native"] = "auto"
    """What moves the configurations in water: OpenMM, or our own loop on our kernel, which spends
    no time between the two. auto: our loop where it can; run.yaml then says which."""
    expt_kcal: float | None = Field(None, allow_inf_nan=False)
    """Measured value that the report shows beside the result [kcal/mol]; null: a known one."""
    expt_stderr_kcal: float | None = Field(None, ge=0.0, allow_inf_nan=False)
    """Error of the measured value [kcal/mol]; null: not known."""
    name: str | None = Field(None, min_length=1, max_length=80)
    """Name of the molecule in answer and report; null: one that is known, or the input file's."""

    @model_validator(mode="before")
    @classmethod
    def _with_charges(cls, data: Any) -> Any:
        source = data.get("source") if isinstance(data, Mapping) else None
        if not isinstance(source, Mapping) or source.get("charges") is not None:
            return data
        protocol = data.get("protocol", {})
        name = protocol.get("name") if isinstance(protocol, Mapping) else protocol.name
        return {**data, "source": {**source, "charges": usual_charges(source, str(name))}}

    @model_validator(mode="after")
    def _consistent(self) -> HydrationConfig:
        protocol = self.protocol
        if protocol.solute_constraints == "h-bonds" and self.potential != "mm":
            raise ValueError(
                "solute_constraints h-bonds is another model than the flexible ML solute; it is "
                "for potential mm alone"
            )
        for key in ("mm_kernel", "engine"):
            if getattr(self, key) == "native" and self.platform not in ("CPU", "auto"):
                raise ValueError(f"{key} native is for platform CPU, not {self.platform}")
        if self.mm_kernel == "openmm" and self.mm_instruction_set is not None:
            raise ValueError("mm_instruction_set belongs to mm_kernel native")
        if self.engine == "native" and self.mm_kernel == "openmm":
            raise ValueError("engine native needs mm_kernel native")
        longest = LONGEST_STEP[protocol.solute_masses]
        if protocol.solute_constraints == "none" and protocol.timestep_fs > longest:
            raise ValueError(
                f"timestep_fs above {longest:g} fs needs solute_masses "
                f"{'heavy' if protocol.timestep_fs > 2.0 else 'repartitioned'} or constraints"
            )
        if protocol.headline == "as_published" and protocol.name != "paper":
            raise ValueError("headline as_published belongs to the protocol named paper alone")
        check_routes(self.potential, protocol.route, both_routes=self.both_routes)
        return self

    @property
    def working_platform(self) -> str:
        """The platform on which the run works now."""
        return self.continue_on or self.platform

    def sampling_settings(self) -> dict[str, object]:
        """Return what decides the samples: everything but where, how fast and how long it runs.

        A run with equal ones can go on in the same folder, with a smaller error as its target or
        with more repeats.
        """
        data = self.model_dump(mode="json")
        for key in ("processes", "weights", "repeats", "continue_on", *SHOWN_KEYS):
            data.pop(key)
        for key in ("name", *STOPPING_KEYS):
            data["protocol"].pop(key)
        return data
