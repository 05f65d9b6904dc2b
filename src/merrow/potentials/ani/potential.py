# SPDX-License-Identifier: MIT
"""ANI models as potentials of one molecule."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

import numpy as np

from merrow.potentials.ani import native_engine as native
from merrow.potentials.ani.models import ANI_MODELS, METHANE, AniModel
from merrow.potentials.ani.parameters import AniParameters, Array
from merrow.potentials.ani.static_engine import StaticAni
from merrow.potentials.ani.torch_engine import TorchAni
from merrow.potentials.ani.weights import weights_of
from merrow.potentials.device import CPU, placed
from merrow.potentials.interface import Evaluation, Molecule
from merrow.potentials.validation import CheckedPotential
from merrow.units import HARTREE_KCAL


class Networks(Protocol):
    """An engine: torch, with lists or fixed shapes, or the compiled kernel."""

    def evaluate(self, positions: Array) -> tuple[Array, Array]:
        """Return energies of all members (R, M) [Hartree] and forces (R, N, 3) [Hartree/Å]."""


@dataclass(frozen=True)
class AniEnsemble:
    """All members of an ANI model as the engine of a potential.

    Attributes:
        parameters: The model, pruned to the elements of the molecule.
        numbers: Atomic numbers of the molecule, length N.
        precision: "float32" or "float64".
        device: Device of torch.
        networks: Engine of the mean.
    """

    parameters: AniParameters
    numbers: tuple[int, ...]
    precision: str
    device: str
    networks: Networks

    def evaluate(self, positions: Array) -> Evaluation:
        """Return the mean of all members and their spread; see `Evaluation`."""
        members, forces = self.networks.evaluate(positions)
        return Evaluation(
            energies=members.mean(axis=1) * HARTREE_KCAL,
            forces=forces * HARTREE_KCAL,
            spread=members.std(axis=1, ddof=1) * HARTREE_KCAL,
        )

    def instance(self, conformers: int) -> Hashable:
        """Return the identity of the program for a number of conformers."""
        own = self.networks
        return own.instance(conformers) if isinstance(own, StaticAni) else None

    def member_energies(self, positions: Array) -> Array:
        """Return the energy of each member [kcal/mol], shape (R, M)."""
        return self.networks.evaluate(positions)[0] * HARTREE_KCAL

    def member_forces(self, positions: Array) -> Array:
        """Return the forces of each member [kcal/mol/Å], shape (R, M, N, 3)."""
        parts = [networks.evaluate(positions)[1] for networks in self._alone]
        return np.stack(parts, axis=1) * HARTREE_KCAL

    @cached_property
    def _alone(self) -> list[Networks]:
        """Each member as a separate model, made on first use."""
        each = (self.parameters.member(m) for m in range(self.parameters.n_members))
        return [_networks(one, self.numbers, self.precision, self.device) for one in each]

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_alone"}


def load_ani(
    name: str, molecule: Molecule, weights: Path | None, precision: str
) -> CheckedPotential:
    """Return an ANI model as a potential of one molecule.

    Args:
        name: "ani1x", "ani1ccx" or "ani2x".
        molecule: The molecule, of supported elements.
        weights: Weights file, or None to search for it.
        precision: "float32" or "float64".

    Raises:
        InputError: The weights are wrong.
        MissingComponentError: The weights are not installed.
    """
    model = ANI_MODELS[name]
    return ani_potential(model, weights_of(model).load(weights), molecule, precision)


def ani_potential(
    model: AniModel, parameters: AniParameters, molecule: Molecule, precision: str
) -> CheckedPotential:
    """Return parameters in memory as a potential of one molecule.

    Args:
        model: Description of the model.
        parameters: Parameters of the model.
        molecule: As in `load_ani`.
        precision: "float32" or "float64".
    """
    pruned = parameters.pruned(molecule.numbers)
    engine, proof = placed(partial(_ensemble, pruned, molecule.numbers, precision), precision)
    return CheckedPotential(
        capabilities=replace(model.capabilities, dtype=precision),
        identity=f"{model.name}:{parameters.digest()}",
        numbers=molecule.numbers,
        engine=engine,
        proof=proof,
    )


def methane_deviation(name: str, weights: Path | None, precision: str) -> float:
    """Return the deviation of the energy of `METHANE` from the stored one [Hartree].

    Raises:
        InputError: The weights are wrong.
        MissingComponentError: The weights are not installed.
    """
    molecule = Molecule(tuple(number for number, _ in METHANE))
    positions = np.array([[position for _, position in METHANE]])
    potential = load_ani(name, molecule, weights, precision)
    energy = potential.evaluate(positions).energies[0] / HARTREE_KCAL
    return float(energy - ANI_MODELS[name].methane_hartree)


def _ensemble(
    parameters: AniParameters, numbers: tuple[int, ...], precision: str, device: str
) -> AniEnsemble:
    networks = _networks(parameters, numbers, precision, device)
    return AniEnsemble(parameters, numbers, precision, device, networks)


def _networks(
    parameters: AniParameters, numbers: tuple[int, ...], precision: str, device: str
) -> Networks:
    """Choose the engine."""
    if device == CPU and precision == "float32" and native.available():
        return native.NativeAni(parameters, numbers)
    if device == CPU:
        return TorchAni(parameters, numbers, precision)
    return StaticAni(parameters, numbers, precision, device)
