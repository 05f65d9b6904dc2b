# SPDX-License-Identifier: MIT
"""Settings and reports of a run in AMBER's units and names."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from merrow import __version__
from merrow.amber import mdout
from merrow.amber.coordinates import Coordinates
from merrow.amber.mdout import Energies
from merrow.amber.topology import AmberTopology, atom_label
from merrow.amber.trajectory import as_stored
from merrow.engine.dynamics import StepReport
from merrow.engine.simulation import Snapshot
from merrow.md.box import Cell
from merrow.md.ensemble_spread import Disagreement
from merrow.md.settings import THERMOSTATS, MdSettings
from merrow.md.setup import MdOutputs, MdSetup
from merrow.mdin.mlp import MlSettings
from merrow.potentials.device import device_of
from merrow.potentials.elements import symbol
from merrow.system.region import MLRegion
from merrow.system.restraints import POSITIONAL
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ, NM_PER_ANGSTROM

AMBER_NAMES = {
    "bond": "BOND",
    "angle": "ANGLE",
    "dihedral": "DIHED",
    "vdw14": "1-4 NB",
    "elec14": "1-4 EEL",
    "elec": "EELEC",
    "ml": "EML",
}
Paragraph = tuple[str, Sequence[tuple[str, object]]]
OPTIONAL = {"confine": "CONFINE", "cmap": "CMAP", "urey_bradley": "UB", "improper": "IMP"}


def terms_kcal(terms: Mapping[str, float]) -> dict[str, float]:
    """Return the terms of a potential energy [kJ/mol] by sander's names [kcal/mol]."""
    values = {theirs: terms[ours] * KCAL_PER_KJ for ours, theirs in AMBER_NAMES.items()}
    values["VDWAALS"] = (terms["vdw"] + terms["lj_tail"]) * KCAL_PER_KJ
    values["EHBOND"] = 0.0
    values["RESTRAINT"] = terms.get("restraint", 0.0) * KCAL_PER_KJ
    for ours, theirs in OPTIONAL.items():
        if ours in terms:
            values[theirs] = terms[ours] * KCAL_PER_KJ
    return values


def energies_of(
    report: StepReport,
    *,
    step: int,
    time: float,
    reference: float,
    seen: Sequence[Energies],
    slope: float | None,
    members: Disagreement | None,
) -> Energies:
    """Return the energies that mdout prints.

    Args:
        report: Report of the engine.
        step: Step of this run.
        time: Time [ps].
        reference: Zero of EMLREL [kcal/mol].
        seen: Energies printed before, for the running mean of E_ML.
        slope: dV/dλ by AMBER's λ [kJ/mol], or None.
        members: Disagreement of the ensemble members, or None without an ensemble.
    """
    values = terms_kcal(report.terms)
    values |= {
        "TEMP": report.temperature,
        "PRESS": report.pressure or 0.0,
        "Etot": (report.kinetic + report.potential) * KCAL_PER_KJ,
        "EKtot": report.kinetic * KCAL_PER_KJ,
        "EPtot": report.potential * KCAL_PER_KJ,
        "EMLREL": values["EML"] - reference,
    }
    before = seen[-1].values["EMLMEAN"] if seen else 0.0
    values["EMLMEAN"] = before + (values["EML"] - before) / (len(seen) + 1)
    if members is not None:
        values["EMLSD"] = members.energy
        if members.force is not None:
            values["FMLSD"] = members.force
    if "restraint" in report.terms:
        values["EAMBER"] = values["EPtot"] - values["RESTRAINT"]
    if report.pressure is not None and report.volume is not None and report.density is not None:
        values |= {"VOLUME": report.volume * ANGSTROM_PER_NM**3, "Density": report.density}
    if slope is not None:
        values["DV/DL"] = slope * KCAL_PER_KJ
    return Energies(step, time, values, members.atom if members else "")


def coordinates_of(
    snapshot: Snapshot, cell: Cell | None, *, velocities: bool = True
) -> Coordinates:
    """Return a snapshot in AMBER's units, as a NetCDF restart of it will be read."""
    coordinates = Coordinates(
        snapshot.positions * ANGSTROM_PER_NM,
        snapshot.velocities * ANGSTROM_PER_NM if velocities else None,
        None if cell is None else cell.lengths_at(snapshot.box),
        None if cell is None else cell.angles,
    )
    return as_stored(coordinates)


def wrapped(snapshot: Snapshot, topology: AmberTopology, region: MLRegion) -> Snapshot:
    """Return a snapshot with whole molecules whose centres are in the box.

    The molecules of an ML region stay in one image, with their common centre in the box.
    """
    molecule = topology.molecule_index
    for part in region.parts:
        molecule[list(part)] = molecule[region.atoms[0]]
    counts = np.maximum(np.bincount(molecule), 1)[:, None]
    centres = np.stack([np.bincount(molecule, snapshot.positions[:, k]) for k in range(3)], axis=1)
    shifts = np.floor(centres / counts @ np.linalg.inv(snapshot.box)) @ snapshot.box
    return replace(snapshot, positions=snapshot.positions - shifts[molecule])


def preamble(setup: MdSetup, outputs: MdOutputs) -> str:
    """Return the part of mdout above the results."""
    settings, inputs, topology = setup.settings, setup.inputs, setup.inputs.topology
    files = {
        "MDIN": settings.source,
        "MDOUT": outputs.mdout,
        "INPCRD": inputs.inpcrd,
        "PARM": topology.path,
        "RESTRT": outputs.restrt,
        "REFC": inputs.refc or "",
        **({"DISANG": settings.restraint_file} if settings.restraint_file else {}),
        "MDCRD": outputs.mdcrd,
        "MDVEL": outputs.mdvel,
        "MDSPREAD": outputs.mdspread,
        "MDINFO": outputs.mdinfo,
    }
    parts = [
        mdout.header(
            {name: str(path) for name, path in files.items()},
            settings.text,
            version=__version__,
            began=time.strftime("%Y-%m-%d at %H:%M:%S"),
        ),
        mdout.section(1, "RESOURCE   USE:"),
        f" NATOM  = {len(topology):8d} NRES   = {len(topology.residue_names):8d} "
        f"IFBOX  = {int(topology.has_box):8d}\n"
        f"| OpenMM platform {setup.plan.platform}{_kernel(setup)}; Coulomb constant of AMBER, "
        "332.0522 kcal A/mol/e^2\n",
        mdout.section(2, "CONTROL  DATA  FOR  THE  RUN"),
        f"{settings.title}\n\n{_describe(setup)}",
        _describe_region(setup),
        mdout.section(3, "ATOMIC COORDINATES AND VELOCITIES"),
        f" begin time read from input coords ={setup.restart.time:10.3f} ps\n",
        mdout.section(4, "RESULTS"),
    ]
    return parts[0] + "".join(f"{part}\n" for part in parts[1:])


def _kernel(setup: MdSetup) -> str:
    """Return the note on the native nonbonded kernel, if used."""
    native = setup.hybrid.native
    return "" if native is None else f", nonbonded forces of merrow ({native.kernel.isa})"


def _describe(setup: MdSetup) -> str:
    """Return section 2 of mdout: every setting of the run."""
    c, box = setup.settings, setup.nonbonded
    ntb = 0 if box.cutoff is None else 1 if c.pressure_bar is None else 2
    cut = [("cut", box.cutoff * ANGSTROM_PER_NM)] if box.cutoff else []
    paragraphs: list[Paragraph] = [
        ("General flags", [("imin", int(c.minimise)), ("nmropt", int(bool(c.restraint_file)))]),
        (
            "Nature and format of input and output",
            [
                ("irest", int(c.goes_on)),
                ("ntxo", 1 if c.text_restart else 2),
                ("ntpr", c.print_interval),
                ("ntwr", c.restart_interval),
                ("ntwx", c.frame_interval),
                ("ntwv", -1 if c.frame_velocities else c.velocity_interval),
                ("iwrap", int(c.wrap)),
                ("ioutfm", 1),
            ],
        ),
        (
            "Potential function",
            [("ntb", ntb), ("igb", 0), ("ntf", 2 if c.constraints else 1), *cut],
        ),
        *_restraints(setup),
        *(_minimiser(c) if c.minimise else _dynamics(setup)),
        ("SHAKE", [("ntc", 2 if c.constraints else 1), ("tol", c.constraint_tolerance)]),
    ]
    pme = box.pme
    if pme is not None:
        sizes = [(f"NFFT{k}", n) for k, n in enumerate(pme.grid, start=1)]
        alpha = ("ew_coeff", pme.alpha * NM_PER_ANGSTROM)
        title = "Ewald parameters (splines of order 5)"
        paragraphs.append((title, [*sizes, alpha, ("vdwmeth", int(c.lj_tail))]))
    return mdout.settings(paragraphs) + "".join(f"| Note: {note}\n" for note in c.notes)


def _restraints(setup: MdSetup) -> list[Paragraph]:
    """Describe positional restraints (ntr=1); a mask with distances is one of REFC's positions."""
    c = setup.settings
    if c.restraint_mask is None:
        return []
    held = sum(
        force.getNumParticles()
        for force in setup.hybrid.system.getForces()
        if force.getName() == POSITIONAL
    )
    values = [("ntr", 1), ("restraint_wt", c.restraint_kcal_per_angstrom2), ("atoms", held)]
    return [(f"Positional restraints, {c.restraint_mask} in REFC", values)]


def _minimiser(c: MdSettings) -> list[Paragraph]:
    values = [("maxcyc", c.steps), ("drms", c.gradient_kcal_per_angstrom)]
    return [("Energy minimization", values)]


def _dynamics(setup: MdSetup) -> list[Paragraph]:
    c = setup.settings
    run = [("nstlim", c.steps), ("nscm", setup.plan.com_removal_interval)]
    ntt = next(number for number, name in THERMOSTATS.items() if name == c.thermostat)
    heat = [("ntt", ntt), ("ig", setup.plan.seed)]
    paragraphs: list[Paragraph] = [
        ("Molecular dynamics", [*run, ("t", setup.restart.time), ("dt", c.timestep_ps)]),
        (
            "Temperature regulation",
            [
                *heat,
                ("temp0", c.temperature_k),
                ("tempi", c.initial_temperature_k),
                ("gamma_ln", c.friction_per_ps),
                ("tautp", c.coupling_time_ps),
                ("vrand", c.collision_interval),
            ],
        ),
    ]
    if c.pressure_bar is not None:
        kind = [("ntp", 2 if c.anisotropic else 1), ("barostat", 2)]
        values = [*kind, ("pres0", c.pressure_bar), ("mcbarint", c.barostat_interval)]
        paragraphs.append(("Pressure regulation (Monte Carlo)", values))
    if c.coupling is not None:
        path = [("icfe", 1), ("clambda", c.coupling.clambda)]
        state = [
            ("l_elec", setup.state.lambda_electrostatics),
            ("l_lj", setup.state.lambda_sterics),
        ]
        paragraphs.append(("Coupling of the ML region (l_elec, l_lj: 1 coupled)", [*path, *state]))
    return paragraphs


def _describe_region(setup: MdSetup) -> str:
    """Describe the ML region: atoms, elements, charge, potential, reference energy."""
    region, ml, topology = setup.hybrid.region, setup.settings.ml, setup.inputs.topology
    known = setup.potential.capabilities
    numbers = (topology.numbers[i] for i in region.atoms)
    counts, times = Counter(symbol(z) for z in numbers), setup.placed.where.sentence()
    elements = ", ".join(f"{name} {counts[name]}" for name in sorted(counts))
    lines = [
        "ML region:",
        f"     mask     = {ml.mask}",
        f"     atoms    = {len(region.atoms)} ({elements})",
        f"     charge   = {region.molecule.charge:+d} e",
        *([f"     molecules= {len(region.parts)}, in one image"] if region.parts else []),
        *(f"     link H   : on {_bond(topology, link)}" for link in region.links),
        f"     potential= {known.name} ({setup.potential.identity}), {known.dtype}, "
        f"{known.ensemble_size} member(s), on {device_of(setup.potential)}",
        *([f"     chosen as the fastest (a call: {times})"] if times else []),
        f"     E_ML ref = {setup.restart.reference or 0.0:.4f} kcal/mol, the zero of EMLREL; "
        "EML and EPtot are absolute",
        *_limits(ml),
        *_wall(setup),
        "     embedding: mechanical, with the charges and Lennard-Jones terms of the prmtop",
        "",
    ]
    return "\n".join(lines)


def _limits(ml: MlSettings) -> list[str]:
    """Describe the thresholds of the spread and the action beyond them."""
    limits = (
        (ml.max_spread_kcal, "kcal/mol of E_ML"),
        (ml.max_force_spread_kcal, "kcal/mol/Å of a force"),
    )
    told = [f"{limit:g} {unit}" for limit, unit in limits if limit]
    return [f"     spread   : beyond {' or '.join(told)}: {ml.on_spread}"] if told else []


def _wall(setup: MdSetup) -> list[str]:
    """Describe the fixed centre of the wall around the region."""
    centre = setup.restart.centre
    if setup.settings.ml.confinement is None or centre is None:
        return []
    return [f"     wall at  : ({', '.join(f'{x:.3f}' for x in centre)}) Å"]


def _bond(topology: AmberTopology, link: tuple[int, int]) -> str:
    return f"{atom_label(topology, link[0])}-{atom_label(topology, link[1])}"
