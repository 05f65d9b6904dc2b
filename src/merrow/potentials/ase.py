# SPDX-License-Identifier: MIT
"""ASE calculators as potentials, from a package or a user's file.

`ase:package.module.Class` calls the class without arguments. `ase:FILE.py` runs the user's file and
calls its function `make_calculator(numbers, charge, multiplicity)`; the file may also define
ELEMENTS, CHARGED, OPEN_SHELL, DTYPE, LEVEL_OF_THEORY, LICENSE and CITATION.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.abc import Loader
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from merrow.errors import InputError, MerrowError, MissingComponentError, first_line
from merrow.files import is_file
from merrow.potentials.elements import SYMBOLS
from merrow.potentials.families import Family, Model
from merrow.potentials.guest import Guest, tell_of_code
from merrow.potentials.interface import Array, Capabilities, Evaluation, Molecule
from merrow.potentials.optional_import import require
from merrow.potentials.proven import Proven
from merrow.potentials.validation import CheckedPotential
from merrow.potentials.weights import file_digest
from merrow.units import EV_KCAL

MAKER: Final = "make_calculator"


@dataclass(frozen=True)
class AseEngine:
    """A calculator for one molecule, made at the first evaluation and again after unpickling."""

    name: str
    molecule: Molecule

    @cached_property
    def _calculator(self) -> Any:
        target = _target(self.name)
        molecule = self.molecule
        try:
            with _guest(self.name).at_work():
                if isinstance(target, ModuleType):
                    maker = getattr(target, MAKER)
                    return maker(molecule.numbers, molecule.charge, molecule.multiplicity)
                return target()
        except Exception as error:
            raise InputError(
                f"{self.name} makes no calculator ({type(error).__name__}: {first_line(error)}); "
                f"write a file with a function {MAKER}(numbers, charge, multiplicity)."
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3), one conformer at a time.

        Raises:
            MerrowError: The calculator fails.
        """
        ase = require("ase", extra="ase", why=self.name)
        molecule, calculator = self.molecule, self._calculator
        energies, forces = np.empty(len(positions)), np.empty(positions.shape)
        for k, conformer in enumerate(positions):
            atoms = ase.Atoms(numbers=molecule.numbers, positions=conformer)
            atoms.info |= {"charge": molecule.charge, "spin": molecule.multiplicity}
            try:
                with _guest(self.name).at_work():
                    if hasattr(calculator, "reset"):
                        calculator.reset()  # the previous conformer must not affect this result
                    energies[k] = calculator.get_potential_energy(atoms)
                    forces[k] = calculator.get_forces(atoms)
                    # with electrons smeared over levels, forces are the slope of this one
                    free = getattr(calculator, "results", {}).get("free_energy")
                    energies[k] = energies[k] if free is None else free
            except Exception as error:
                raise MerrowError(
                    f"{self.name} fails on conformer {k + 1} ({type(error).__name__}: "
                    f"{first_line(error)})."
                ) from error
        return Evaluation(energies * EV_KCAL, forces * EV_KCAL)


def load_ase(
    name: str, molecule: Molecule, weights: Path | None, _precision: str
) -> CheckedPotential:
    """Return an ASE calculator as a potential of one molecule.

    Args:
        name: "ase:package.module.Class" or "ase:FILE.py".
        molecule: The molecule.
        weights: Must be None, since the file or class finds its own weights.

    Raises:
        InputError: The name gives no calculator, or weights are given.
        MissingComponentError: ASE or the package is not installed.
    """
    if weights is not None:
        raise InputError(f"{name} takes no --weights: its {MAKER} says where they are.")
    require("ase", extra="ase", why=name)
    engine = AseEngine(name, molecule)
    _ = engine._calculator  # raises its errors now
    known = describe_ase(name).capabilities
    proven = Proven(engine, known.name, "correct it, or use another calculator")
    return CheckedPotential(known, _identity(name), molecule.numbers, proven)


def describe_ase(name: str) -> Model:
    """Describe a calculator as its file declares it; a class declares only its name.

    Raises:
        InputError: The name gives no calculator.
        MissingComponentError: The package is not installed.
    """
    target = _target(name)
    elements = getattr(target, "ELEMENTS", None)
    capabilities = Capabilities(
        name=_short(name),
        elements=None if elements is None else frozenset(_number(e, name) for e in elements),
        charged=bool(getattr(target, "CHARGED", False)),
        open_shell=bool(getattr(target, "OPEN_SHELL", False)),
        dtype=str(getattr(target, "DTYPE", "float64")),
        citation=str(getattr(target, "CITATION", "")),
    )
    theory = str(getattr(target, "LEVEL_OF_THEORY", "whatever the ASE calculator computes"))
    return Model(
        capabilities, theory, str(getattr(target, "LICENSE", "see its package")), "its own"
    )


def _number(element: int | str, name: str) -> int:
    if isinstance(element, str) and element in SYMBOLS:
        return SYMBOLS.index(element)
    if isinstance(element, int) and 0 < element < len(SYMBOLS):
        return element
    raise InputError(f"{name}: ELEMENTS holds {element!r}, which is no element; write 'C' or 6.")


def _identity(name: str) -> str:
    """Return the name with the hash of its file or the version of its package."""
    path = _path(name)
    if path is not None:
        return f"{_short(name)}:{file_digest(path)}"
    package = name.partition(":")[2].partition(".")[0]
    try:
        return f"{name}:{version(package)}"
    except PackageNotFoundError:
        return f"{name}:unknown-version"


def _short(name: str) -> str:
    """Return the name without the folders of a file, on which its content does not depend."""
    path = _path(name)
    return name if path is None else f"ase:{path.name}"


def _path(name: str) -> Path | None:
    target = name.partition(":")[2]
    return Path(target) if target.endswith(".py") else None


def _target(name: str) -> Any:
    """Return the module of a user's file, or the class of a package."""
    path = _path(name)
    if path is not None:
        if not is_file(path):
            raise InputError(f"there is no file {path} (--potential {name}); correct the path.")
        tell_of_code(path)
        return _run(name, path.resolve(), path.stat().st_mtime_ns)
    module, _, attribute = name.partition(":")[2].rpartition(".")
    if not module:
        raise InputError(
            f"{name!r} is neither ase:package.module.Class nor ase:FILE.py; write one of them."
        )
    try:
        with _guest(name).at_work():
            return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise MissingComponentError(
            f"{name} needs the module {module}, which does not load here ({first_line(error)}); "
            "install its package."
        ) from error
    except AttributeError as error:
        raise InputError(f"the module {module} has no {attribute} (--potential {name}).") from error


@lru_cache(maxsize=8)
def _guest(_name: str) -> Guest:
    """Return the guest that isolates torch settings changed by a calculator's code."""
    return Guest()


@lru_cache(maxsize=8)
def _run(name: str, path: Path, changed: int) -> ModuleType:
    """Run a user's file, once per content, as an imported module of a name of its own."""
    called = f"merrow_user_{path.stem}_{sha256(f'{path}:{changed}'.encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(called, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is not a file of Python; it must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[called] = module  # where dataclasses and pickle look for it
    try:
        _execute(name, path, spec.loader, module)
    except BaseException:
        sys.modules.pop(called, None)
        raise
    return module


def _execute(name: str, path: Path, loader: Loader, module: ModuleType) -> None:
    try:
        with _guest(name).at_work():
            loader.exec_module(module)
    except Exception as error:
        raise InputError(
            f"{path} cannot be run ({type(error).__name__}: {first_line(error)}); correct it."
        ) from error
    if not callable(getattr(module, MAKER, None)):
        raise InputError(
            f"{path} has no function {MAKER}(numbers, charge, multiplicity) that returns a "
            "calculator of ASE; add it."
        )


FAMILY: Final = Family(
    models={},
    load=load_ase,
    generic="ase:FILE.py or ase:package.module.Class",
    describe=describe_ase,
    takes_file=True,
)
