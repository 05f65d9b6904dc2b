# SPDX-License-Identifier: MIT
"""Protocols: all parameters of the sampling of a hydration free energy.

The defaults are explained in `docs/explanation/protocols.md`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from merrow.errors import InputError
from merrow.free_energy.schedule import gauss_legendre, gauss_legendre_weights
from merrow.settings import Settings
from merrow.system.masses import Masses

Route = Literal["direct", "endpoint"]

LONGEST_STEP: dict[Masses, float] = {"prmtop": 1.0, "repartitioned": 2.0, "heavy": 4.0}
"""Longest time step [fs] of a solute without constraints, by its masses."""

MOST_NODES = 16
"""Maximum number of Gauss-Legendre nodes that alchemlyb has weights for."""

RECORD_INTERVAL = 0.4
"""Default time between records [ps]."""
OFTEN = 4
"""Records in that time where they are nearly free: the same dynamics then gave 1.3 to 1.7 times
less variance (methanol)."""
FROM_RECORDS = 2
"""Default number of records between two exchanges."""

LONG_STEP: dict[str, Any] = {"timestep_fs": 4.0, "solute_masses": "heavy"}
"""Half the error for its cost of 2 fs, and the same free energy (`benchmarks/time_step.py`)."""

CLOSER: dict[str, Any] = {
    "ewald_direct_tolerance": 1e-4,
    "record_interval_ps": None,
    "minimum_per_repeat_ps": 12.0,
    "torsion_scales": None,
}
"""Settings that improve number and error, in protocols that reproduce no other program."""

TORSION_SCALES: tuple[tuple[float, ...], ...] = (
    (),
    3 * (-0.2,),
    3 * (0.4,) + 3 * (-0.2,),
    2 * (0.6,) + 2 * (0.2,) + 2 * (-0.2,),
)
"""Choices of torsion_scales. Without its torsion terms butane in gas still keeps a conformer for
some picoseconds, since its ends have to pass each other; with the barrier turned over, for one.
Several states of a factor, since they renew the conformers of all replicas of the path."""
TORSION_SPREADS = (0.6, 2.0, 3.5)
"""Spread of the torsion terms of a free rotor above which there are one, two and three factors
[kT]: neighbours exchange less the larger it is. Butane has 1.8, dimethoxymethane 3.2."""

CHARGES = (1.0, 0.8, 0.6, 0.35, 0.0)
LENNARD_JONES = (0.8, 0.65, 0.52, 0.43, 0.36, 0.3, 0.24, 0.17, 0.0)


class Schedule(Settings):
    """Ordered alchemical states: first the charges are switched off, then Lennard-Jones."""

    lambda_electrostatics: tuple[float, ...] = CHARGES
    """λ_elec of the charging leg, from 1 to 0, at λ_sterics = 1."""
    lambda_sterics: tuple[float, ...] = LENNARD_JONES
    """λ_sterics of the Lennard-Jones leg below 1, ending at 0, at λ_elec = 0."""
    rule: Literal["trapezoid", "gauss-legendre"] = "trapezoid"
    """Quadrature of the thermodynamic integration."""

    @model_validator(mode="after")
    def _ordered(self) -> Schedule:
        for name in ("lambda_electrostatics", "lambda_sterics"):
            values = getattr(self, name)
            if any(a <= b for a, b in itertools.pairwise(values)):
                raise ValueError(f"{name} must decrease strictly from coupled to decoupled")
            if not values or values[-1] != 0.0 or values[0] > 1.0:
                raise ValueError(f"{name} must lie within 1..0 and end at 0")
        if self.lambda_electrostatics[0] != 1.0 or self.lambda_sterics[0] >= 1.0:
            raise ValueError("lambda_electrostatics must start at 1 and lambda_sterics below 1")
        if self.rule == "gauss-legendre":
            for name in ("lambda_electrostatics", "lambda_sterics"):
                _check_nodes(name, getattr(self, name))
        return self

    @property
    def states(self) -> tuple[tuple[float, float], ...]:
        """All states (λ_elec, λ_sterics), coupled end first."""
        charging = [(value, 1.0) for value in self.lambda_electrostatics]
        return (*charging, *((0.0, value) for value in self.lambda_sterics))


class Protocol(Settings):
    """Settings of the sampling of one molecule."""

    name: str
    """Name of the protocol; "custom" after any change."""
    route: Route
    """direct: ML/MM in every state. endpoint: MM there, ML/MM at the coupled end and in gas."""
    schedule: Schedule = Schedule()
    """The alchemical states."""
    refine_schedule: bool = False
    """Whether a pilot run adds states between neighbours with an overlap below 0.15."""
    temperature_k: float = Field(298.15, ge=200, lt=1000)
    """Temperature [K]."""
    pressure_bar: float = Field(1.01325, gt=0, le=100_000)
    """Pressure [bar]."""
    timestep_fs: float = Field(2.0, gt=0, le=4.0)
    """Time step [fs]."""
    solute_masses: Masses = "repartitioned"
    """Masses of the solute; configurational averages do not depend on them. prmtop: unchanged, up
    to 1 fs; repartitioned: hydrogens of 3.024 dalton, taken from their heavy atoms, up to 2 fs;
    heavy: hydrogens of 8 dalton and all other masses doubled, up to 4 fs."""
    solute_constraints: Literal["none", "h-bonds"] = "none"
    """Constraints within the solute, the same in every state and phase of the cycle."""
    friction_per_ps: float = Field(1.0, gt=0)
    """Langevin friction in water [1/ps]."""
    gas_friction_per_ps: float = Field(5.0, gt=0)
    """Langevin friction in gas [1/ps]."""
    n_waters: int = Field(330, ge=200, le=200_000)
    """Number of waters in a box that merrow builds; more if the solute needs them."""
    cutoff_angstrom: float = Field(8.0, ge=6.0, le=20.0)
    """Direct-space cutoff of Coulomb and Lennard-Jones [Å]; the tail correction is always added."""
    ewald_tolerance: float = Field(5e-4, gt=1e-9, lt=1e-2)
    """OpenMM's Ewald error tolerance (relative force error)."""
    ewald_direct_tolerance: float | None = Field(None, gt=1e-9, lt=1e-2)
    """Tolerance for the Ewald coefficient alone, while the grid is that of ewald_tolerance; null:
    the same. Most of the error of PME comes from the direct-space cutoff."""
    equilibration_ps: float = Field(12.0, gt=0)
    """Equilibration of the coupled state [ps]."""
    equilibration_per_state_ps: float = Field(4.0, ge=0)
    """Additional equilibration in every state [ps]."""
    record_interval_ps: float | None = Field(0.4, gt=0)
    """Time between recorded configurations of a replica [ps]; null: 0.4, or 0.1 where records are
    nearly free, chosen when a run starts. The length of a segment is the same; exchange is then
    more frequent unless records_per_sweep is other than 2."""
    records_per_sweep: int = Field(FROM_RECORDS, ge=1)
    """Records of each replica between two exchange attempts."""
    sweeps_per_segment: int = Field(3, ge=1)
    """Exchange sweeps between two checkpoints."""
    endstate_water_ps: float = Field(20.0, gt=0)
    """ML/MM sampling of the coupled state in the endpoint route, total of all repeats [ps]."""
    gas_ps: float = Field(20.0, gt=0)
    """Gas-phase sampling of each ladder [ps]."""
    n_gas_ladders: int = Field(2, ge=2)
    """Number of independent ladders (or walkers) in gas, started from different conformers."""
    gas_temperatures: Literal["ladder", "as_needed"] = "ladder"
    """Temperatures of the gas phase. ladder: replica exchange up to 900 K; as_needed: only if the
    solute has rotatable torsions or saturated rings, else temperature_k alone."""
    gas_reservoir: bool = False
    """Whether a decoupled solute with rotatable torsions and no constraints is replaced by a
    gas-phase conformer before each exchange, and the ML/MM end state of the endpoint route
    continues from snapshots of the path where rotatable torsions keep their terms."""
    torsion_scales: tuple[Annotated[float, Field(ge=-1.0, lt=1.0)], ...] | None = ()
    """Factors on the MM torsion terms about rotatable bonds in further states that exchange with
    the coupled one, so that the solute changes its conformers there; none larger than the one
    before (below 0 also other barriers are lower). An equal factor is another state of the path,
    not of ML/MM end states. null: none, three or six, by the height of the barriers, chosen when a
    run starts."""
    target_stderr_kcal: float | None = Field(0.3, gt=0)
    """Standard error of the headline at which sampling stops [kcal/mol], once repeats agree in
    their conformers; null: never."""
    minimum_sampling_ps: float = Field(8.0, ge=0)
    """Minimum production in every state, total of all repeats, before the error is trusted [ps]."""
    minimum_per_repeat_ps: float = Field(0.0, ge=0)
    """Minimum production in every state of each repeat before the error is trusted [ps], within
    maximum_sampling_ps: shorter series seem less correlated than they are, so that their error is
    too small."""
    maximum_sampling_ps: float = Field(500.0, gt=0)
    """Maximum production in every state, total of all repeats [ps]."""
    maximum_minutes: float | None = Field(None, gt=0)
    """Wall time after which sampling ends [min]; null: no limit."""
    firm_limit: bool | None = None
    """Whether sampling ends then even before the minimum sampling; --max-time sets it. null:
    unless it is the limit of the protocol demo."""
    headline: Literal["exact", "as_published"] = "exact"
    """The estimate that is printed first."""

    def least_sampling_ps(self, repeats: int) -> float:
        """Return the production in every state before an error is trusted, of all repeats [ps]."""
        each = min(self.minimum_per_repeat_ps * repeats, self.maximum_sampling_ps)
        return max(self.minimum_sampling_ps, each)

    @model_validator(mode="after")
    def _sampling_in_order(self) -> Protocol:
        least, most = self.minimum_sampling_ps, self.maximum_sampling_ps
        if least > most:
            raise ValueError(
                f"minimum_sampling_ps {least:g} is above maximum_sampling_ps {most:g}; change one"
            )
        return self

    @field_validator("torsion_scales")
    @classmethod
    def _descending(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if any(a < b for a, b in itertools.pairwise(values or ())):
            raise ValueError("torsion_scales must not rise from one to the next")
        return values

    @property
    def exchanges_often(self) -> bool:
        """Whether exchange became more frequent with the records."""
        interval = self.record_interval_ps or RECORD_INTERVAL
        often = math.isclose(interval, RECORD_INTERVAL / OFTEN)
        longer = self.sweeps_per_segment % OFTEN == 0
        return often and longer and self.records_per_sweep == FROM_RECORDS

    def chosen(self, *, often: bool, torsion_spread: float) -> Protocol:
        """Return the protocol with all that it leaves open chosen.

        Args:
            often: Whether records are nearly free. The length of a segment is unchanged.
            torsion_spread: Spread of the torsion terms that can be scaled [kT].
        """
        update: dict[str, Any] = {}
        if self.record_interval_ps is None:
            update["record_interval_ps"] = RECORD_INTERVAL / (OFTEN if often else 1)
            if often:
                key = "sweeps_per_segment"
                if self.records_per_sweep != FROM_RECORDS:
                    key = "records_per_sweep"
                update[key] = OFTEN * getattr(self, key)
        if self.torsion_scales is None:
            states = sum(torsion_spread > limit for limit in TORSION_SPREADS)
            update["torsion_scales"] = TORSION_SCALES[states]
        return self.model_copy(update=update)


def check_routes(potential: str, route: Route, *, both_routes: bool) -> None:
    """Check that a potential has the requested route.

    Raises:
        ValueError: The endpoint route with MM alone, or both routes without the direct route as
            the headline.
    """
    if potential == "mm" and route == "endpoint":
        raise ValueError("potential mm has one route: direct")
    if both_routes and (potential == "mm" or route == "endpoint"):
        raise ValueError(
            "both_routes compares direct, the headline, with endpoint: give a potential other than "
            "mm and route direct"
        )


def _check_nodes(leg: str, values: Sequence[float]) -> None:
    """Check that the quadrature has weights for the states."""
    inner = [value for value in values if 0.0 < value < 1.0]
    try:
        gauss_legendre_weights(leg, inner)
    except InputError as error:
        raise ValueError(str(error).rstrip(".")) from error
    if len(inner) > MOST_NODES:
        raise ValueError(f"{leg} has {len(inner)} Gauss-Legendre nodes; at most {MOST_NODES}")


def _nodes(n: int) -> tuple[float, ...]:
    """Return the n Gauss-Legendre nodes on (0, 1), in descending order."""
    return tuple(gauss_legendre(n)[0].tolist())


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            **CLOSER,
            **LONG_STEP,
            name="demo",
            route="endpoint",
            n_waters=290,
            maximum_minutes=12.0,
            endstate_water_ps=12.0,
            gas_ps=10.0,
            gas_temperatures="as_needed",
            gas_reservoir=True,
        ),
        Protocol(
            **CLOSER,
            **LONG_STEP,
            name="quick",
            route="endpoint",
            gas_temperatures="as_needed",
            gas_reservoir=True,
        ),
        Protocol(
            **CLOSER,
            name="standard",
            route="direct",
            refine_schedule=True,
            timestep_fs=1.0,
            solute_masses="prmtop",
            n_waters=700,
            cutoff_angstrom=10.0,
            equilibration_ps=100.0,
            equilibration_per_state_ps=50.0,
            gas_ps=200.0,
            gas_temperatures="as_needed",
            gas_reservoir=True,
            target_stderr_kcal=0.1,
            minimum_sampling_ps=45.0,
            maximum_sampling_ps=5000.0,
        ),
        Protocol(
            name="paper",
            route="direct",
            schedule=Schedule(
                lambda_electrostatics=(1.0, *_nodes(5), 0.0),
                lambda_sterics=(*_nodes(12), 0.0),
                rule="gauss-legendre",
            ),
            timestep_fs=1.0,
            solute_masses="prmtop",
            n_waters=500,
            cutoff_angstrom=9.0,
            equilibration_ps=200.0,
            equilibration_per_state_ps=200.0,
            gas_ps=1000.0,
            gas_reservoir=False,
            target_stderr_kcal=None,
            minimum_sampling_ps=1000.0,
            maximum_sampling_ps=1000.0,
            headline="as_published",
        ),
    )
}
"""The protocols demo, quick (the default), standard and paper."""

REPEATS: dict[str, int | None] = {"demo": None, "quick": None, "standard": 3, "paper": 3}
"""Default number of independent repeats by protocol; None: one per core."""
MOST_REPEATS = 8
"""Maximum of one repeat per core: more would mostly equilibrate."""


def usual_repeats(name: str, cores: int) -> int:
    """Return the default number of repeats of a protocol on a machine with `cores` cores."""
    return REPEATS[name] or min(max(2, cores), MOST_REPEATS)
