# SPDX-License-Identifier: MIT
"""Which frames of the dry system does a trajectory hold? Read, checked, made whole, written."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import AmberTopology, Array, IntArray
from merrow.amber.trajectory import Trajectory, TrajectoryWriter, check_atoms, read_trajectory
from merrow.errors import InputError, MissingComponentError
from merrow.geometry import beside, joined
from merrow.system.box import box_vectors

FEWEST = 10
"""Frames below which nothing is said: two for each of five blocks."""
PIECES = "prod-*.nc"
"""Pieces of a trajectory in a folder, in the order of their names."""


@dataclass(frozen=True, eq=False)
class DryFrames:
    """Frames of N atoms that are neither water nor ions.

    Attributes:
        atoms: Their places in the prmtop, shape (N,).
        times: Time since the first frame [ps], shape (F,).
        positions: Positions [Å], shape (F, N, 3), molecules together.
        note: What the reader must know of the times; empty where they are those of the file.
    """

    atoms: IntArray
    times: Array
    positions: Array
    note: str = ""

    @property
    def span(self) -> float:
        """Time that the frames stand for [ps]: each for the interval between two."""
        return float(self.times[-1]) * len(self.times) / (len(self.times) - 1)

    def first(self, count: int) -> DryFrames:
        """Return the first frames."""
        return replace(self, positions=self.positions[:count], times=self.times[:count])

    def local(self, wanted: IntArray | list[int] | tuple[int, ...]) -> IntArray:
        """Return the places of atoms of the prmtop among the frames' atoms."""
        return np.searchsorted(self.atoms, np.asarray(wanted, dtype=np.int64))


def dry_atoms(topology: AmberTopology) -> IntArray:
    """Return the atoms that belong to molecules of two atoms or more, and not to water."""
    kept = [m for m in topology.molecules if len(m) > 1 and not topology.is_water[m[0]]]
    return np.array(sorted(i for m in kept for i in m), dtype=np.int64)


def read_frames(path: Path, topology: AmberTopology, *, stride: int = 1) -> DryFrames:
    """Read a trajectory that belongs to a prmtop.

    Args:
        path: Trajectory: NetCDF, DCD, XTC and what else MDAnalysis reads; or a folder with the
            pieces `prod-*.nc` of one, as `merrow simulate` leaves them.
        topology: The prmtop.
        stride: Every how many frames one is read.

    Raises:
        InputError: The file is missing or damaged, has another number of atoms, too few frames,
            numbers that are not finite, or no times.
        MissingComponentError: It is not NetCDF, and MDAnalysis is not installed.
    """
    atoms = dry_atoms(topology)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [_read(piece, topology, atoms) for piece in pieces(path)]
    positions, times, cells = (np.concatenate(one)[::stride] for one in zip(*parts, strict=True))
    if len(positions) < FEWEST:
        raise InputError(
            f"{path.name} has {len(positions)} frames (every {stride}), but at least {FEWEST} are "
            "needed: sample longer or write frames more often."
        )
    if not np.isfinite(positions).all():
        raise InputError(f"{path.name} has positions that are not finite numbers.")
    box = cells if topology.has_box and cells[0].any() else None
    time, note = _rising(times, path)
    return DryFrames(atoms, time, whole_frames(positions, atoms, topology, box), note)


def read_reference(path: Path, topology: AmberTopology) -> Array:
    """Return the dry atoms of a coordinate file [Å], shape (N, 3), molecules together.

    Raises:
        InputError: The file is damaged, or does not belong to the prmtop.
    """
    read = read_coordinates(path, len(topology))
    atoms = dry_atoms(topology)
    box = None if read.lengths is None else box_vectors(read)[None]
    return np.asarray(whole_frames(read.positions[atoms][None], atoms, topology, box)[0])


def whole_frames(
    positions: Array,
    atoms: IntArray | tuple[int, ...],
    topology: AmberTopology,
    cells: Array | None,
) -> Array:
    """Return frames of some molecules with each of them whole, around the first one.

    Args:
        positions: Positions [Å], shape (F, N, 3).
        atoms: The places of the N atoms in the prmtop, all of each molecule.
        topology: The prmtop.
        cells: Box vectors of each frame [Å], shape (F, 3, 3); None without a box.
    """
    if cells is None:
        return np.array(positions, dtype=np.float64)
    local = {int(i): k for k, i in enumerate(atoms)}
    molecules = [[local[i] for i in m] for m in topology.molecules if m[0] in local]
    return beside(joined(positions, topology.bonds_among(atoms), cells), molecules, cells)


def _rising(times: Array, path: Path) -> tuple[Array, str]:
    """Return times since the first frame [ps], and what was wrong with them.

    Raises:
        InputError: No frame is later than the one before.
    """
    if np.isnan(times).any():
        note = f"{path.name} contains no times; its frames are taken as 1 ps apart."
        return np.arange(len(times), dtype=np.float64), note
    steps = np.diff(times)
    if steps.min() > 0.0:
        return times - times[0], ""
    if steps.max() <= 0.0:
        raise InputError(
            f"{path.name} has no times of its frames; write it again with them, with "
            "the lines `time time0 0.0 dt 1.0` (first time and interval in ps) and `trajout md.nc` "
            "of cpptraj."
        )
    interval = float(np.median(steps[steps > 0.0]))
    note = (
        f"The times in {path.name} do not rise, as where runs were put together; the frames are "
        f"taken as {interval:g} ps apart."
    )
    return interval * np.arange(len(times), dtype=np.float64), note


def pieces(path: Path) -> tuple[Path, ...]:
    """Return the files of a trajectory, in order.

    Args:
        path: The file, or the folder of its pieces.

    Raises:
        InputError: There is none.
    """
    if path.is_file():
        return (path,)
    found = tuple(sorted(path.glob(PIECES)))
    if not found:
        raise InputError(
            f"the folder {path} contains no {PIECES} of `merrow simulate`."
            if path.is_dir()
            else f"there is no trajectory file {path}."
        )
    return found


def write_frames(folder: Path, frames: DryFrames) -> Path:
    """Write dry frames as a trajectory into a new folder, and return where it is."""
    folder.mkdir(parents=True)
    path = folder / "dry.nc"
    with TrajectoryWriter(path, Coordinates(frames.positions[0]), velocities=False) as writer:
        for place, time in zip(frames.positions, frames.times, strict=True):
            writer.append(Coordinates(place), float(time))
    return path


def cells_of(trajectory: Trajectory) -> Array | None:
    """Return the box vectors of each frame [Å], shape (F, 3, 3); None without a box."""
    lengths, angles = trajectory.lengths, trajectory.angles
    if lengths is None or angles is None or not len(lengths) or lengths.min() <= 0.0:
        return None
    boxes = zip(lengths, angles, strict=True)
    return np.array([box_vectors(Coordinates(np.empty((0, 3)), None, *box)) for box in boxes])


def _read(path: Path, topology: AmberTopology, atoms: IntArray) -> tuple[Array, Array, Array]:
    """Return positions of some atoms [Å], times [ps] and box vectors [Å] of every frame.

    Box vectors are zero without a box.
    """
    with path.open("rb") as stream:
        netcdf = stream.read(3) == b"CDF"
    try:
        if netcdf:
            read = read_trajectory(path, topology, atoms)
            cells = cells_of(read)
            none = np.zeros((len(read.times), 3, 3))
            return read.positions, read.times, none if cells is None else cells
        return _other(path, topology, atoms)
    except (InputError, MissingComponentError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is not a trajectory that can be read ({reason}).") from error


def _is_mdcrd(path: Path) -> bool:
    """Tell AMBER's ASCII trajectory by its content: a title, then ten numbers of eight columns."""
    with path.open("rb") as stream:
        lines = stream.read(400).split(b"\n")
    return len(lines) > 2 and re.fullmatch(rb"( *-?\d+\.\d{3}){10}\r?", lines[1]) is not None


def _other(path: Path, topology: AmberTopology, atoms: IntArray) -> tuple[Array, Array, Array]:
    """Do as `_read` with another format.

    AMBER's ASCII format contains neither the number of atoms nor the times of its frames.
    """
    try:
        from MDAnalysis.coordinates.core import get_reader_for  # noqa: PLC0415
    except ImportError as error:
        raise MissingComponentError(
            f"{path.name} is not NetCDF, so MDAnalysis is needed to read it: "
            "`pip install 'merrow[analysis]'`."
        ) from error
    warnings.simplefilter("ignore")  # once more: when it is imported it sets filters of its own
    ascii_format = _is_mdcrd(path)
    reader_of = get_reader_for(str(path), format="TRJ" if ascii_format else None)
    with reader_of(str(path), **({"n_atoms": len(topology)} if ascii_format else {})) as reader:
        check_atoms(path, reader.n_atoms, topology)
        rows = [
            (
                frame.positions[atoms],
                # MDAnalysis gives frames without times 0, 1, 2 ps
                frame.time if "time" in frame.data else np.nan,
                np.zeros((3, 3)) if (box := frame.triclinic_dimensions) is None else box,
            )
            for frame in reader
        ]
    positions, times, cells = (np.array(one, dtype=np.float64) for one in zip(*rows, strict=True))
    return positions, times, cells
