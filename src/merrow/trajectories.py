# SPDX-License-Identifier: MIT
"""Trajectories of the dry system: frames are read, checked, made whole and written."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import AmberTopology, Array, IntArray, atom_label
from merrow.amber.trajectory import Trajectory, TrajectoryWriter, check_atoms, read_trajectory
from merrow.errors import InputError, MissingComponentError
from merrow.geometry import gathered, joined
from merrow.system.box import box_vectors
from merrow.units import PS_PER_FS

FEWEST = 10
"""Minimum number of frames: two for each of five blocks."""
PIECES = "prod-*.nc"
"""Files of a trajectory in a folder, in order of their numbers."""
STEPS = (4e-4, 1e-2)
"""Time steps for which the header of a DCD file is believed [ps]: some programs write 1 in place of
the step, or other units."""
BONDS = (0.4, 5.0)
"""Length below which half of the bonds, and beyond which none is, if positions are those of the
prmtop's molecules, whole, in Å."""
CONTACT = 5.0
"""Contact distance of molecules [Å]."""
INTERVAL = "--frame-interval"
"""Option that tells the time between frames [ps]."""


@dataclass(frozen=True, eq=False)
class DryFrames:
    """Frames of N atoms that are neither water nor ions.

    Attributes:
        atoms: Their indices in the prmtop, shape (N,).
        times: Time since the first frame [ps], shape (F,).
        positions: Positions [Å], shape (F, N, 3), molecules together.
        note: Remark on times and images; empty if they are those of the file.
        timed: Whether the times are known; else they are frame counts.
    """

    atoms: IntArray
    times: Array
    positions: Array
    note: str = ""
    timed: bool = True

    @property
    def span(self) -> float:
        """Time that the frames represent [ps], one frame interval each."""
        return float(self.times[-1]) * len(self.times) / (len(self.times) - 1)

    @property
    def extent(self) -> str:
        """How much there is, in words."""
        count = f"{len(self.times)} frames"
        return f"{count} over {self.span:g} ps" if self.timed else f"{count} of unknown times"

    def first(self, count: int) -> DryFrames:
        """Return the first frames."""
        return replace(self, positions=self.positions[:count], times=self.times[:count])

    def local(self, wanted: IntArray | list[int] | tuple[int, ...]) -> IntArray:
        """Return the indices of prmtop atoms among the atoms of the frames."""
        return np.searchsorted(self.atoms, np.asarray(wanted, dtype=np.int64))


def dry_atoms(topology: AmberTopology) -> IntArray:
    """Return the atoms of molecules of two or more atoms that are not water."""
    kept = [m for m in topology.molecules if len(m) > 1 and not topology.is_water[m[0]]]
    return np.array(sorted(i for m in kept for i in m), dtype=np.int64)


def read_frames(
    path: Path, topology: AmberTopology, *, stride: int = 1, interval: float | None = None
) -> DryFrames:
    """Read a trajectory that belongs to a prmtop.

    Args:
        path: Trajectory in NetCDF, DCD, XTC or another format of MDAnalysis; or a folder with
            its files `prod-*.nc`, as `merrow simulate` writes them.
        topology: The prmtop.
        stride: Read every n-th frame.
        interval: Time between the frames of the file [ps]; None for that of the file.

    Raises:
        InputError: The file is missing or damaged, or has another number of atoms, too few frames,
            non-finite numbers, broken molecules, or no times; or stride or interval is impossible.
        MissingComponentError: It is not NetCDF, and MDAnalysis is not installed.
    """
    if stride < 1:
        raise InputError(f"--stride {stride} is not a number of frames; it is 1 or more.")
    if interval is not None and not 0.0 < interval < np.inf:
        raise InputError(f"{INTERVAL} {interval:g} ps is no time between frames; it is above 0.")
    atoms = dry_atoms(topology)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [_read(piece, topology, atoms) for piece in pieces(path)]
    every = (np.concatenate([getattr(part, what) for part in parts]) for what in PARTS)
    positions, times, cells = (values[::stride] for values in every)
    if len(positions) < FEWEST:
        raise InputError(
            f"{path.name} has {len(positions)} frames (every {stride}), but at least {FEWEST} are "
            "needed: sample longer or write frames more often."
        )
    if not np.isfinite(positions).all():
        raise InputError(f"{path.name} has positions that are not finite numbers.")
    notes = [told for told in dict.fromkeys(part.angles for part in parts) if told]
    if interval is not None:
        times = interval * stride * np.arange(len(times), dtype=np.float64)
    else:
        times, note = _rising(times, path, told="; ".join(dict.fromkeys(p.note for p in parts)))
        notes += [note] if note else []
    boxed = bool(cells.any(axis=(1, 2)).all())
    if topology.has_box and not boxed:
        notes.append(f"{path.name} has no box: molecules are taken where they are.")
    whole = whole_frames(positions, atoms, topology, cells if boxed else None)
    check_bonds(whole, atoms, topology, path, boxed=boxed, stride=stride)
    timed = not np.isnan(times).any()
    if not timed:
        times = np.arange(len(times), dtype=np.float64)
    return DryFrames(atoms, times, whole, " ".join(notes), timed)


def read_reference(path: Path, topology: AmberTopology) -> Array:
    """Return the dry atoms of a coordinate file [Å], shape (N, 3), molecules together.

    Raises:
        InputError: The file is damaged, cuts molecules, or does not belong to the prmtop.
    """
    read = read_coordinates(path, len(topology), angle=topology.box_angle)
    atoms = dry_atoms(topology)
    box = None if read.lengths is None else box_vectors(read)[None]
    whole = whole_frames(read.positions[atoms][None], atoms, topology, box)
    check_bonds(whole, atoms, topology, path, boxed=box is not None)
    return np.asarray(whole[0])


def whole_frames(
    positions: Array,
    atoms: IntArray | tuple[int, ...],
    topology: AmberTopology,
    cells: Array | None,
) -> Array:
    """Return frames with each molecule made whole, and molecules in contact in one image.

    Args:
        positions: Positions [Å], shape (F, N, 3).
        atoms: Indices of the N atoms in the prmtop, whole molecules only.
        topology: The prmtop.
        cells: Box vectors of each frame [Å], shape (F, 3, 3); None without a box.
    """
    if cells is None:
        return np.array(positions, dtype=np.float64)
    local = {int(i): k for k, i in enumerate(atoms)}
    molecules = [[local[i] for i in m] for m in topology.molecules if m[0] in local]
    whole = joined(positions, topology.bonds_among(atoms), cells)
    return gathered(whole, molecules, cells, within=CONTACT)


def _rising(times: Array, path: Path, *, told: str) -> tuple[Array, str]:
    """Return times since the first frame [ps], NaN if unknown, and a remark on them.

    Args:
        times: Times in the file [ps].
        path: The file.
        told: Remark of the reader.

    Raises:
        InputError: No frame is later than the one before.
    """
    if np.isnan(times).any():
        reason = told or f"{path.name} contains no times"
        note = f"{reason}, so that frames are counted; {INTERVAL} tells the time between them [ps]."
        return np.full(len(times), np.nan), note
    steps = np.diff(times)
    if steps.min() > 0.0:
        return times - times[0], f"{told}." if told else ""
    if steps.max() <= 0.0:
        raise InputError(
            f"{path.name} has no times of its frames; tell the time between them with {INTERVAL}, "
            "or write it again with them, with "
            "the lines `time time0 0.0 dt 1.0` (first time and interval in ps) and `trajout md.nc` "
            "of cpptraj."
        )
    interval = float(np.median(steps[steps > 0.0]))
    note = (
        f"The times in {path.name} do not increase, as in joined trajectories; the frames are "
        f"taken as {interval:g} ps apart."
    )
    return interval * np.arange(len(times), dtype=np.float64), note


def check_bonds(
    frames: Array,
    atoms: IntArray | tuple[int, ...],
    topology: AmberTopology,
    path: Path,
    *,
    boxed: bool,
    stride: int = 1,
) -> None:
    """Refuse frames with a bond longer than any is, or with half of them shorter than any is.

    So are bonds of molecules that a wall cuts, of another unit, and of atoms in another order.

    Args:
        frames: Positions [Å], shape (F, N, 3), molecules whole.
        atoms: The places of the N atoms in the prmtop.
        topology: The prmtop.
        path: The trajectory.
        boxed: Whether it has a box.
        stride: Frames of the trajectory for each of these.

    Raises:
        InputError: There is such a bond.
    """
    real = [topology.numbers[i] > 0 for i in atoms]
    bonds = [(i, j) for i, j in topology.bonds_among(atoms) if real[i] and real[j]]
    if not bonds:
        return
    one, two = np.array(bonds, dtype=np.int64).T
    low, high = BONDS
    for k, x in enumerate(frames):
        lengths = np.linalg.norm(x[one] - x[two], axis=1)
        n = int(np.argmax(lengths))
        if lengths[n] < high and np.median(lengths) > low:
            continue
        i, j = (atom_label(topology, int(atoms[at])) for at in bonds[n])
        cut = "" if boxed else ", or molecules are cut and there is no box"
        raise InputError(
            f"{i} and {j} are bonded, but {lengths[n]:.2f} Å apart in frame {k * stride + 1} of "
            f"{path.name}: it is not of {topology.path.name}, or not in Å{cut}; give the "
            "file as the dynamics wrote it, with its box."
        )


def pieces(path: Path) -> tuple[Path, ...]:
    """Return the files of a trajectory, in order.

    Args:
        path: The file, or the folder of the files.

    Raises:
        InputError: There is no trajectory.
    """
    if path.is_file():
        return (path,)
    # prod-10000.nc follows prod-9999.nc, and prod-10.nc follows prod-9.nc
    found = tuple(sorted(path.glob(PIECES), key=lambda piece: (len(piece.name), piece.name)))
    if not found:
        raise InputError(
            f"the folder {path} contains no {PIECES} of `merrow simulate`."
            if path.is_dir()
            else f"there is no trajectory file {path}."
        )
    return found


def write_frames(folder: Path, frames: DryFrames) -> Path:
    """Write dry frames as a trajectory into a new folder, and return its path."""
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


@dataclass(frozen=True, eq=False)
class _Piece:
    """Frames of a file: positions of some atoms [Å], times [ps], box vectors [Å], which are zero
    without a box, and what is to be said of the times and of the angles of the box."""

    positions: Array
    times: Array
    cells: Array
    note: str = ""
    angles: str = ""


PARTS = ("positions", "times", "cells")


def _read(path: Path, topology: AmberTopology, atoms: IntArray) -> _Piece:
    """Read every frame of a file."""
    with path.open("rb") as stream:
        netcdf = stream.read(3) == b"CDF"
    try:
        if netcdf:
            read = read_trajectory(path, topology, atoms)
            cells = cells_of(read)
            none = np.zeros((len(read.times), 3, 3))
            return _Piece(read.positions, read.times, none if cells is None else cells)
        return _other(path, topology, atoms)
    except (InputError, MissingComponentError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is not a trajectory that can be read ({reason}).") from error


def _is_mdcrd(path: Path) -> bool:
    """Recognise an AMBER ASCII trajectory: a title, then ten numbers of eight columns."""
    with path.open("rb") as stream:
        lines = stream.read(400).split(b"\n")
    return len(lines) > 2 and re.fullmatch(rb"( *-?\d+\.\d{3}){10}\r?", lines[1]) is not None


def _other(path: Path, topology: AmberTopology, atoms: IntArray) -> _Piece:
    """Do the same as `_read` for another format.

    AMBER's ASCII format contains neither the number of atoms, nor the times of its frames, nor the
    angles of its box, which are those of the prmtop.
    """
    try:
        from MDAnalysis.coordinates.core import get_reader_for  # noqa: PLC0415
    except ImportError as error:
        raise MissingComponentError(
            f"{path.name} is not NetCDF, so MDAnalysis is needed to read it: "
            "`pip install 'merrow[analysis]'`."
        ) from error
    warnings.simplefilter("ignore")  # again: its import sets filters of its own
    ascii_format = _is_mdcrd(path)
    reader_of = get_reader_for(str(path), format="TRJ" if ascii_format else None)
    with reader_of(str(path), **({"n_atoms": len(topology)} if ascii_format else {})) as reader:
        check_atoms(path, reader.n_atoms, topology)
        known, note = _of_header(reader, path)
        rows = [
            (
                frame.positions[atoms],
                # MDAnalysis gives frames without times 0, 1, 2 ps
                frame.time if known and "time" in frame.data else np.nan,
                _cell(frame, topology.box_angle if ascii_format else None),
            )
            for frame in reader
        ]
    positions, times, cells = (np.array(one, dtype=np.float64) for one in zip(*rows, strict=True))
    angles = ""
    if ascii_format and cells.any() and not topology.has_box:
        angles = (
            f"{path.name} has the edges of a box but no angles, and {topology.path.name} has no "
            f"box: they are taken as {topology.box_angle:g}°."
        )
    return _Piece(positions, times, cells, note, angles)


def _cell(frame: Any, angle: float | None) -> Array:
    """Return the box vectors of a frame of MDAnalysis [Å], shape (3, 3), zero without a box.

    Args:
        frame: The frame.
        angle: All angles of the box [degree], or None for those of the frame.
    """
    if frame.dimensions is None:
        return np.zeros((3, 3))
    if angle is None:
        return np.asarray(frame.triclinic_dimensions)
    edges = np.array(frame.dimensions[:3], dtype=np.float64)
    return box_vectors(Coordinates(np.empty((0, 3)), None, edges, np.full(3, angle)))


def _of_header(reader: Any, path: Path) -> tuple[bool, str]:
    """Return whether the times that a reader makes of a file are believed, and what to say of them.

    A DCD file has no times, but the time step of the dynamics in CHARMM's unit, and the steps
    between frames. Programs that convert files do not know them: VMD and MDTraj write 1 for both,
    cpptraj 1 fs and a frame at every step.
    """
    if "DCD" not in reader.format:
        return True, ""
    steps = int(reader.skip_timestep)
    step = float(reader.dt) / steps if steps > 0 else 0.0
    told = f"The header of {path.name} tells a time step of {step / PS_PER_FS:.3g} fs"
    if not STEPS[0] <= step <= STEPS[1]:
        return False, f"{told}, which is none of atoms"
    if steps == 1:
        return False, f"{told} and a frame at every step, as programs that convert files write it"
    return True, f"{told}, and a frame every {steps} steps"
