# SPDX-License-Identifier: MIT
"""Reading of rst7, inpcrd and NetCDF restarts, and atomic writing of rst7."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file

from merrow.amber.netcdf import AMBER_VELOCITY, numbers
from merrow.errors import InputError
from merrow.files import atomic_write, is_file

Array = NDArray[np.float64]

WIDTH: Final = 12
"""Width of a number in rst7 [characters]."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """One configuration of N atoms.

    Attributes:
        positions: Positions [Å], shape (N, 3).
        velocities: Velocities [Å/ps], shape (N, 3), or None.
        lengths: Box edges [Å], shape (3,), or None without a box.
        angles: Box angles [degree], shape (3,), or None without a box.
    """

    positions: Array
    velocities: Array | None = None
    lengths: Array | None = None
    angles: Array | None = None


def read_coordinates(
    path: str | Path, n_atoms: int | None = None, *, angle: float = 90.0
) -> Coordinates:
    """Read an ASCII restart (rst7, inpcrd) or a NetCDF restart, recognised by its content.

    Args:
        path: The file.
        n_atoms: Number of atoms of the prmtop, or None to accept any.
        angle: Box angle from the prmtop [degree], for files with only the box edges.

    Raises:
        InputError: The file is missing, damaged, not finite, or of another size.
    """
    path = Path(path)
    if not is_file(path):
        raise InputError(f"there is no coordinate file {path}.")
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic.startswith(b"\x89HDF"):
        raise InputError(f"{path} is a NetCDF-4 file; write an AMBER restart (rst7) of it.")
    found = _read_netcdf(path) if magic.startswith(b"CDF") else _read_ascii(path, angle)
    if n_atoms is not None and len(found.positions) != n_atoms:
        raise InputError(
            f"the prmtop has {n_atoms} atoms, but {path.name} has {len(found.positions)}: "
            "give the coordinates that belong to the prmtop."
        )
    for what in ("positions", "velocities", "lengths", "angles"):
        values = getattr(found, what)
        if values is not None and not np.isfinite(values).all():
            raise InputError(f"{path.name} has {what} that are not finite numbers.")
    return found


def write_restart(path: str | Path, coordinates: Coordinates, *, time: float = 0.0) -> None:
    """Write an ASCII restart (rst7) atomically.

    Args:
        path: The file.
        coordinates: Coordinates; positions are written to 1e-7 Å.
        time: Time of the configuration [ps].

    Raises:
        InputError: A number does not fit into the twelve characters of the format.
    """
    path = Path(path)
    blocks = [coordinates.positions]
    if coordinates.velocities is not None:
        blocks.append(coordinates.velocities / AMBER_VELOCITY)
    if coordinates.lengths is not None and coordinates.angles is not None:
        blocks.append(np.concatenate([coordinates.lengths, coordinates.angles]))
    lines = ["written by merrow", f"{len(coordinates.positions):5d}{time:15.7e}"]
    for block in blocks:
        values = [f"{value:{WIDTH}.7f}" for value in np.ravel(block)]
        if any(len(value) > WIDTH or "n" in value for value in values):
            raise InputError(f"{path.name} cannot hold these coordinates: a number is too large.")
        lines += ["".join(values[i : i + 6]) for i in range(0, len(values), 6)]
    atomic_write(path, "\n".join(lines) + "\n")


def _read_ascii(path: Path, angle: float) -> Coordinates:
    """Read an ASCII restart in fixed columns of twelve characters.

    ParmEd's reader is not used, since it leaves zeros for truncated lines or overflowed numbers.
    """
    try:
        lines = path.read_text(encoding="latin-1").rstrip().splitlines()
        n_atoms = int(lines[1].split()[0])
        fields = [
            line[i : i + WIDTH] for line in lines[2:] for i in range(0, len(line.rstrip()), WIDTH)
        ]
        values = np.array([float(field) for field in fields if len(field) == WIDTH])
    except (IndexError, ValueError) as error:
        raise InputError(
            f"{path} is not an AMBER coordinate file, or it is damaged ({error})."
        ) from error
    size = 3 * n_atoms
    rest = len(values) - size
    if rest in (3, size + 3) and rest not in (
        6,
        size,
    ):  # old programs wrote only the box edges
        values, rest = np.append(values, [angle] * 3), rest + 3
        fields += [""] * 3
    if n_atoms < 1 or rest not in (0, 6, size, size + 6) or len(values) != len(fields):
        raise InputError(
            f"{path} is truncated or damaged: {len(values)} numbers do not make {n_atoms} atoms "
            "with or without velocities and box."
        )
    tail = values[len(values) - 6 :]
    # Two atoms without a box may have six velocities; a box would have large angles.
    has_box = rest in (6, size + 6) and not (rest == size and tail[3:].min() < 30.0)
    has_velocities = rest == size + 6 or (rest == size and not has_box)
    if has_box and tail[:3].min() <= 0.0:
        has_box = False
    return Coordinates(
        positions=values[:size].reshape(-1, 3),
        velocities=(
            values[size : 2 * size].reshape(-1, 3) * AMBER_VELOCITY if has_velocities else None
        ),
        lengths=tail[:3].copy() if has_box else None,
        angles=tail[3:].copy() if has_box else None,
    )


def _read_netcdf(path: Path) -> Coordinates:
    """Read a NetCDF restart in AMBER's convention."""
    try:
        with netcdf_file(path, "r", mmap=False) as file:
            positions, velocities, lengths, angles = (
                numbers(file, name, path)
                for name in ("coordinates", "velocities", "cell_lengths", "cell_angles")
            )
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} is a damaged NetCDF file ({error}).") from error
    if positions is None or positions.ndim != 2:
        raise InputError(f"{path} contains no single set of coordinates: give a restart file.")
    if lengths is None or angles is None or lengths.min() <= 0.0:
        lengths = angles = None
    return Coordinates(positions=positions, velocities=velocities, lengths=lengths, angles=angles)
