# SPDX-License-Identifier: MIT
"""What mdout notes of a start: where it differs from what a user of sander may expect."""

from __future__ import annotations

from collections.abc import Iterator

from merrow.amber.coordinates import Coordinates
from merrow.amber.trajectory import RestartMetadata
from merrow.engine.motion import SAME_LENGTH, constraint_error, holds_constraints
from merrow.md.box import DEFAULT_CUTOFF, cell_of, nonbonded_of
from merrow.md.settings import HEAT_THE_WHOLE, MdSettings, held_in_space
from merrow.mdin.mlp import MM, idle_notes
from merrow.system.box import box_vectors
from merrow.system.build import HybridSystem
from merrow.system.images import image_note
from merrow.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

NO_WRAP = "iwrap does nothing here: it needs a box."
NO_LINKS = "link_atoms does nothing here: the mask cuts no bond."
NO_REFERENCE = "-ref does nothing here: it needs ntr=1."
FIXED_PLACES = (
    "ntr=1 at constant pressure: reference positions stay where they are in space, while sander "
    "scales them with the box; strong restraints on many atoms far from the origin hold the volume "
    "back here."
)


def noted(
    settings: MdSettings, hybrid: HybridSystem, coordinates: Coordinates, restart: RestartMetadata
) -> MdSettings:
    """Return the settings with the notes on their start.

    Args:
        settings: Settings of the run.
        hybrid: The system, with its constraints.
        coordinates: Coordinates of the file.
        restart: Metadata of the file.
    """
    found = [*_lengths(settings, hybrid, coordinates, restart), *_counting(settings, restart)]
    found += _not_told(settings, hybrid, restart)
    found += [*idle_notes(settings.ml), *_idle_ewald(settings), *_coarse(settings, coordinates)]
    if settings.ml.link_atoms and not hybrid.region.links:
        found.append(NO_LINKS)
    found += [*_held(settings), *_constant(settings)]
    if hybrid.periodic:
        cutoff = settings.cutoff_angstrom or DEFAULT_CUTOFF
        box = box_vectors(coordinates)
        found += image_note(coordinates.positions, box, hybrid.region, cutoff)
    if settings.restraint_mask is not None and settings.pressure_bar is not None:
        found.append(FIXED_PLACES)
    return settings.model_copy(update={"notes": (*settings.notes, *found)})


def _lengths(
    settings: MdSettings, hybrid: HybridSystem, coordinates: Coordinates, restart: RestartMetadata
) -> Iterator[str]:
    """Note that the first step has other lengths than the file."""
    system, positions = hybrid.system, coordinates.positions * NM_PER_ANGSTROM
    if restart.step > 0 and holds_constraints(system, positions, settings.constraint_tolerance):
        return
    off = constraint_error(system, positions)
    if off > SAME_LENGTH:
        yield (
            f"lengths that are held (water, bonds to hydrogen) differ by up to "
            f"{off * ANGSTROM_PER_NM:.4f} Å from the prmtop's; they are set to it before step 0, "
            "whose energy is not that of the file."
        )


def _held(settings: MdSettings) -> Iterator[str]:
    """Note that the motion as a whole is not removed where it is not free."""
    what = held_in_space(settings)
    if settings.minimise or settings.thermostat in HEAT_THE_WHOLE or not what:
        return
    if settings.com_removal_interval:
        yield f"nscm=0: {what} holds atoms in space, so that the motion as a whole is not free."


def _constant(settings: MdSettings) -> Iterator[str]:
    """Note that no change of the volume falls into this run; each segment counts anew."""
    longest = min(settings.steps, settings.restart_interval)
    if settings.pressure_bar is not None and longest < settings.barostat_interval:
        yield (
            f"the volume does not change in this run: its {longest} steps without a restart are "
            f"fewer than mcbarint={settings.barostat_interval}."
        )


def _idle_ewald(settings: MdSettings) -> Iterator[str]:
    """Note a tolerance that an Ewald coefficient replaces."""
    usual = MdSettings.model_fields["direct_tolerance"].default
    if settings.ewald_per_angstrom is not None and settings.direct_tolerance != usual:
        yield (
            f"dsum_tol={settings.direct_tolerance:g} does nothing here: "
            f"ew_coeff={settings.ewald_per_angstrom:g} is given."
        )


def _coarse(settings: MdSettings, coordinates: Coordinates) -> Iterator[str]:
    """Note a grid that is too coarse for the splines; it is kept, since it was asked for."""
    cell = cell_of(coordinates)
    if settings.pme_grid is None or cell is None:
        return
    free = settings.model_copy(update={"pme_grid": None})
    fine = nonbonded_of(free, cell.vectors, settings.pme_grid).grid  # another one if that is coarse
    if fine is not None and fine != settings.pme_grid:
        names = ", ".join(f"nfft{k}={n}" for k, n in enumerate(fine, start=1))
        yield (
            "nfft1, nfft2 and nfft3 give a grid that is too coarse for splines of order 5 at this "
            f"cutoff: energies err by up to kcal/mol; the grid of this box is {names}."
        )


def _counting(settings: MdSettings, restart: RestartMetadata) -> Iterator[str]:
    """Note where printed steps and frames fall if a run goes on from an uneven step."""
    for key, every in (("ntpr", settings.print_interval), ("ntwx", settings.frame_interval)):
        if every and restart.step % every:
            first = every - restart.step % every
            yield (
                f"{key}={every} counts from the beginning of the first run, {restart.step} steps "
                f"ago: NSTEP = {first}, {first + every}, ... of this run."
            )


def _not_told(
    settings: MdSettings, hybrid: HybridSystem, restart: RestartMetadata
) -> Iterator[str]:
    """Note what a run that goes on chooses anew, since its restart file does not hold it."""
    if not settings.goes_on:
        return
    if restart.reference is None and settings.ml.potential.partition(":")[0] != MM:
        yield (
            "EMLREL counts from E_ML of this start: the restart file holds no zero for this "
            "potential and region, as text restarts and those of other programs do not."
        )
    if restart.grid is None and hybrid.periodic and settings.pme_grid is None:
        yield (
            "the PME grid follows from the box of this start: the restart file does not hold that "
            "of the run before."
        )
