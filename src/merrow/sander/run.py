# SPDX-License-Identifier: MIT
"""Running AmberTools' sander with an ML potential: serve, run, merge output."""

from __future__ import annotations

import codecs
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from merrow import __version__
from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import AmberTopology, read_topology
from merrow.amber.trajectory import read_restart_metadata
from merrow.ambertools.programs import find_program
from merrow.errors import InputError, MerrowError
from merrow.files import atomic_write
from merrow.geometry import whole_boxes
from merrow.mdin.mlp import idle_notes
from merrow.mdin.model_numbers import VARIABLE
from merrow.potentials.registry import located
from merrow.sander.files import merged, read_evaluations
from merrow.sander.input import SanderInput, read_input, write_input
from merrow.sander.models import Job, Models, file_states
from merrow.sander.scratch import (
    Arguments,
    read_arguments,
    refuse_ranks,
    run_sander,
    scratch_folder,
)
from merrow.sander.server import ModelServer, Request, ask, listens
from merrow.system.box import box_vectors, refuse_lone_box
from merrow.system.configuration import read_configuration
from merrow.system.lengths import check_lengths
from merrow.system.potentials import check_potential
from merrow.system.region import MLRegion, region_of, select_region

DEFAULT_REFERENCE = "refc"
"""sander's reference coordinates where no -ref is given."""


@dataclass(frozen=True)
class SanderRun:
    """A run of sander; values that are None are taken from the input.

    Attributes:
        words: sander's own command line, such as ("-O", "-i", "mdin").
        folder: The user's folder, to which paths are relative.
        potential: Name of the potential.
        weights: Weights file of the potential.
        precision: Precision of the networks.
        server: Socket of a running model server; None starts a private one.
    """

    words: Sequence[str]
    folder: Path
    potential: str | None = None
    weights: Path | None = None
    precision: str | None = None
    server: Path | None = None


def run(asked: SanderRun) -> None:
    """Run sander with its usual output files, and with the ML energy in mdout.

    Raises:
        InputError: The command line, the input or the files are wrong.
        UnsupportedPhysicsError: The combination would give wrong energies or forces.
        MissingComponentError: sander or the weights are not installed.
        MerrowError: sander or the model failed.
    """
    refuse_ranks(os.environ)
    arguments = read_arguments(asked.words, asked.folder)
    find_program("sander")
    wanted = _input(asked, arguments)
    topology, ml = read_topology(arguments.files["-p"]), wanted.ml
    whole = read_configuration(arguments.files["-c"], topology)
    _check_box(wanted, topology, whole, arguments.files["-c"])
    region = _region(topology, wanted, whole, arguments.files["-c"])
    check_potential(ml.potential, region.molecule, region.labels)
    text = write_input(
        wanted, atoms=[atom + 1 for atom in region.atoms], charge=region.molecule.charge
    )
    job = Job(
        prmtop=str(topology.path),
        atoms=region.atoms,
        potential=ml.potential,
        weights=ml.weights,
        precision=ml.precision,
        max_spread_kcal=ml.max_spread_kcal,
        files=file_states(str(topology.path), ml.weights, ml.potential.partition(":")[2]),
    ).model_dump_json()
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder())
        if wanted.restrained:
            arguments = _with_reference(arguments, whole, topology, asked.folder, scratch)
        arguments = _with_whole(arguments, "-c", whole, scratch)
        if asked.server is None:
            models = Models()
            identity = models.open(job, topology).identity
            socket = stack.enter_context(ModelServer(scratch / "socket", models.answer)).path
        elif listens(asked.server):
            socket = asked.server.absolute()
            identity = ask(socket, Request(job, "", "")).results  # loads the model before sander
        else:
            raise InputError(f"no model server listens at {asked.server}: start `merrow serve`.")
        about = f"ML/MM by merrow {__version__}: {identity}, {len(region.atoms)} atoms"
        mdout = arguments.files["-o"]
        energies = run_sander(
            arguments,
            text,
            folder=asked.folder,
            scratch=scratch,
            socket=socket,
            job=job,
        )
        with contextlib.suppress(MerrowError):  # a shared server may have ended since
            about += ask(socket, Request(job, "", "")).line  # where the network computed
        evaluations = read_evaluations(energies)
        printed = mdout.read_text(errors="replace")
        told = merged(printed, evaluations, name=ml.potential, about=about)
        atomic_write(mdout, told + "".join(f"| Note: {note}\n" for note in wanted.notes))


def _check_box(
    wanted: SanderInput, topology: AmberTopology, whole: Coordinates, source: Path
) -> None:
    """Refuse a box that is in one file alone: sander believes sometimes one, sometimes the other.

    Raises:
        InputError: Input, prmtop and coordinates contradict each other.
    """
    if not wanted.periodic or (topology.has_box and whole.lengths is not None):
        return
    if whole.lengths is not None:
        refuse_lone_box(topology, source, otherwise="say ntb=0 for a run without a box, ")
    told = source if topology.has_box else topology.path
    raise InputError(
        f"{wanted.source} asks for a box (ntb is not 0), but {told} has none; use ntb=0, or give "
        "a prmtop and coordinates with a box."
    )


def _with_reference(
    arguments: Arguments, whole: Coordinates, topology: AmberTopology, folder: Path, scratch: Path
) -> Arguments:
    """Return a command line with a reference of whole molecules beside those of the coordinates.

    sander's restraints to it (ntr=1) know no images, while those of `merrow md` do.

    Raises:
        InputError: The reference is missing or damaged, or belongs to another prmtop.
    """
    path = arguments.files.get("-ref", folder / DEFAULT_REFERENCE)
    if not path.is_file():
        raise InputError(
            f"there is no file {path} (sander's flag -ref), which ntr=1 and itgtmd=1 need."
        )
    reference = read_configuration(path, topology)
    if whole.lengths is not None:
        box, positions = box_vectors(whole), reference.positions.copy()
        for atoms in map(list, topology.molecules):
            away = (positions[atoms] - whole.positions[atoms]).mean(axis=0)
            positions[atoms] -= whole_boxes(away, box)
        reference = replace(reference, positions=positions)
    named = replace(arguments, files={**arguments.files, "-ref": path})
    return _with_whole(named, "-ref", reference, scratch)


def _with_whole(arguments: Arguments, flag: str, whole: Coordinates, scratch: Path) -> Arguments:
    """Return a command line with coordinates of whole molecules, which sander requires.

    Args:
        arguments: The command line.
        flag: Flag of the coordinates in it.
        whole: What they are with whole molecules.
        scratch: Folder for a copy.
    """
    given = arguments.files[flag]
    if np.array_equal(read_coordinates(given).positions, whole.positions):
        return arguments
    copy = scratch / f"whole{flag}.rst7"
    write_restart(copy, whole, time=read_restart_metadata(given).time)
    return replace(arguments, files={**arguments.files, flag: copy})


def _input(asked: SanderRun, arguments: Arguments) -> SanderInput:
    """Return the ML part of the input, with the changes of the command line."""
    path = arguments.files["-i"]
    text = path.read_bytes().removeprefix(codecs.BOM_UTF8).decode("latin-1")
    wanted = read_input(text, source=path.name)
    weights = asked.weights or wanted.ml.weights
    if weights is not None and not (asked.folder / weights).is_file():
        raise InputError(f"there is no weights file {weights}.")
    if asked.precision not in (None, "float32", "float64"):
        raise InputError(f"--precision {asked.precision} is unknown; use float32 or float64.")
    changes = {
        "potential": located(asked.potential or wanted.ml.potential, asked.folder),
        "weights": None if weights is None else str(asked.folder / weights),
        "precision": asked.precision or wanted.ml.precision,
    }
    ml, notes = wanted.ml.model_copy(update=changes), wanted.notes
    if asked.potential is not None:  # which replaces the one that MODEL_PATH gives
        notes = tuple(note for note in notes if VARIABLE not in note)
    return replace(wanted, ml=ml, notes=(*notes, *idle_notes(ml)))


def _region(
    topology: AmberTopology, wanted: SanderInput, whole: Coordinates, source: Path
) -> MLRegion:
    """Return the ML region, whose bonds must be those of the coordinates."""
    if wanted.atoms:
        if not 1 <= wanted.atoms[0] <= wanted.atoms[-1] <= len(topology):
            raise InputError(
                f"{wanted.source}: &qmmm: iqmatoms names an atom outside of 1 to {len(topology)}."
            )
        atoms = [atom - 1 for atom in wanted.atoms]
        region = region_of(topology, atoms, name=f"{wanted.source}: iqmatoms")
    else:
        region = select_region(topology, wanted.ml.mask)
    check_lengths(whole.positions, topology, region, source=str(source))
    return region
