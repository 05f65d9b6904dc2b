# SPDX-License-Identifier: MIT
"""The report of an energy-conservation test: checks, energy against time, its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from merrow import __version__
from merrow.free_energy.stored import Verdict, verdict
from merrow.md.nve.runs import NveRequest, Trajectory
from merrow.report.citations import Cited, Work
from merrow.report.html import render
from merrow.report.style import BLUE, COLOURS, MAX_POINTS, WIDTH, own_style, to_svg
from merrow.report.svg import SOFT
from merrow.system.box import USUAL_CUTOFF
from merrow.units import KCAL_PER_KJ

WORDS: Final = {
    "energy_sd_kcal": "spread of the total energy [kcal/mol]",
    "drift_kt_per_ns_per_dof": "drift [kT/ns per degree of freedom]",
    "com_velocity_a_per_ps": "velocity of the whole [Å/ps]",
    "angular_velocity_rad_per_ps": "angular velocity of the whole [rad/ps]",
    "e_trans_z": "equipartition, translation [standard errors]",
    "e_rot_z": "equipartition, rotation [standard errors]",
    "net_force": "net force of the potential [kcal/mol/Å]",
    "net_torque": "net torque of the potential [kcal/mol]",
    "slope_error": "forces against slopes of the energy [kcal/mol/Å]",
    "float32_energy_kcal": "energy in single against double precision [kcal/mol]",
    "float32_force_kcal_a": "forces in single against double precision [kcal/mol/Å]",
}
"""Names of the checks in the report."""


def render_nve(
    found: Mapping[str, Any], request: NveRequest, traces: Mapping[float, Trajectory]
) -> str:
    """Return the page as HTML; user-supplied text is escaped.

    Args:
        found: The report from `judge`.
        request: Settings of the test.
        traces: The trajectories by time step [fs].
    """
    checks = [_verdict(check) for check in found["checks"]]
    paragraph, works = _methods(request)
    drift, drift_stderr = (
        f"{found[f'drift_{key}kcal_per_ns_per_dof']:.2g}" for key in ("", "stderr_")
    )
    return render(
        "md/nve/page.html",
        verb="test of constant energy",
        page="how-to/validate-nve.md",
        contents=(("checks", "Checks"), ("methods", "Methods")),
        title=f"Constant energy: {request.prmtop.name}, {request.potential}",
        system=request.prmtop.name,
        potential=request.potential,
        found=found,
        smallest=f"{min(traces):g}",
        drift=drift,
        drift_stderr=drift_stderr,
        checks=checks,
        counts=Counter(check.status for check in checks),
        figures={"energy": energy_figure(traces), "order": order_figure(traces)},
        settings=_settings(request),
        paragraph=paragraph,
        works=works,
    )


def _verdict(check: Mapping[str, Any]) -> Verdict:
    name, passed = check["name"], check["passed"]
    words = WORDS.get(name, name.replace("sd_ratio", "order of the integrator, spread ratio"))
    message = f"{check['value']:.3g}; limit: {check['bar']}."
    return verdict(words, passed, message, serious=True)


def energy_figure(traces: Mapping[float, Trajectory]) -> str:
    """Draw the total energy about its mean against time, one panel per time step."""
    with own_style():
        figure = Figure(figsize=(WIDTH, 1.3 * len(traces) + 0.6), layout="constrained")
        panels = figure.subplots(len(traces), 1, squeeze=False, sharex=True)[:, 0]
        for k, (axes, (step, trace)) in enumerate(zip(panels, sorted(traces.items()), strict=True)):
            every = len(trace.time) // MAX_POINTS + 1
            energy = (trace.total - trace.total.mean()) * KCAL_PER_KJ
            colour = COLOURS[k % len(COLOURS)]
            axes.plot(trace.time[::every], energy[::every], color=colour, linewidth=0.8)
            axes.set_title(f"{step:g} fs", fontsize=9, loc="left")
        panels[-1].set_xlabel("time [ps]")
        figure.supylabel("E − mean [kcal/mol]", fontsize=10)
        return to_svg(figure, "energy", "Total energy along time")


def order_figure(traces: Mapping[float, Trajectory]) -> str:
    """Draw the spread of the total energy against the time step, with second-order scaling."""
    steps = np.array(sorted(traces))
    spread = np.array([np.std(traces[step].total, ddof=1) for step in steps]) * KCAL_PER_KJ
    with own_style():
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        axes = figure.subplots()
        fine = np.linspace(0.0, steps[-1], 60)
        ideal = spread[0] * (fine / steps[0]) ** 2
        axes.plot(fine, ideal, color=SOFT, linestyle="--", label="second order")
        axes.plot(steps, spread, "o", color=BLUE, label="this test")
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=0.0)
        axes.set_xlabel("time step [fs]")
        axes.set_ylabel("spread of the energy [kcal/mol]")
        axes.legend(frameon=False, fontsize=9)
        return to_svg(figure, "order", "Spread of the energy by time step")


def _settings(request: NveRequest) -> dict[str, str]:
    return {
        "topology": request.prmtop.name,
        "coordinates": request.inpcrd.name,
        "ML region": request.ml_mask,
        "potential": f"{request.potential}, {request.precision}",
        "length": f"{request.time_ps:g} ps",
        "time steps": f"{', '.join(f'{step:g}' for step in request.timesteps_fs)} fs",
        "water": "rigid" if request.rigid_water else "flexible",
        "platform": request.platform,
        "cutoff, where there is a box": f"{request.cutoff_angstrom or USUAL_CUTOFF:g} Å",
        "seed": str(request.seed),
    }


def _methods(request: NveRequest) -> tuple[str, list[Work]]:
    """Return the methods paragraph and its works."""
    cited = Cited()
    steps = ", ".join(f"{step:g}" for step in request.timesteps_fs)
    return (
        f"Conservation was tested with merrow {__version__} and OpenMM {cited('OpenMM')} on "
        f"{request.time_ps:g} ps of velocity Verlet dynamics at constant energy with time steps of "
        f"{steps} fs (potential {request.potential}, {request.precision}). The drift is that of "
        f"the energy which velocity Verlet conserves up to dt⁴ {cited('shadow')}; its error is "
        "from blocks."
    ), cited.works
