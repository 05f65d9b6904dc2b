# SPDX-License-Identifier: MIT
"""Which frames of the dry system does a trajectory hold? Read, checked, made whole, written."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import netcdf_file

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import AmberTopology, Array, IntArray
from merrow.amber.trajectory import TrajectoryWriter
from merrow.analysis.rmsd import gathered
from merrow.errors import InputError, MissingComponentError
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
    rows: list[tuple[Any, float, Any]] = []
    every = itertools.count()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for piece in pieces(path):
            rows += _read(piece, topology, atoms, lambda: next(every) % stride == 0)
    if len(rows) < FEWEST:
        raise InputError(
            f"{path.name} has {len(rows)} frames (every {stride}), but at least {FEWEST} are "
            "needed: sample longer or write frames more often."
        )
    frames, times, cells = (list(column) for column in zip(*rows, strict=True))
    positions = np.array(frames)
    if not np.isfinite(positions).all():
        raise InputError(f"{path.name} has positions that are not finite numbers.")
    box = np.array(cells) if topology.has_box and cells and cells[0] is not None else None
    time, note = _rising(np.array(times), path)
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
    local = {int(i): k for k, i in enumerate(atoms)}
    molecules = [
        np.array([local[i] for i in m], dtype=np.int64) for m in topology.molecules if m[0] in local
    ]
    bonds = [(local[i], local[j]) for i, j in topology.bonds if i in local and j in local]
    return gathered(positions, molecules, bonds, cells)


def _rising(times: Array, path: Path) -> tuple[Array, str]:
    """Return times since the first frame [ps], and what was wrong with them.

    Raises:
        InputError: No frame is later than the one before.
    """
    if np.isnan(times).any():
        note = f"{path.name} tells no times; its frames are taken as 1 ps apart."
        return np.arange(len(times), dtype=np.float64), note
    steps = np.diff(times)
    if steps.min() > 0.0:
        return times - times[0], ""
    if steps.max() <= 0.0:
        raise InputError(
            f"{path.name} does not tell the times of its frames; write it again with them, with "
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
            f"the folder {path} holds no {PIECES} of `merrow simulate`."
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


def _read(
    path: Path, topology: AmberTopology, atoms: IntArray, wanted: Callable[[], bool]
) -> list[tuple[Any, float, Any]]:
    """Return positions of the dry atoms, time [ps] and box vectors of the wanted frames."""
    with path.open("rb") as stream:
        netcdf = stream.read(3) == b"CDF"
    try:
        source = _netcdf(path) if netcdf else _other(path, len(topology))
        n_atoms = next(source)
        if n_atoms == len(topology):
            rows = [
                (place[atoms].astype(np.float64), time, cell)
                for place, time, cell in source
                if wanted()
            ]
    except MissingComponentError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is not a trajectory that can be read ({reason}).") from error
    if n_atoms != len(topology):
        raise InputError(
            f"{path.name} has {n_atoms} atoms, but {topology.path.name} has "
            f"{len(topology)}: give the trajectory that belongs to the prmtop."
        )
    return rows


def _netcdf(path: Path) -> Iterator[Any]:
    """Yield the number of atoms, then position, time and box of each frame of AMBER's NetCDF."""
    with netcdf_file(path, "r", mmap=False) as file:
        place = file.variables["coordinates"]
        if len(place.shape) != 3:
            raise ValueError("it holds a single frame")
        yield place.shape[1]
        cells = [file.variables.get(f"cell_{name}") for name in ("lengths", "angles")]
        times = file.variables.get("time")
        for k in range(place.shape[0]):
            time = 0.0 if times is None else float(times[k])
            frame = np.array(place[k])
            cell = None
            if None not in cells:
                lengths, angles = (np.array(one[k], dtype=np.float64) for one in cells)
                if lengths.min() > 0.0:
                    cell = box_vectors(Coordinates(frame, lengths=lengths, angles=angles))
            yield frame, time, cell


def _is_mdcrd(path: Path) -> bool:
    """Tell AMBER's ASCII trajectory by its content: a title, then ten numbers of eight columns."""
    with path.open("rb") as stream:
        lines = stream.read(400).split(b"\n")
    return len(lines) > 2 and re.fullmatch(rb"( *-?\d+\.\d{3}){10}\r?", lines[1]) is not None


def _other(path: Path, n_atoms: int) -> Iterator[Any]:
    """Yield the number of atoms, then position, time and box of each frame of another format.

    AMBER's ASCII format tells neither how many atoms it has nor the times of its frames.
    """
    try:
        from MDAnalysis.coordinates.core import get_reader_for  # noqa: PLC0415
    except ImportError as error:
        raise MissingComponentError(
            f"{path.name} is not NetCDF, so MDAnalysis is needed to read it: "
            "`pip install 'merrow[analysis]'`."
        ) from error
    ascii_format = _is_mdcrd(path)
    reader_of = get_reader_for(str(path), format="TRJ" if ascii_format else None)
    with reader_of(str(path), **({"n_atoms": n_atoms} if ascii_format else {})) as reader:
        yield reader.n_atoms
        for frame in reader:
            # MDAnalysis gives frames without times 0, 1, 2 ps
            time = float(frame.time) if "time" in frame.data else np.nan
            yield np.array(frame.positions), time, frame.triclinic_dimensions
