# SPDX-License-Identifier: MIT
"""AIMNet2 ensembles as potentials, including charged molecules.

`aimnet2` and `aimnet2-b973c` are published; `aimnet2:FILE` is a model file of the package `aimnet`,
or a folder with the files of an ensemble.

The published TorchScript files of 2023 hold four networks. Their `forward` rounds coordinates to
float32 and adds atomic shifts of thousands of eV in float32; here positions are centred before
rounding, and totals are always float64.

Reference: Anstine, Zubatyuk, Isayev, 10.1039/D4SC08572H.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from merrow.potentials.aimnet2.files import ensemble_of, member_files, read_aimnet2
from merrow.potentials.aimnet2.weights import AIM_WEIGHTS, WHEEL
from merrow.potentials.device import placed, to_numpy
from merrow.potentials.families import Family, Model
from merrow.potentials.interface import Array, Capabilities, Evaluation, Molecule
from merrow.potentials.validation import CheckedPotential
from merrow.potentials.weights import file_digest
from merrow.units import EV_KCAL

if TYPE_CHECKING:
    from merrow.potentials.aimnet2.network import AimNetworks
    from merrow.potentials.program import Program

ELEMENTS: Final = frozenset({1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 53})
N_MEMBERS: Final = 4
ATOM_PAIRS: Final = 10_000
"""Limit of R · N² per pass; larger batches are split to save memory."""


class AimNet2:
    """An AIMNet2 ensemble for one molecule; it reads its file again after unpickling."""

    def __init__(
        self,
        path: Path,
        molecule: Molecule,
        precision: str,
        networks: tuple[Path, ...],
        device: str,
    ) -> None:
        """Store the arguments; the files are read at the first evaluation.

        Args:
            path: The verified TorchScript file.
            molecule: Elements and charge.
            precision: Precision of the networks, "float32" or "float64".
            networks: Files of the package aimnet that replace its networks.
            device: Device of the networks.
        """
        self._path, self._molecule, self._precision = path, molecule, precision
        self._networks, self._device = networks, device
        self._programs: dict[int, Program] = {}

    @cached_property
    def _ensemble(self) -> AimNetworks:
        import torch  # noqa: PLC0415

        from merrow.potentials.aimnet2.network import AimNetworks, published_members  # noqa: PLC0415

        members = published_members(self._path)
        if self._networks:
            members = ensemble_of(self._networks, members[0])
        dtype = getattr(torch, self._precision)
        about = self._molecule
        return AimNetworks(members, about.numbers, about.charge, dtype, self._device)

    def __getstate__(self) -> dict[str, Any]:
        kept = {k: v for k, v in self.__dict__.items() if k != "_ensemble"}
        return kept | {"_programs": {}}

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies, forces, spread of energies and atomic charges of positions (R, N, 3)."""
        say = self._graphs_say if self._device.startswith("cuda") else self._members_say
        energy, force, charge = say(positions, apart=False)
        return Evaluation(
            energies=energy.mean(axis=0) * EV_KCAL,
            forces=force[0] * EV_KCAL,
            spread=energy.std(axis=0, ddof=1) * EV_KCAL if len(energy) > 1 else None,
            charges=charge.mean(axis=0),
        )

    def member_forces(self, positions: Array) -> Array:
        """Return the forces of each member [kcal/mol/Å], shape (R, M, N, 3)."""
        return np.moveaxis(self._members_say(positions, apart=True)[1], 0, 1) * EV_KCAL

    def instance(self, conformers: int) -> int:
        """Return the identity of the program for a number of conformers."""
        from merrow.potentials.program import rows_of  # noqa: PLC0415  (torch)

        return rows_of(conformers, self._most_rows)

    @property
    def _most_rows(self) -> int:
        return max(1, ATOM_PAIRS // len(self._molecule.numbers) ** 2)

    def _graphs_say(self, positions: Array, *, apart: bool) -> list[Array]:
        """Evaluate `AimNetworks.evaluate` by programs of fixed shape."""
        centred = positions - positions.mean(axis=1, keepdims=True)
        from merrow.potentials.program import Program, in_rows  # noqa: PLC0415  (torch)

        rows = self.instance(len(positions))
        if rows not in self._programs:
            shape = (rows, *positions.shape[1:])
            answer = partial(self._ensemble.evaluate, apart=apart)
            self._programs[rows] = Program(answer, shape, self._device)
        parts = []
        for whole, count in in_rows(centred, rows):
            found = self._programs[rows](whole)
            parts.append([values[:, :count] for values in found])
        return [np.concatenate(each, axis=1) for each in zip(*parts, strict=True)]

    def _members_say(self, positions: Array, *, apart: bool) -> list[Array]:
        """Evaluate `AimNetworks.evaluate` for any number of conformers."""
        import torch  # noqa: PLC0415

        centred = torch.from_numpy(positions - positions.mean(axis=1, keepdims=True))
        parts = [
            self._ensemble.evaluate(each, apart=apart) for each in centred.split(self._most_rows)
        ]
        return [to_numpy(torch.cat(each, 1)) for each in zip(*parts, strict=True)]


def load_aimnet2(
    name: str, molecule: Molecule, weights: Path | None, precision: str
) -> CheckedPotential:
    """Return an AIMNet2 ensemble as a potential of one molecule.

    Args:
        name: "aimnet2", "aimnet2-b973c", or "aimnet2:FILE".
        molecule: The molecule.
        weights: The published TorchScript file, a folder with it, or None to search and download
            it; "aimnet2:FILE" uses the layers of "aimnet2".
        precision: "float32" or "float64".

    Raises:
        InputError: The file is not the published one, or FILE has another architecture.
        MissingComponentError: The file is missing and cannot be downloaded.
    """
    base = name.partition(":")[0]
    networks = () if name == base else _networks(name)
    model = describe_aimnet2(name) if networks else FAMILY.models[name]
    known = replace(model.capabilities, dtype=precision)
    path = AIM_WEIGHTS[base].load(weights).resolve()
    engine, proof = placed(partial(AimNet2, path, molecule, precision, networks), precision)
    digest = AIM_WEIGHTS[base].sha256
    if networks:
        _ = engine._ensemble  # raises errors of the files now
        digests = "".join(file_digest(network) for network in networks)
        digest = hashlib.sha256(digests.encode()).hexdigest()
    return CheckedPotential(known, f"{known.name}:{digest}", molecule.numbers, engine, proof)


def describe_aimnet2(name: str) -> Model:
    """Describe files of the package aimnet.

    Args:
        name: "aimnet2:FILE", with a file or a folder.

    Raises:
        InputError: There is no such file, or it is not supported.
    """
    networks = [read_aimnet2(path) for path in _networks(name)]
    capabilities = replace(
        FAMILY.models["aimnet2"].capabilities,
        name=f"aimnet2:{Path(name.partition(':')[2]).name}",
        elements=frozenset.intersection(*(network.elements for network in networks)),
        charged=all(network.charged for network in networks),
        ensemble_size=len(networks),
    )
    return Model(
        capabilities, "what its author fitted it to", "that of the file", "a file of yours"
    )


def _networks(name: str) -> tuple[Path, ...]:
    return tuple(path.resolve() for path in member_files(Path(name.partition(":")[2])))


THEORIES: Final = {"aimnet2": "ωB97M-D3(BJ)/def2-TZVPP", "aimnet2-b973c": "B97-3c"}
FAMILY: Final = Family(
    models={
        name: Model(
            Capabilities(
                name=name,
                elements=ELEMENTS,
                charged=True,
                dtype="float32",
                ensemble_size=N_MEMBERS,
                citation="10.1039/D4SC08572H",
            ),
            theory,
            AIM_WEIGHTS[name].license,
            f"the wheel of {WHEEL}",
        )
        for name, theory in THEORIES.items()
    },
    load=load_aimnet2,
    generic="aimnet2:FILE",
    describe=describe_aimnet2,
    takes_file=True,
    weights=AIM_WEIGHTS,
)
