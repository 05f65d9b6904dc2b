# SPDX-License-Identifier: MIT
"""Potentials of openmm-ml, evaluated through OpenMM.

One OpenMM Context holds the molecule with only the potential; conformers are evaluated one after
the other. At the first geometry forces are compared with the gradient of the energy, and a
potential that fails is refused.

openmm-ml loads its own weights, some of them by unpickling. A user's file is read in torch's safe
mode, so that no code in it runs.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from merrow.errors import (
    InputError,
    MerrowError,
    MissingComponentError,
    first_line,
)
from merrow.potentials.families import Family, Model
from merrow.potentials.guest import GUARD, UNGUARDED, Guest
from merrow.potentials.interface import Array, Capabilities, Evaluation, Molecule
from merrow.potentials.optional_import import require
from merrow.potentials.proven import Proven
from merrow.potentials.validation import CheckedPotential
from merrow.potentials.weights import file_digest
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ

PREFIX: Final = "openmmml:"
SPIN: Final = frozenset(
    {
        "aimnet2-nse",
        "mace-omol-0-extra-large",
        "mace-polar-1-large",
        "mace-polar-1-medium",
        "mace-polar-1-small",
        "orb-v3-conservative-omol",
    }
)
"""Potentials of openmm-ml 1.8 that were trained for net charge and multiplicity."""
CHARGE: Final = SPIN | {
    "aceff-1.0",
    "aceff-1.1",
    "aceff-2.0",
    "aimnet2",
    "aimnet2-2025",
    "fennix-bio1-medium-finetune-ions",
    "fennix-bio1-small-finetune-ions",
}
"""Those that were trained for a net charge."""
EITHER_PRECISION: Final = ("mace", "fennix")
"""Name prefixes of potentials with a choice of `precision`; the others compute in float32."""
FILES: Final = ("aimnet", "fennix", "torchmdnet")
"""Potentials of openmm-ml that take a file; the others would ignore it."""
ABSOLUTE: Final = {"returnEnergyType": "energy", "remove_ref_energy": False}
"""Option that makes MACE and TorchMD-Net include energies of isolated atoms; others ignore it."""


class OpenMMEngine:
    """A potential for one molecule, in a Context made once and again after unpickling."""

    def __init__(self, name: str, molecule: Molecule, weights: Path | None, precision: str) -> None:
        """Make the potential with openmm-ml.

        Args:
            name: Name of the potential in openmm-ml, without the prefix.
            molecule: Elements, charge and multiplicity.
            weights: The user's weights file, or None.
            precision: "float32" or "float64", for potentials with a choice.

        Raises:
            InputError: openmm-ml cannot make it for this molecule.
            MissingComponentError: A package of the potential is not installed.
        """
        import openmm  # noqa: PLC0415

        self._recipe = (name, molecule, weights, precision)
        self._name = f"{PREFIX}{name}"
        system, integrator = _system(*self._recipe), openmm.VerletIntegrator(0.001)
        # The only platform that passes positions in float64.
        reference = openmm.Platform.getPlatformByName("Reference")
        self._context = openmm.Context(system, integrator, reference)

    def __reduce__(self) -> tuple[type[OpenMMEngine], tuple[object, ...]]:
        """Pickle the arguments, to be made again."""
        return type(self), self._recipe

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3), one conformer at a time.

        Raises:
            MerrowError: The potential fails.
        """
        import torch  # noqa: PLC0415

        energies, forces = np.empty(len(positions)), np.empty(positions.shape)
        centred = positions - positions.mean(axis=1, keepdims=True)  # best for float32
        # TorchScript would switch to other code, with different rounding, after its first calls.
        with torch.jit.optimized_execution(False):
            for k, conformer in enumerate(centred):
                try:
                    self._context.setPositions(conformer / ANGSTROM_PER_NM)
                    state = self._context.getState(getEnergy=True, getForces=True)
                except Exception as error:
                    raise MerrowError(
                        f"{self._name} fails on conformer {k + 1} ({_told(error)})."
                    ) from error
                energies[k] = state.getPotentialEnergy()._value
                forces[k] = state.getForces(asNumpy=True)._value
        return Evaluation(energies * KCAL_PER_KJ, forces * (KCAL_PER_KJ / ANGSTROM_PER_NM))


def _system(name: str, molecule: Molecule, weights: Path | None, precision: str) -> Any:
    """Return an OpenMM System of the molecule with only openmm-ml's potential."""
    import openmm.app  # noqa: PLC0415

    topology = openmm.app.Topology()
    residue = topology.addResidue("MOL", topology.addChain())
    for number in molecule.numbers:
        topology.addAtom("X", openmm.app.Element.getByAtomicNumber(number), residue)
    files = {} if weights is None else {"modelPath": str(weights)}
    try:
        with _switches(name, weights), _quiet():
            return (
                _library(PREFIX + name)
                .MLPotential(name, **files)
                .createSystem(
                    topology,
                    removeCMMotion=False,
                    charge=molecule.charge,
                    multiplicity=molecule.multiplicity,
                    precision={"float32": "single", "float64": "double"}[precision],
                    **ABSOLUTE,
                )
            )
    except ImportError as error:
        raise MissingComponentError(
            f"{PREFIX}{name} needs a package that does not load here ({_told(error)})."
        ) from error
    except Exception as error:
        raise InputError(
            f"openmm-ml does not make {name} of this molecule ({_told(error)}); look whether its "
            f"weights are here, whether it wants a file (--weights), and which elements it knows."
        ) from error


@contextlib.contextmanager
def _switches(name: str, weights: Path | None) -> Iterator[None]:
    """Set torch's unpickling mode for this block, and restore it.

    mace-torch disables safe loading permanently at its first import. Here that holds only for its
    published models while they are loaded; a user's file is loaded in safe mode.
    """
    with Guest().at_work():
        for key in (GUARD, UNGUARDED):
            os.environ.pop(key, None)
        if weights is not None:
            os.environ[GUARD] = "1"
        elif name.startswith("mace-"):
            os.environ[UNGUARDED] = "1"
        yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress output and warnings of a library, which would mix with our JSON."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _library(name: str) -> Any:
    return require("openmmml", extra="openmmml", why=name)


def load_openmmml(
    name: str, molecule: Molecule, weights: Path | None, precision: str
) -> CheckedPotential:
    """Return a potential of openmm-ml for one molecule.

    Args:
        name: "openmmml:NAME", with a name of openmm-ml.
        molecule: The molecule.
        weights: A file for potentials that take one, such as "openmmml:aimnet"; else None.
        precision: "float32" or "float64", for potentials with a choice.

    Raises:
        InputError: openmm-ml has no such potential, or cannot make it for this molecule.
        MissingComponentError: openmm-ml, or a package of the potential, is not installed.
    """
    known = _capabilities(name, precision)
    short = name.removeprefix(PREFIX)
    if weights is not None:
        if not weights.is_file():
            raise InputError(f"there is no weights file {weights}; --weights must name a file.")
        factory = type(_library(name).MLPotential._implFactories[short])
        if factory.__module__.startswith("openmmml.") and short not in (*FILES, "mace"):
            raise InputError(
                f"{name} has weights of its own; leave out --weights, "
                f"which is for {', '.join(FILES)} and for plug-ins of openmm-ml."
            )
    if short == "mace":
        raise InputError(
            f"{name} would unpickle its file, which can run any program; "
            "write mace:FILE, which reads the same file and runs nothing in it."
        )
    identity = f"{name}:openmmml-{version('openmmml')}"
    if weights is not None:
        identity += f":{file_digest(weights)}"
    engine = Proven(
        OpenMMEngine(short, molecule, weights and weights.resolve(), precision),
        told=f"{name} (openmm-ml {version('openmmml')})",
        instead="use one of `merrow models list`, or another version of openmm-ml",
    )
    return CheckedPotential(known, identity, molecule.numbers, engine)


def describe_openmmml(name: str) -> Model:
    """Describe a potential of openmm-ml without loading it.

    Raises:
        InputError: openmm-ml has no such potential.
        MissingComponentError: openmm-ml is not installed.
    """
    theory = "whatever it was fitted to: see the documentation of openmm-ml"
    return Model(_capabilities(name, "float32"), theory, "see openmm-ml", "openmm-ml's own")


def _capabilities(name: str, precision: str) -> Capabilities:
    short = name.removeprefix(PREFIX)
    names = sorted(_library(name).MLPotential._implFactories)  # there is no public list
    if short not in names:
        raise InputError(f"openmm-ml has no potential {short!r}; it has {', '.join(names)}.")
    return Capabilities(
        name=name,
        elements=None,
        charged=short in CHARGE,
        open_shell=short in SPIN,
        dtype=precision if short.startswith(EITHER_PRECISION) else "float32",
    )


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


FAMILY: Final = Family(
    models={}, load=load_openmmml, generic=f"{PREFIX}NAME", describe=describe_openmmml
)
