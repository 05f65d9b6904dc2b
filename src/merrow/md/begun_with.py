# SPDX-License-Identifier: MIT
"""What a simulation was begun with: the content of its files, and its potential.

`simulate.yaml` only names them. If they have changed, the simulation would go on with another
Hamiltonian in the same trajectory, which is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from merrow.errors import InputError
from merrow.files import atomic_write, digest
from merrow.folders import text_of
from merrow.md.simulate_config import SimulationConfig
from merrow.settings import Settings

BEGUN_FILE: Final = "begun_with.yaml"


class BegunWith(Settings):
    """Contents behind a simulation; older folders have no such file until they go on."""

    files: dict[str, str]
    """SHA-256 of topology and coordinates, by their keys in simulate.yaml."""
    potential: str | None = None
    """Identity of the potential of the ML/MM leg; null while it is not known."""


def check_files(config: SimulationConfig, folder: Path) -> None:
    """Check that topology and coordinates are those that a simulation was begun with.

    Raises:
        InputError: One of them has changed, or cannot be read.
    """
    there, here = _read(folder), _digests(config)
    for key, before in ({} if there is None else there.files).items():
        if here.get(key) != before:
            raise InputError(
                f"{getattr(config, key)} has changed: it is not the file that the simulation in "
                f"{folder} was begun with; restore it, or begin again in another --out."
            )


def check_potential(identity: str, folder: Path) -> None:
    """Check that the potential is the one that a simulation was begun with.

    Raises:
        InputError: It is another one.
    """
    there = _read(folder)
    if there is not None and there.potential not in (None, identity):
        raise InputError(
            f"{folder} was simulated with {there.potential} but the potential found now is "
            f"{identity}; give the original one, or another --out."
        )


def keep(config: SimulationConfig, folder: Path, identity: str | None) -> None:
    """Write what a simulation was begun with, unless it is there.

    Args:
        config: Configuration.
        folder: Run folder.
        identity: Identity of the potential; None if it was not needed.
    """
    there = _read(folder)
    if there is None:
        there = BegunWith(files=_digests(config))
    elif there.potential is not None or identity is None:
        return
    begun = there.model_copy(update={"potential": identity})
    atomic_write(folder / BEGUN_FILE, begun.to_yaml())


def _read(folder: Path) -> BegunWith | None:
    path = folder / BEGUN_FILE
    return BegunWith.from_yaml(text_of(path), source=str(path)) if path.is_file() else None


def _digests(config: SimulationConfig) -> dict[str, str]:
    return {key: digest(Path(getattr(config, key))) for key in ("prmtop", "inpcrd")}
