# SPDX-License-Identifier: MIT
"""Checks of recorded trajectories and of the potential itself against fixed thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merrow.analysis import nve
from merrow.engine.motion import degrees_of_freedom
from merrow.md.nve.runs import NveRequest, NveSetup, Trajectory, open_region_potential
from merrow.potentials.interface import Array, Potential
from merrow.units import ANGSTROM_PER_NM, GAS_CONSTANT, KCAL_PER_KJ, PS_PER_FS

PAPER = {"energy_sd_kcal": 0.03, "e_trans_kcal": 0.15, "e_rot_kcal": 0.03}
"""Values of the original paper for erlotinib and 33 waters (of the whole system, the last two as
upper bounds); for context, not thresholds."""

ENERGY_SD = 0.03
"""Limit of the energy spread at the smallest time step [kcal/mol]."""
RATIO = (3.2, 4.8)
"""Second order means 4 for a halved step."""
DRIFT = 0.01
"""Limit of the drift at the smallest time step [kT/ns per degree of freedom]."""
MOMENTUM = {"float64": 1e-8, "float32": 1e-6}
"""Limits of the overall motion [Å/ps, rad/ps], by the precision of the networks: round-off of 10⁴
to 10⁵ steps, where thermal overall motion would be 1. The native ANI kernel adds forces in
opposite pairs and keeps the first in both."""
NET = 1e-4
"""Limits of net force [kcal/mol/Å] and net torque [kcal/mol]."""
SLOPE = 1e-3
"""Limit between forces and energy differences in double precision [kcal/mol/Å]."""
SINGLE_ENERGY, SINGLE_FORCE = 0.01, 0.02
"""Limits between single and double precision [kcal/mol, kcal/mol/Å]."""
Z = 4.0
"""Limit of the deviation from equipartition [standard errors]."""
NO_SHARE = 1e-6
"""Fraction of 3/2 kT below which a rigid-body motion is the overall motion of the system."""
STEP = 1e-4
"""Displacement [Å] of a fourth-order difference; its error is round-off and the kinks of CELU."""


@dataclass(frozen=True)
class Check:
    """One check: a measured value against its threshold."""

    name: str
    value: float
    bar: str
    passed: bool


def judge(
    setup: NveSetup, request: NveRequest, traces: dict[float, Trajectory]
) -> dict[str, object]:
    """Return the report of recorded trajectories by time step [fs]."""
    steps = sorted(traces)
    smallest, hybrid = traces[steps[0]], setup.hybrid
    freedom = degrees_of_freedom(hybrid.system, at_rest=True, periodic=hybrid.periodic)
    kt = 2 * float(smallest.kinetic.mean()) / freedom
    spreads = {dt: float(np.std(traces[dt].total, ddof=1)) * KCAL_PER_KJ for dt in steps}
    shadow = {dt: _shadow(traces[dt], dt) for dt in steps}
    drifts = {dt: nve.trend(traces[dt].time, shadow[dt]) for dt in steps}
    plain = {dt: nve.trend(traces[dt].time, traces[dt].total) for dt in steps}
    per_dof = KCAL_PER_KJ * 1e3 / freedom  # kJ/mol/ps to kcal/mol/ns/dof
    ratios = nve.order_ratios(steps, [spreads[dt] for dt in steps])
    drift, thermal = drifts[steps[0]], kt * KCAL_PER_KJ
    model, model_checks = probe_potential(setup, request)
    checks = [
        _at_most("energy_sd_kcal", spreads[steps[0]], ENERGY_SD),
        *(
            Check(f"sd_ratio {pair}", value, f"{RATIO[0]} to {RATIO[1]}", _second_order(value))
            for pair, value in ratios.items()
        ),
        _drift_check(drift, per_dof / thermal),
        *_motion_checks(smallest, kt, MOMENTUM[request.precision], periodic=hybrid.periodic),
        *model_checks,
    ]
    return {
        "energy_sd_kcal": spreads[steps[0]],
        "energy_mean_kcal": float(smallest.total.mean()) * KCAL_PER_KJ,
        "energy_sd_by_dt_fs": {f"{dt:g}": value for dt, value in spreads.items()},
        "sd_ratios": ratios,
        "drift_kcal_per_ns_per_dof": drift.slope * per_dof,
        "drift_stderr_kcal_per_ns_per_dof": drift.stderr * per_dof,
        "drift_resolved": bool(2 * drift.stderr * per_dof / thermal <= DRIFT),
        "drift_by_dt_fs": _drifts(drifts, per_dof),
        "drift_of_plain_energy_by_dt_fs": _drifts(plain, per_dof),
        "shadow_energy_sd_by_dt_fs": {
            f"{dt:g}": float(np.std(shadow[dt], ddof=1)) * KCAL_PER_KJ for dt in steps
        },
        "com_velocity_a_per_ps": float(smallest.speed.max()) * ANGSTROM_PER_NM,
        "angular_velocity_rad_per_ps": float(smallest.spin.max()),
        "e_trans_kcal": float(smallest.translation.mean()) * KCAL_PER_KJ,
        "e_rot_kcal": float(smallest.rotation.mean()) * KCAL_PER_KJ,
        "e_trans_equipartition_kcal": 1.5 * thermal * float(smallest.translation_share.mean()),
        "e_rot_equipartition_kcal": 1.5 * thermal * float(smallest.rotation_share.mean()),
        "temperature_k": kt / GAS_CONSTANT,
        "degrees_of_freedom": freedom,
        "n_ml_atoms": len(setup.region.atoms),
        "n_atoms": len(setup.topology),
        "time_ps": request.time_ps,
        **model,
        "checks": [vars(check) for check in checks],
        "passed": all(check.passed for check in checks),
        "paper_for_context": PAPER,
    }


def probe_potential(setup: NveSetup, request: NveRequest) -> tuple[dict[str, object], list[Check]]:
    """Test the potential alone at the start for what a trajectory cannot show directly."""
    region = setup.region
    x = setup.start.positions[list(region.atoms)] * ANGSTROM_PER_NM
    single, double = (
        open_region_potential(request, setup.topology, region, precision)
        for precision in ("float32", "float64")
    )
    used = single if request.precision == "float32" else double
    forces = used.evaluate(x[None]).forces[0]
    force, torque = nve.net_force(forces), nve.net_torque(x, forces)
    slope = _slope_error(double, x)
    values: dict[str, object] = {"net_force": force, "net_torque": torque, "slope_error": slope}
    checks = [
        _at_most("net_force", force, NET),
        _at_most("net_torque", torque, NET),
        _at_most("slope_error", slope, SLOPE),
    ]
    if single.capabilities.dtype != double.capabilities.dtype:
        low, high = single.evaluate(x[None]), double.evaluate(x[None])
        energy = abs(float(low.energies[0] - high.energies[0]))
        difference = float(np.abs(low.forces - high.forces).max())
        values |= {"float32_energy_kcal": energy, "float32_force_kcal_a": difference}
        checks.append(_at_most("float32_energy_kcal", energy, SINGLE_ENERGY))
        checks.append(_at_most("float32_force_kcal_a", difference, SINGLE_FORCE))
    return values, checks


def _slope_error(potential: Potential, x: Array, *, atoms: int = 4) -> float:
    """Return the largest deviation of a force from a fourth-order energy difference."""
    chosen = np.unique(np.linspace(0, len(x) - 1, atoms).astype(int))
    forces, worst = potential.evaluate(x[None]).forces[0], 0.0
    for atom in chosen:
        for axis in range(3):
            moved = np.repeat(x[None], 4, axis=0)
            moved[:, atom, axis] += STEP * np.array([-2.0, -1.0, 1.0, 2.0])
            e = potential.evaluate(moved).energies
            slope = (e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * STEP)
            worst = max(worst, abs(float(slope + forces[atom, axis])))
    return worst


def _motion_checks(trace: Trajectory, kt: float, momentum: float, *, periodic: bool) -> list[Check]:
    checks = []
    if not periodic:  # PME itself does not conserve momentum to round-off
        speed = float(trace.speed.max()) * ANGSTROM_PER_NM
        checks.append(_at_most("com_velocity_a_per_ps", speed, momentum))
        checks.append(_at_most("angular_velocity_rad_per_ps", float(trace.spin.max()), momentum))
    for name, energy, share in (
        ("e_trans_z", trace.translation, trace.translation_share),
        ("e_rot_z", trace.rotation, trace.rotation_share),
    ):
        if float(share.mean()) < NO_SHARE:
            continue  # the region is the whole system, which is at rest
        z = nve.equipartition_z(energy / (1.5 * kt * share))
        checks.append(Check(name, z, f"within ±{Z:g} standard errors", abs(z) <= Z))
    return checks


def _shadow(trace: Trajectory, timestep: float) -> Array:
    """Return the energy that velocity Verlet conserves up to dt⁴ [kJ/mol], shape (n,).

    The total energy oscillates about it with the energy of the fastest vibrations, slowly enough
    to look like a drift in a short run; a real drift appears in both.
    """
    return trace.total + trace.curvature * (timestep * PS_PER_FS) ** 2


def _drifts(drifts: dict[float, nve.Trend], per_dof: float) -> dict[str, list[float]]:
    return {f"{dt:g}": [t.slope * per_dof, t.stderr * per_dof] for dt, t in drifts.items()}


def _drift_check(drift: nve.Trend, scale: float) -> Check:
    """Fail a drift significantly above the threshold; `drift_resolved` tells if it is resolved."""
    value, stderr = drift.slope * scale, drift.stderr * scale
    bar = f"±{DRIFT:g}, or 2 stderr ({2 * stderr:.2g})"
    return Check("drift_kt_per_ns_per_dof", value, bar, abs(value) - 2 * stderr <= DRIFT)


def _at_most(name: str, value: float, bar: float) -> Check:
    return Check(name, value, f"at most {bar:g}", bool(value <= bar))


def _second_order(ratio: float) -> bool:
    return RATIO[0] <= ratio <= RATIO[1]
