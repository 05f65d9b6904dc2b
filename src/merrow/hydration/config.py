# SPDX-License-Identifier: MIT
"""Configuration of a hydration free energy: the resolved run file, `run.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from merrow.hydration.protocol import LONGEST_STEP, PROTOCOLS, Protocol, check_routes
from merrow.settings import Settings

STOPPING_KEYS = (
    "target_stderr_kcal",
    "minimum_sampling_ps",
    "minimum_per_repeat_ps",
    "maximum_sampling_ps",
    "maximum_minutes",
)
"""Protocol settings that determine when sampling ends, not what is sampled."""
SHOWN_KEYS = ("expt_kcal", "expt_stderr_kcal", "name")
"""Settings that only the report uses."""


ChargeModel = Literal["bcc", "abcg2", "file", "prmtop"]
USUAL_CHARGES: Final = "abcg2"
"""Default for SMILES and SDF: made for GAFF2, mean error 0.37 kcal/mol; bcc has 1.03."""


def usual_charges(source: Mapping[str, Any], protocol: str) -> ChargeModel:
    """Return the default charge model of a source.

    A prmtop and a mol2 file keep their own charges. ABCG2 was made for GAFF2 (10.1063/5.0019056),
    so GAFF gets AM1-BCC; so does the protocol paper, whose authors used it.

    Args:
        source: Keys of a `Source`.
        protocol: The protocol's name.
    """
    if source.get("kind") in ("solvated", "gas"):
        return "prmtop"
    if str(source.get("structure") or "").lower().endswith(".mol2"):
        return "file"
    return "bcc" if protocol == "paper" or source.get("gaff", 2) == 1 else USUAL_CHARGES


NEEDED: Final = {
    "smiles": ("smiles",),
    "structure": ("structure",),
    "solvated": ("prmtop", "inpcrd"),
    "gas": ("prmtop", "inpcrd"),
}
"""Keys of a source that hold its molecule, by kind; the others must be absent."""


class Source(Settings):
    """The molecule and where its parameters come from; paths are relative to the run folder."""

    kind: Literal["smiles", "structure", "solvated", "gas"]
    """smiles; structure (SDF or mol2 file); solvated or gas (prmtop and coordinates)."""
    smiles: str | None = None
    """SMILES, for kind smiles."""
    structure: str | None = None
    """Path of the SDF or mol2 file, for kind structure."""
    prmtop: str | None = None
    """Path of the topology, for kind solvated or gas."""
    inpcrd: str | None = None
    """Path of the coordinates, for kind solvated or gas."""
    ml_mask: str | None = None
    """AMBER mask of the solute, for kind solvated or gas; null: the molecule that is not water."""
    charges: ChargeModel = USUAL_CHARGES
    """Charge model of the solute; by default bcc for gaff 1 and protocol paper, the file's own for
    a mol2 file or a prmtop."""
    gaff: Literal[1, 2] = 2
    """GAFF version of the solute."""

    digest: str | None = None
    """SHA-256 of the content of the input files; null for SMILES."""

    @model_validator(mode="before")
    @classmethod
    def _with_charges(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or data.get("charges") is not None:
            return data
        return {**data, "charges": usual_charges(data, "")}

    @model_validator(mode="after")
    def _complete(self) -> Source:
        needed = NEEDED[self.kind]
        given = [k for k in ("smiles", "structure", "prmtop", "inpcrd") if getattr(self, k)]
        for key in needed:
            if key not in given:
                raise ValueError(f"kind {self.kind!r} needs {key}")
        for key in given:
            if key not in needed:
                raise ValueError(f"kind {self.kind!r} has no {key}")
        if "prmtop" in needed:
            self._brings_its_own()
        elif self.ml_mask is not None:
            raise ValueError(f"ml_mask belongs to a prmtop, but the source is a {self.kind}")
        elif self.charges == "prmtop" or (self.charges == "file" and self.kind == "smiles"):
            raise ValueError(
                f"charges {self.charges!r} need a file that holds them, but the source is a "
                f"{self.kind}; use bcc or abcg2"
            )
        return self

    def _brings_its_own(self) -> None:
        """Refuse charges and parameters beside those of a prmtop."""
        if self.charges != "prmtop":
            raise ValueError(
                f"charges {self.charges!r} would not be used, since the prmtop brings its own; "
                "use prmtop"
            )
        if self.gaff != 2:
            raise ValueError(
                f"gaff {self.gaff} would not be used, since the prmtop brings its "
                "parameters; leave it out"
            )


class HydrationConfig(Settings):
    """Complete configuration of a hydration free energy."""

    task: Literal["hydration"] = "hydration"
    """Kind of calculation of this file."""
    source: Source
    """The molecule and its parameters."""
    potential: str = "ani2x"
    """Name of the potential; "mm" keeps the prmtop's own terms (the MM reference)."""
    weights: str | None = None
    """Path of the potential's weights; null: found by name."""
    protocol: Protocol = PROTOCOLS["quick"]
    """The sampling protocol."""
    mm_reference: bool = False
    """Whether the MM reference is sampled along the same path too (direct route)."""
    both_routes: bool = False
    """Whether both routes are sampled: direct (the headline) and endpoint (the check)."""
    seed: int = Field(2025, ge=0, lt=2**31)
    """Random seed."""
    repeats: int = Field(2, ge=1)
    """Independent repeats, each in a process of its own."""
    processes: int | None = Field(None, ge=1)
    """Number of parallel processes; null: one per core."""
    platform: Literal["auto", "CPU", "Reference", "CUDA", "OpenCL", "HIP"] = "auto"
    """OpenMM platform; auto: the fastest that agrees with Reference, chosen once."""
    continue_on: Literal["CPU"] | None = None
    """Platform that continues a run that has lost its own; the result tells how many samples were
    made on each. null: the run's own."""
    mm_kernel: Literal["auto", "openmm", "native"] = "auto"
    """Nonbonded forces: openmm, or native, our kernel, which is several times faster for a solute
    in rigid water on the CPU. auto: native where possible; run.yaml records the choice."""
    mm_instruction_set: Literal["avx512", "avx2", "baseline"] | None = None
    """Instruction set of our kernel, on which the last digits depend; null: the best one of this
    machine, which run.yaml records."""
    engine: Literal["auto", "openmm", "native"] = "auto"
    """Integrator in water: openmm, or native, our loop on our kernel, without overhead between the
    two. auto: native where possible; run.yaml records the choice."""
    expt_kcal: float | None = None
    """Experimental value for the report [kcal/mol]; null: a known one."""
    expt_stderr_kcal: float | None = Field(None, ge=0.0)
    """Error of the experimental value [kcal/mol]; null: unknown."""
    name: str | None = Field(None, min_length=1, max_length=80)
    """Name of the molecule in the report; null: a known name, or the input file's."""

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
        if self.expt_stderr_kcal is not None and self.expt_kcal is None:
            raise ValueError("expt_stderr_kcal is the error of expt_kcal, which is not given")
        if protocol.solute_constraints == "h-bonds" and self.potential != "mm":
            raise ValueError(
                "solute_constraints h-bonds differs from the flexible ML solute; it is "
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
        """The platform that the run now uses."""
        return self.continue_on or self.platform

    def sampling_settings(self) -> dict[str, object]:
        """Return the settings that determine the samples, not where, how fast or how long it runs.

        A run with equal ones can continue in the same folder, with a smaller target error or more
        repeats.
        """
        data = self.model_dump(mode="json")
        for key in ("processes", "weights", "repeats", "continue_on", *SHOWN_KEYS):
            data.pop(key)
        for key in ("name", "firm_limit", *STOPPING_KEYS):
            data["protocol"].pop(key)
        return data
