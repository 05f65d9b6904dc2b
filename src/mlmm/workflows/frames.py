# SPDX-License-Identifier: MIT
"""Which frames of the dry system does a trajectory hold? Read, checked, made whole, written."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import netcdf_file

from mlmm.amber.coordinates import Coordinates
from mlmm.amber.topology import AmberTopology, Array, IntArray
from mlmm.amber.trajectory import TrajectoryWriter
from mlmm.analysis.rmsd import gathered
from mlmm.errors import InputError, MissingComponentError

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
    """

    atoms: IntArray
    times: Array
    positions: Array

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
            pieces `prod-*.nc` of one, as `mlmm simulate` leaves them.
        topology: The prmtop.
        stride: Every how many frames one is read.

    Raises:
        InputError: The file is missing or damaged, has another number of atoms, too few frames, or
            numbers that are not finite.
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
    if np.diff(times).min() <= 0.0:
        times = list(np.arange(len(times), dtype=np.float64))
    members = {int(i): k for k, i in enumerate(atoms)}
    molecules = [
        np.array([members[i] for i in m], dtype=np.int64)
        for m in topology.molecules
        if m[0] in members
    ]
    box = np.array(cells) if topology.has_box and cells and cells[0] is not None else None
    whole = gathered(positions, molecules, box)
    return DryFrames(atoms, np.array(times) - times[0], whole)


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
            f"the folder {path} holds no {PIECES} of `mlmm simulate`."
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
        source = _netcdf(path) if netcdf else _other(path)
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
            time = float(k if times is None else times[k])
            cell = None if None in cells else _cell([float(x) for c in cells for x in c[k]])
            yield np.array(place[k]), time, cell


def _cell(values: list[float]) -> Array:
    """Return box vectors as rows [Å] from three edges [Å] and three angles [degree]."""
    a, b, c = values[:3]
    cos_a, cos_b, cos_c = (math.cos(math.radians(angle)) for angle in values[3:])
    sin_c = math.sin(math.radians(values[5]))
    x, y = c * cos_b, c * (cos_a - cos_b * cos_c) / sin_c
    z = math.sqrt(max(0.0, c * c - x * x - y * y))
    return np.array([[a, 0.0, 0.0], [b * cos_c, b * sin_c, 0.0], [x, y, z]])


def _other(path: Path) -> Iterator[Any]:
    """Yield the number of atoms, then position, time and box of each frame of another format."""
    try:
        from MDAnalysis.coordinates.core import get_reader_for  # noqa: PLC0415
    except ImportError as error:
        raise MissingComponentError(
            f"{path.name} is not NetCDF, so MDAnalysis is needed to read it: "
            "`pip install 'mlmm[analysis]'`."
        ) from error
    with get_reader_for(str(path))(str(path)) as reader:
        yield reader.n_atoms
        for frame in reader:
            yield np.array(frame.positions), float(frame.time), frame.triclinic_dimensions
