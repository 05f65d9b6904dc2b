# SPDX-License-Identifier: MIT
"""AMBER NetCDF trajectories and restarts, with bitwise round trips.

A restart is in double precision and written atomically. A trajectory grows by one record at a time,
and its frame count is updated after the frame is on disk, so a killed run leaves a readable file.
Conventions: https://ambermd.org/netcdf/nctraj.xhtml.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from scipy.io import netcdf_file

from merrow.amber.coordinates import Array, Coordinates
from merrow.amber.netcdf import AMBER_VELOCITY, numbers
from merrow.amber.topology import AmberTopology, IntArray
from merrow.errors import InputError
from merrow.files import atomic_write, is_file

STEP, REFERENCE, CENTRE = "merrow_step", "merrow_reference_kcal", "merrow_centre"
GRID, OWNER, DEVICE = "merrow_grid", "merrow_owner", "merrow_ml_device"
"""Attributes of our restarts that other programs ignore."""


@dataclass(frozen=True)
class RestartMetadata:
    """Metadata of a restart.

    Attributes:
        time: Time [ps].
        step: Steps since the start of the run; 0 if not recorded.
        reference: Reference energy of the ML region [kcal/mol], or None.
        centre: Fixed centre of the confining potential [Å], or None.
        grid: PME grid points, fixed while the box fluctuates, or None.
        owner: Potential and region of reference, centre and device, or None.
        ml_device: Torch device of the network; None without a choice.
    """

    time: float
    step: int = 0
    reference: float | None = None
    centre: tuple[float, ...] | None = None
    grid: tuple[int, ...] | None = None
    owner: str | None = None
    ml_device: str | None = None


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Frames of N atoms: times [ps], (F,); positions [Å], (F, N, 3); box or None, (F, 3).

    Times are zero if the file has none.
    """

    times: Array
    positions: Array
    lengths: Array | None
    angles: Array | None


def as_stored(coordinates: Coordinates) -> Coordinates:
    """Return the coordinates that reading a NetCDF restart of them will give, bit for bit."""
    if coordinates.velocities is None:
        return coordinates
    velocities = (coordinates.velocities / AMBER_VELOCITY) * AMBER_VELOCITY
    return Coordinates(coordinates.positions, velocities, coordinates.lengths, coordinates.angles)


def write_netcdf_restart(
    path: Path, coordinates: Coordinates, metadata: RestartMetadata, *, title: str = ""
) -> None:
    """Write a NetCDF restart atomically.

    Raises:
        MerrowError: The path is not writable.
    """
    buffer = io.BytesIO()
    file = netcdf_file(buffer, "w", version=2)
    _attributes(file, "AMBERRESTART", title)
    setattr(file, STEP, np.float64(metadata.step))  # a plain float would be stored as single
    if metadata.reference is not None:
        setattr(file, REFERENCE, np.float64(metadata.reference))
    if metadata.centre is not None:
        setattr(file, CENTRE, np.array(metadata.centre))
    if metadata.grid is not None:
        setattr(file, GRID, np.array(metadata.grid, dtype=np.int32))
    for name, text in ((OWNER, metadata.owner), (DEVICE, metadata.ml_device)):
        if text is not None:
            setattr(file, name, text)
    _dimensions(file, coordinates)
    time = file.createVariable("time", "d", ())
    time.units = "picosecond"
    time.data[()] = metadata.time
    _variable(file, "coordinates", "d", ("atom", "spatial"), "angstrom")[:] = coordinates.positions
    if coordinates.velocities is not None:
        stored = coordinates.velocities / AMBER_VELOCITY
        place = ("atom", "spatial")
        _variable(file, "velocities", "d", place, "angstrom/picosecond")[:] = stored
        file.variables["velocities"].scale_factor = np.float64(AMBER_VELOCITY)
    if coordinates.lengths is not None and coordinates.angles is not None:
        edges = _variable(file, "cell_lengths", "d", ("cell_spatial",), "angstrom")
        edges[:] = coordinates.lengths
        angles = _variable(file, "cell_angles", "d", ("cell_angular",), "degree")
        angles[:] = coordinates.angles
    file.flush()
    atomic_write(path, buffer.getvalue())


def read_restart_metadata(path: Path) -> RestartMetadata:
    """Return the metadata of a restart; `read_coordinates` reads its coordinates.

    Raises:
        InputError: The file contains no time.
    """
    try:
        if path.read_bytes()[:3] != b"CDF":
            words = path.read_text(encoding="latin-1").splitlines()[1].split()
            return RestartMetadata(float(words[1]) if len(words) > 1 else 0.0)
        with netcdf_file(path, "r", mmap=False) as file:
            reference, centre = getattr(file, REFERENCE, None), getattr(file, CENTRE, None)
            grid = getattr(file, GRID, None)
            owner, device = (getattr(file, name, None) for name in (OWNER, DEVICE))
            time = numbers(file, "time", path)
            return RestartMetadata(
                time=0.0 if time is None else float(time.ravel()[0]),
                step=int(getattr(file, STEP, 0)),
                reference=None if reference is None else float(reference),
                centre=None if centre is None else tuple(float(one) for one in centre),
                grid=None if grid is None else tuple(int(one) for one in grid),
                owner=None if owner is None else owner.decode(),
                ml_device=None if device is None else device.decode(),
            )
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} has no time, or it is damaged ({error}).") from error


class TrajectoryWriter:
    """Appends frames to a NetCDF trajectory; a context manager."""

    def __init__(
        self,
        path: Path,
        like: Coordinates,
        *,
        positions: bool = True,
        velocities: bool,
        title: str = "",
    ) -> None:
        """Create a new file.

        Args:
            path: The file; an old one is replaced.
            like: A frame with the number of atoms, and with a box if the frames have one.
            positions: Whether frames include positions.
            velocities: Whether frames include velocities.
            title: Title of the file.
        """
        buffer = io.BytesIO()
        file = netcdf_file(buffer, "w", version=2)
        _attributes(file, "AMBER", title)
        file.createDimension("frame", None)
        _dimensions(file, like)
        _variable(file, "time", "f", ("frame",), "picosecond")
        place = ("frame", "atom", "spatial")
        if positions:
            _variable(file, "coordinates", "f", place, "angstrom")
        if velocities:
            _variable(file, "velocities", "f", place, "angstrom/picosecond")
            file.variables["velocities"].scale_factor = np.float64(AMBER_VELOCITY)
        if like.lengths is not None:
            _variable(file, "cell_lengths", "d", ("frame", "cell_spatial"), "angstrom")
            _variable(file, "cell_angles", "d", ("frame", "cell_angular"), "degree")
        self._order = tuple(name for name, one in file.variables.items() if one.isrec)
        for name in self._order:  # scipy gives the size of a record only if there is one
            file.variables[name][0] = 0.0
        file.flush()
        self._frames = 0
        self._stream = path.open("wb")
        self._stream.write(buffer.getvalue()[: -len(self._record(like, 0.0))])
        self._count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sync()
        self._stream.close()

    def append(self, frame: Coordinates, time: float) -> None:
        """Append a frame at a time [ps]."""
        self._stream.seek(0, os.SEEK_END)
        self._stream.write(self._record(frame, time))
        self._frames += 1
        self._count()

    def sync(self) -> None:
        """Flush all frames to disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _count(self) -> None:
        self._stream.flush()
        self._stream.seek(4)
        self._stream.write(struct.pack(">i", self._frames))
        self._stream.flush()

    def _record(self, frame: Coordinates, time: float) -> bytes:
        velocities = np.zeros_like(frame.positions)
        if frame.velocities is not None:
            velocities = frame.velocities / AMBER_VELOCITY
        values = {
            "time": (">f4", time),
            "coordinates": (">f4", frame.positions),
            "velocities": (">f4", velocities),
            "cell_lengths": (">f8", frame.lengths),
            "cell_angles": (">f8", frame.angles),
        }
        parts = (np.asarray(values[name][1], dtype=values[name][0]) for name in self._order)
        return b"".join(part.tobytes() for part in parts)


def read_trajectory(
    path: Path, topology: AmberTopology | None = None, atoms: Sequence[int] | IntArray | None = None
) -> Trajectory:
    """Read all frames of a NetCDF trajectory.

    Args:
        path: The file.
        topology: The prmtop that it must match; None for any.
        atoms: Atoms to read; None for all.

    Raises:
        InputError: The file is missing, damaged, truncated, not a trajectory, or of other atoms.
    """
    if not is_file(path):
        raise InputError(f"there is no trajectory {path}.")
    try:
        with netcdf_file(path, "r", mmap=False) as file:
            place = file.variables.get("coordinates")
            if place is None or len(place.shape) != 3:
                raise InputError(
                    f"{path} is no AMBER NetCDF trajectory: it has no frames of coordinates."
                )
            if topology is not None:
                check_atoms(path, place.shape[1], topology)
            chosen = slice(None) if atoms is None else np.asarray(atoms, dtype=np.int64)
            positions = numbers(file, "coordinates", path, part=(slice(None), chosen))
            times, lengths, angles = (
                numbers(file, name, path) for name in ("time", "cell_lengths", "cell_angles")
            )
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} is a damaged NetCDF trajectory ({error}).") from error
    frames = np.asarray(positions)
    return Trajectory(np.zeros(len(frames)) if times is None else times, frames, lengths, angles)


def check_atoms(path: Path, n_atoms: int, topology: AmberTopology) -> None:
    """Check that a trajectory has the number of atoms of its prmtop.

    Raises:
        InputError: The numbers differ.
    """
    if n_atoms != len(topology):
        raise InputError(
            f"{path.name} has {n_atoms} atoms, but {topology.path.name} has "
            f"{len(topology)}: give the trajectory that belongs to the prmtop."
        )


def _attributes(file: Any, convention: str, title: str) -> None:
    file.title = (title or "merrow").encode()  # scipy takes non-ASCII characters only as bytes
    file.application = "AMBER"
    file.program = "merrow"
    file.programVersion = version("merrow")
    file.Conventions = convention
    file.ConventionVersion = "1.0"


def _dimensions(file: Any, like: Coordinates) -> None:
    file.createDimension("spatial", 3)
    file.createDimension("atom", len(like.positions))
    _labels(file, "spatial", ("spatial",), [b"x", b"y", b"z"])
    if like.lengths is not None:
        file.createDimension("cell_spatial", 3)
        file.createDimension("label", 5)
        file.createDimension("cell_angular", 3)
        _labels(file, "cell_spatial", ("cell_spatial",), [b"a", b"b", b"c"])
        angles = [list(word) for word in ("alpha", "beta ", "gamma")]
        _labels(file, "cell_angular", ("cell_angular", "label"), angles)


def _labels(file: Any, name: str, place: tuple[str, ...], words: Any) -> None:
    file.createVariable(name, "c", place)[:] = np.array(words, dtype="S1")


def _variable(file: Any, name: str, kind: str, place: tuple[str, ...], unit: str) -> Any:
    variable = file.createVariable(name, kind, place)
    variable.units = unit
    return variable
