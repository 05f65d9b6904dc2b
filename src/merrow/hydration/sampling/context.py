# SPDX-License-Identifier: MIT
"""The context of a run that each process needs: configuration, system and potentials, read once.

A context is immutable and passed on explicitly; each worker process makes its own (`worker.py`),
and a refined schedule makes a new one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from merrow.engine.gas import GasPlan, temperature_ladder
from merrow.engine.scaled_states import NONE_SCALED, ScaledStates
from merrow.engine.seeds import derive_seed
from merrow.engine.simulation import Snapshot, gpu_edges
from merrow.errors import UnsupportedPhysicsError
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import Prepared, prepare_system
from merrow.hydration.protocol import Schedule
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.conformers import make_conformers
from merrow.hydration.sampling.tasks import (
    GAS_RECORDS_PER_SEGMENT,
    Hamiltonian,
    Task,
    gas_steps_per_record,
    scales_of,
)
from merrow.nonbonded.kernel import instruction_set, why_not
from merrow.nonbonded.loop import why_no_loop
from merrow.potentials.device import device_of, is_forced, is_found, on_device
from merrow.potentials.interface import Array, Potential
from merrow.potentials.mixture import Mixture
from merrow.progress import Listener, Progress, silent
from merrow.settings import Placement
from merrow.system.alchemy import tail_coefficient
from merrow.system.build import HybridSystem, hybrid_system
from merrow.system.internal import ClassicalPotential
from merrow.system.native_forces import read_parameters, with_native_forces
from merrow.system.native_loop import loop_parameters
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.system.potentials import MM, open_classical, open_potential
from merrow.system.turning import TurningTorsions, turning_torsions
from merrow.units import KJ_PER_KCAL, NM_PER_ANGSTROM, PS_PER_FS, thermal_energy

logger = logging.getLogger(__name__)

GAS_EQUILIBRATION = 2.0
"""Equilibration of the gas phase [ps]."""


@dataclass(frozen=True)
class RunContext:
    """Configuration, system and potentials of a run.

    Attributes:
        folder: The run folder.
        config: Configuration, with the refined schedule if there is one.
        prepared: The system.
        classical: MM terms of the solute.
        potential: The potential of the run, which may be the same.
        conformers: Starting conformers [Å], shape (count, n, 3).
    """

    folder: RunFolder
    config: HydrationConfig
    prepared: Prepared
    classical: ClassicalPotential
    potential: Potential
    conformers: Array
    _hybrids: dict[tuple[Hamiltonian, float], HybridSystem] = field(default_factory=dict)

    def with_schedule(self, schedule: Schedule) -> RunContext:
        """Return the context of the same run on another schedule."""
        protocol = self.config.protocol.model_copy(update={"schedule": schedule})
        return replace(self, config=self.config.model_copy(update={"protocol": protocol}))

    def with_choices(self) -> RunContext:
        """Return the context with kernel, engine, time between records and torsion scales chosen.

        run.yaml then records them. A record takes our kernel a hundredth of OpenMM's time.

        Raises:
            UnsupportedPhysicsError: Our kernel or loop is requested but cannot treat this system.
        """
        kernel = self._decided_kernel()
        often = kernel["mm_kernel"] == "native"
        spread = self.turning.spread / thermal_energy(self.config.protocol.temperature_k)
        if self.config.protocol.torsion_scales and not spread:
            logger.warning(
                "torsion_scales only cost time: this solute has no torsion terms to scale."
            )
        engine = self._decided_engine(kernel["mm_instruction_set"])

        def chosen(config: HydrationConfig) -> HydrationConfig:
            protocol = config.protocol.chosen(often=often, torsion_spread=spread)
            return config.model_copy(update={**kernel, "engine": engine, "protocol": protocol})

        decided = chosen(self.config)
        if decided == self.config:
            return self
        self.folder.save_config(chosen(self.folder.config()))
        return replace(self, config=decided)

    def _decided_kernel(self) -> dict[str, str | None]:
        """Return the settings for the kernel and, if it is native, its instruction set."""
        kernel, isa = self.config.mm_kernel, self.config.mm_instruction_set
        if kernel == "openmm" or (kernel == "native" and isa):
            return {"mm_kernel": kernel, "mm_instruction_set": isa}
        reason = self.why_not_native()
        if reason and kernel == "native":
            raise UnsupportedPhysicsError(f"mm_kernel native: {reason}")
        if reason and self.config.platform == "CPU":
            logger.warning("OpenMM computes the nonbonded forces of this run: %s", reason)
        if reason:
            return {"mm_kernel": "openmm", "mm_instruction_set": None}
        return {"mm_kernel": "native", "mm_instruction_set": isa or instruction_set()}

    def _decided_engine(self, isa: str | None) -> str:
        """Return the engine; native if requested or, under auto, if it can propagate the system.

        Args:
            isa: Instruction set of our kernel; None if OpenMM computes the nonbonded forces.
        """
        asked = self.config.engine
        if asked == "openmm" or (isa is None and asked == "auto"):
            return "openmm"
        if asked == "native" and self.config.mm_instruction_set:  # chosen when the run started
            return "native"
        reason = self.why_no_loop(isa)
        if reason and asked == "native":
            raise UnsupportedPhysicsError(f"engine native: {reason}")
        if reason:
            logger.warning("OpenMM moves the configurations of this run: %s", reason)
        return "openmm" if reason else "native"

    @property
    def flexible(self) -> bool:
        """Whether the solute has rotatable torsions."""
        return bool(self.prepared.torsions)

    @property
    def held(self) -> bool:
        """Whether a rotatable torsion keeps its terms, in the states with scaled ones, too."""
        return self.flexible and (not self.config.protocol.torsion_scales or self.turning.held)

    @cached_property
    def turning(self) -> TurningTorsions:
        """The MM torsion terms that `torsion_scales` scales."""
        solute = self.prepared.solute
        return turning_torsions(
            self.classical.terms, self.prepared.topology, self.prepared.region.atoms, solute
        )

    def driver(self, hamiltonian: Hamiltonian, scale: float = 1.0) -> Potential:
        """Return the potential of the solute.

        Args:
            hamiltonian: Its Hamiltonian.
            scale: Factor on the torsion terms about rotatable bonds.
        """
        s = hamiltonian.lambda_interpolate
        found = self.potential if s else self.classical
        if 0.0 < s < 1.0:
            found = Mixture(self.classical, self.potential, s)
        return found if scale == 1.0 else self.turning.scaled(found, scale)

    def scaled(self, task: Task) -> ScaledStates:
        """Return the states with scaled torsions of a task."""
        scales = scales_of(self.config.protocol, task)
        if not scales:
            return NONE_SCALED
        systems = {scale: self.hybrid(task.hamiltonian, scale) for scale in scales}
        return ScaledStates(scales, systems, self.turning.potential)

    def hybrid(self, hamiltonian: Hamiltonian, scale: float = 1.0) -> HybridSystem:
        """Return the hybrid system, built on first use.

        All Hamiltonians share masses, constraints and PME.

        Args:
            hamiltonian: Hamiltonian of the solute.
            scale: Factor on the torsion terms about rotatable bonds.
        """
        if (hamiltonian, scale) not in self._hybrids:
            driver = self.driver(hamiltonian, scale)
            native = self.config.mm_kernel == "native"
            self._hybrids[hamiltonian, scale] = (
                self._on_kernel(driver, self.config.mm_instruction_set)
                if native
                else self._on_openmm(driver)
            )
        return self._hybrids[hamiltonian, scale]

    def why_not_native(self) -> str:
        """Return why our nonbonded kernel cannot treat this system here; "" if it can."""
        if self.config.platform != "CPU":
            return f"the platform is {self.config.platform}, not CPU."
        if reason := why_not():
            return reason
        try:
            box = self.prepared.box * NM_PER_ANGSTROM
            read_parameters(self._on_openmm(self.classical), box=box)
        except UnsupportedPhysicsError as error:
            return str(error)
        return ""

    def why_no_loop(self, isa: str | None) -> str:
        """Return why our loop cannot propagate this system here; "" if it can.

        Args:
            isa: Instruction set of our kernel; None if not in use.
        """
        if isa is None:
            return "it needs mm_kernel native."
        if reason := why_no_loop():
            return reason
        try:
            loop_parameters(self._on_kernel(self.classical, isa))
        except UnsupportedPhysicsError as error:
            return str(error)
        return ""

    def _on_kernel(self, potential: Potential, isa: str | None) -> HybridSystem:
        box = self.prepared.box * NM_PER_ANGSTROM
        return with_native_forces(self._on_openmm(potential), isa, box=box)

    def _on_openmm(self, potential: Potential) -> HybridSystem:
        protocol, prepared = self.config.protocol, self.prepared
        first = potential.evaluate(prepared.solute[None]).energies[0]
        return hybrid_system(
            prepared.topology,
            prepared.region,
            potential,
            nonbonded=self.nonbonded,
            solute_constraints=protocol.solute_constraints == "h-bonds",
            solute_masses=protocol.solute_masses,
            reference=float(first) * KJ_PER_KCAL,
            gpu_edges=gpu_edges(self.config.working_platform, prepared.box * NM_PER_ANGSTROM),
        )

    @cached_property
    def nonbonded(self) -> Nonbonded:
        """Cutoff and Ewald parameters, fixed for the whole run."""
        protocol = self.config.protocol
        cutoff = protocol.cutoff_angstrom * NM_PER_ANGSTROM
        lengths = tuple(float(np.linalg.norm(row)) for row in self.prepared.box * NM_PER_ANGSTROM)
        pme = pme_parameters(
            lengths, cutoff, protocol.ewald_tolerance, direct=protocol.ewald_direct_tolerance
        )
        return Nonbonded(cutoff, pme=pme, ewald_tolerance=protocol.ewald_tolerance)

    @property
    def start(self) -> Snapshot:
        """The prepared configuration, at rest."""
        positions = self.prepared.positions * NM_PER_ANGSTROM
        box = self.prepared.box * NM_PER_ANGSTROM
        return Snapshot(positions, np.zeros_like(positions), box)

    @property
    def lj_tail(self) -> float:
        """K of the Lennard-Jones tail energy K/V of solute and environment [kJ nm³/mol]."""
        cutoff = self.config.protocol.cutoff_angstrom * NM_PER_ANGSTROM
        return tail_coefficient(self.prepared.topology, self.prepared.region.atoms, cutoff)

    @property
    def device(self) -> str:
        """Device of the networks: the one chosen for the run, or forced now."""
        placed = self.folder.read(Placement)
        return device_of(self.potential) if placed is None or is_forced() else placed.device

    def gas_plan(self, hamiltonian: Hamiltonian) -> GasPlan:
        """Return the steps and seeds of the gas phase for the protocol."""
        protocol, prepared = self.config.protocol, self.prepared
        step = protocol.timestep_fs * PS_PER_FS
        slow = protocol.gas_temperatures == "ladder" or self.flexible or prepared.puckers
        temperature = protocol.temperature_k
        ladder = temperature_ladder(temperature, len(prepared.masses))
        return GasPlan(
            temperatures=ladder if slow else (temperature,),
            ladders=protocol.n_gas_ladders,
            masses=tuple(prepared.masses.tolist()),
            timestep=step,
            friction=protocol.gas_friction_per_ps,
            equilibration=round(GAS_EQUILIBRATION / step),
            steps_per_record=gas_steps_per_record(protocol),
            records_per_segment=GAS_RECORDS_PER_SEGMENT,
            seed=derive_seed(self.config.seed, "gas", hamiltonian.name),
            bonds=prepared.bonds,
        )


def open_run(
    folder: RunFolder,
    config: HydrationConfig,
    checked: Potential | None = None,
    listen: Listener = silent,
    *,
    sampling: bool = True,
) -> RunContext:
    """Read a run folder, prepare what it lacks, and load the potentials.

    Args:
        folder: The run folder.
        config: Configuration of its run.yaml.
        checked: The potential, if already loaded.
        listen: Called with the current step.
        sampling: Whether the networks must compute where the run was measured to be the fastest;
            else that device need not be here.

    Raises:
        MerrowError: The system, the conformers or the potential cannot be made.
    """
    prepared = prepare_system(folder, config, listen)
    system = (prepared.topology, prepared.region)
    classical = open_classical(prepared.topology, prepared.region.atoms)
    potential: Potential = classical
    if config.potential != MM:
        placed = folder.read(Placement)
        device = "" if placed is None else placed.device
        with on_device(device if sampling or (device and is_found(device)) else ""):
            potential = checked or open_potential(
                config.potential, *system, weights=config.weights, run=folder.path
            )
    listen(Progress("preparing: starting conformers", known=False))
    conformers = make_conformers(folder, config, prepared, classical)
    run = RunContext(folder, config, prepared, classical, potential, conformers).with_choices()
    schedule = folder.read(Schedule)
    return run if schedule is None else run.with_schedule(schedule)
