# SPDX-License-Identifier: MIT
"""Reading of model files of the package `aimnet` as data.

Since 2025 the package publishes one file per network: a dictionary of tensors, metadata and a
description in YAML ("format 2"). It is read as data: no class named in it is looked up, and no code
in it runs. Its tensors have the names and shapes of the published ensemble of 2023, whose D3 tables
are used, since the package adds D3 outside of the network.

Only that architecture is supported. Other families (AIMNet2-NSE for radicals, AIMNet2-rxn without
dispersion, learned dispersion) are refused.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from merrow.errors import InputError, first_line

if TYPE_CHECKING:
    from torch import Tensor

    from merrow.potentials.aimnet2.network import AimMember

NETWORK: Final = {
    "nfeature": 16,
    "d2features": True,
    "ncomb_v": 12,
    "hidden": [[512, 380], [512, 380], [512, 380, 380]],
    "aim_size": 256,
    "num_charge_channels": 1,
}
"""The architecture of the published ensemble."""
RADIAL: Final = {"rc_s": 5.0, "nshifts_s": 16, "rc_v": None, "nshifts_v": None}
"""Settings of `aev` that are not tensors of the file."""
HEADS: Final = ("Output", "AtomicShift", "AtomicSum", "SRCoulomb")
"""Classes of the energy contributions, in order."""
SILENT: Final = ("Dipole", "Quadrupole")
"""Classes without energy contribution."""
GELU: Final = "torch.nn.GELU"
FACTS: Final = {
    "format_version": 2,
    "needs_coulomb": True,
    "needs_dispersion": True,
    "coulomb_mode": "sr_embedded",
    "coulomb_sr_envelope": "exp",
    "has_embedded_d3ts": False,
}
D3: Final = ("s6", "s8", "a1", "a2")
OURS: Final = ("outputs.lrcoulomb.", "outputs.d3bj.")
"""Tensors of our layers that the package keeps outside of the network."""


@dataclass(frozen=True)
class AimFile:
    """One network.

    Attributes:
        tensors: State dict, with the names of our layers.
        elements: Supported atomic numbers.
        charged: Whether a net charge is supported.
        d3: Parameters s6, s8, a1 and a2 [bohr] of D3(BJ).
        coulomb_range: Radius within which the network includes the Coulomb energy [Å].
    """

    tensors: Mapping[str, Tensor]
    elements: frozenset[int]
    charged: bool
    d3: Mapping[str, float]
    coulomb_range: float

    def member(self, published: AimMember) -> AimMember:
        """Return this network with the D3 tables, which the package keeps outside of it.

        Args:
            published: A member of the published ensemble, for the expected shapes.

        Raises:
            InputError: A tensor is missing, or has another shape.
        """
        import torch  # noqa: PLC0415

        from merrow.potentials.aimnet2.network import AimMember  # noqa: PLC0415

        tensors = {k: v for k, v in published.tensors.items() if k.startswith(OURS)}
        for key, layer in published.tensors.items():
            if key in tensors:
                continue
            found = self.tensors.get(key)
            if found is None or found.shape != layer.shape:
                told = "is missing" if found is None else f"has shape {tuple(found.shape)}"
                raise InputError(
                    f"the tensor {key} of this AIMNet2 {told}, where {tuple(layer.shape)} is "
                    "expected: it is another architecture, which is not available here."
                )
            tensors[key] = found
        rounded = torch.tensor(self.coulomb_range, dtype=torch.float32)  # as in the package
        return AimMember(tensors, {**published.d3, **self.d3}, float(rounded))


def member_files(path: Path) -> tuple[Path, ...]:
    """Return the files of an ensemble: one file, or all *.pt in a folder.

    Raises:
        InputError: There is no such file, or none in the folder.
    """
    files = tuple(sorted(path.glob("*.pt"))) if path.is_dir() else (path,)
    if not files or not files[0].is_file():
        what = f"no *.pt in {path}" if path.is_dir() else f"no file {path}"
        raise InputError(f"there is {what} (--potential aimnet2:{path}); correct the path.")
    return files


def ensemble_of(paths: Sequence[Path], published: AimMember) -> list[AimMember]:
    """Return the networks of an ensemble.

    Args:
        paths: Its files.
        published: As in `AimFile.member`.

    Raises:
        InputError: As in `AimFile.member`, or the files are not of one ensemble.
    """
    members = [read_aimnet2(path).member(published) for path in paths]
    first = members[0]
    radial = [key for key in first.tensors if key.startswith("aev.")]
    for path, member in zip(paths, members, strict=True):
        same = all(bool((member.tensors[key] == first.tensors[key]).all()) for key in radial)
        if not same or member.d3 != first.d3:
            raise InputError(
                f"{path} has other radial functions, or another D3, than {paths[0]}: they are not "
                "of one ensemble; keep each ensemble in a folder of its own."
            )
    return members


def read_aimnet2(path: Path) -> AimFile:
    """Return the network in a file.

    Raises:
        InputError: The file is not in format 2, or has another architecture.
    """
    return _read(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int) -> AimFile:
    import torch  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns for TorchScript, which is refused
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch each raise their own
        raise InputError(
            f"{path} is not a model file of the package aimnet (format 2), or it is damaged; "
            "older .jpt files and other pickles can run any program and are not opened: "
            "`aimnet convert` makes a file of format 2."
        ) from error
    try:
        return _judged(content)
    except (KeyError, TypeError, AttributeError, ValueError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} is not a model file of the package aimnet (format 2): "
            f"{type(error).__name__}: {first_line(error)}."
        ) from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _judged(content: Any) -> AimFile:
    for key, wanted in FACTS.items():
        _same(key, content[key], wanted)
    description = yaml.safe_load(content["model_yaml"])
    network = dict(description["kwargs"])
    heads, radial = network.pop("outputs"), network.pop("aev")
    _same("class", description["class"].rpartition(".")[2], "AIMNet2")
    for key, value in ({"num_charge_channels": 1} | network).items():
        _same(key, value, NETWORK.get(key, "not there"))
    for key, wanted in RADIAL.items():
        _same(f"aev {key}", radial.get(key), wanted)
    coulomb_range = float(content["coulomb_sr_rc"])
    _judge_heads(heads, coulomb_range)
    d3 = {"s6": 1.0} | {key: float(value) for key, value in content["d3_params"].items()}
    tensors = dict(content["state_dict"])
    numbers = [coulomb_range, *(d3[key] for key in D3)]
    if not all(math.isfinite(number) for number in numbers) or coulomb_range <= 0:
        raise ValueError("d3_params and coulomb_sr_rc must be finite numbers")
    return AimFile(
        tensors=tensors,
        elements=frozenset(int(number) for number in content["implemented_species"]),
        charged=content.get("supports_charged_systems") is not False,
        d3=d3,
        coulomb_range=coulomb_range,
    )


def _judge_heads(heads: Mapping[str, Any], coulomb_range: float) -> None:
    kinds = {name: head["class"].rpartition(".")[2] for name, head in heads.items()}
    energy = [name for name, kind in kinds.items() if kind not in SILENT]
    _same("outputs", [kinds[name] for name in energy], list(HEADS))
    _same("outputs by name", energy[:3], ["energy_mlp", "atomic_shift", "atomic_sum"])
    settings = [heads[name].get("kwargs", {}) for name in energy]
    _same("energy_mlp key_in", settings[0]["key_in"], "aim")
    for name, setting in zip(energy, settings, strict=True):
        _same(f"{name} key_out", setting.get("key_out", "energy"), "energy")
    _same("energy_mlp activation", settings[0]["mlp"].get("activation_fn", GELU), GELU)
    _same("energy_mlp last_linear", settings[0]["mlp"].get("last_linear", True), True)
    _same("atomic_shift reduce_sum", settings[1].get("reduce_sum", False), False)
    _same("srcoulomb rc", float(settings[3].get("rc", 4.6)), coulomb_range)
    _same("srcoulomb key_in", settings[3].get("key_in", "charges"), "charges")
    _same("srcoulomb envelope", settings[3].get("envelope", "exp"), "exp")


def _same(key: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise InputError(
            f"its {key} is {found!r}, and only {wanted!r} is available here (AIMNet2 for closed "
            "shells with D3); use `--potential ase:FILE.py` with aimnet's own calculator for ASE."
        )
