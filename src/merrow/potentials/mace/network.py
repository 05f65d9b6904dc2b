# SPDX-License-Identifier: MIT
"""A MACE model rebuilt as a torch module and evaluated on batches.

mace-torch changes global state at import: it disables the safe mode of `torch.load`. Here it is
imported without side effects, and its constructors do not advance the global random state.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import re
import warnings
from collections.abc import Hashable, Iterator, Mapping
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final

import numpy as np
import torch

from merrow.errors import InputError, MissingComponentError
from merrow.potentials.device import CPU, to_numpy
from merrow.potentials.interface import Array, Evaluation
from merrow.potentials.mace.files import MaceParameters
from merrow.potentials.mace.graph import Index, Pairs, pairs_within
from merrow.potentials.mace.static_engine import StaticMace, fastest_way
from merrow.units import EV_KCAL

DTYPES: Final = {"float32": torch.float32, "float64": torch.float64}

PAIRS_PER_PASS: Final = 10_000
"""Limit of pairs per pass; larger batches are split to save memory."""

FIXED, LISTED = "fixed shapes", "lists of pairs"

_SWITCH: Final = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_COUPLING: Final = re.compile(r"\._w3j_(\d+)_(\d+)_(\d+)$")
"""Coupling coefficients of three angular momenta: constants compiled into e3nn's code."""
_BASIS: Final = re.compile(r"symmetric_contractions\.contractions\.\d+\.U_matrix_\d+$")
"""Tensors that couple the features of an atom, in a basis that cuEquivariance reduces."""
_UNUSED: Final = re.compile(r"\.weights_\w+_zeroed$")
"""Flags that no forward pass uses, and that older files lack."""


def library(name: str = "mace.modules") -> ModuleType:
    """Return a module of mace-torch, imported without side effects on the process.

    Raises:
        MissingComponentError: mace-torch is not installed.
    """
    before = os.environ.get(_SWITCH)
    try:
        with _quiet(), torch.serialization.safe_globals([slice]):
            importlib.import_module("e3nn.o3")  # its constants contain slices
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingComponentError(
            f"MACE needs mace-torch, which cannot be imported ({error}): "
            "run pip install 'merrow[mace]'."
        ) from error
    finally:
        os.environ.pop(_SWITCH, None)
        if before is not None:
            os.environ[_SWITCH] = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress output, warnings and logs of a library."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def build_network(parameters: MaceParameters) -> torch.nn.Module:
    """Return the model in float64, with the parameters of the file.

    Raises:
        InputError: The tensors do not fit the architecture.
        MissingComponentError: mace-torch is not installed, or cuEquivariance is not and the file
            was saved with it.
    """
    network = _constructed(parameters, reduced=False)
    if _basis(network.state_dict()) != _basis(parameters.tensors) and _may_be_reduced(parameters):
        network = _constructed(parameters, reduced=True)
    network = network.to(torch.float64)
    _sharpen(network)
    _set_gains(network, parameters)
    try:
        lost = network.load_state_dict(dict(parameters.tensors), strict=False)
    except RuntimeError as error:
        raise InputError(_unfit(str(error).strip().splitlines()[-1].strip())) from error
    spared = (_COUPLING, _UNUSED)
    missing = [k for k in lost.missing_keys if not any(kind.search(k) for kind in spared)]
    if missing or lost.unexpected_keys:
        raise InputError(_unfit(f"first {(missing + lost.unexpected_keys)[0]}"))
    return network.requires_grad_(False).eval()


def _constructed(parameters: MaceParameters, *, reduced: bool) -> torch.nn.Module:
    """Return the model with initial parameters, in one of two bases of couplings."""
    modules = library()
    with _quiet(), torch.random.fork_rng(devices=[]):
        network: torch.nn.Module = getattr(modules, parameters.architecture["kind"])(
            **_arguments(parameters, modules) | {"use_reduced_cg": reduced}
        )
    return network


def _basis(tensors: Mapping[str, torch.Tensor]) -> list[int]:
    """Return the number of couplings of each kind."""
    return [tensors[name].shape[-1] for name in sorted(tensors) if _BASIS.search(name)]


def _may_be_reduced(parameters: MaceParameters) -> bool:
    """Return whether a file's reduced couplings may be those of cuEquivariance.

    The flag in the file shows that they were requested, not that cuEquivariance was available.

    Raises:
        MissingComponentError: They may be, and cuEquivariance is not installed.
    """
    if not parameters.architecture["use_reduced_cg"]:
        return False
    try:
        for package in ("cuequivariance", "cuequivariance_torch"):
            importlib.import_module(package)
    except ImportError as error:
        raise MissingComponentError(
            "this MACE model was saved where cuEquivariance was installed, which has another basis "
            "of couplings: run pip install cuequivariance cuequivariance-torch."
        ) from error
    return True


def as_script(network: torch.nn.Module) -> torch.nn.Module:
    """Return the same model as TorchScript: identical bits, without Python between layers."""
    with _quiet(), torch.random.fork_rng(devices=[]):  # e3nn tests a module on random input
        scripted: torch.nn.Module = library("e3nn.util.jit").script(network)
    return scripted


def cuequivariance_is_here() -> bool:
    """Return whether cuEquivariance and its kernels, a package of their own, are installed."""
    packages = ("cuequivariance_torch", "cuequivariance_ops_torch")
    return all(find_spec(package) is not None for package in packages)


def with_cuequivariance(
    network: torch.nn.Module, parameters: MaceParameters, kind: str
) -> torch.nn.Module:
    """Return the same model with cuEquivariance layers, which are kernels on CUDA.

    Args:
        network: The model of `build_network`.
        parameters: Parameters of the model.
        kind: "cuda", with fused convolutions, or "cpu".

    Raises:
        MissingComponentError: mace-torch or cuEquivariance cannot be imported.
    """
    converter = library("mace.cli.convert_e3nn_cueq")
    keep = library("mace.tools.torch_tools").default_dtype(torch.get_default_dtype())
    with _quiet(), torch.random.fork_rng(devices=[]), keep:  # the converter leaves the model's
        other: torch.nn.Module = converter.run(network, return_model=True, device=kind)
    _set_gains(other, parameters)
    return other.requires_grad_(False).eval()


def _set_gains(network: torch.nn.Module, parameters: MaceParameters) -> None:
    for path, module in network.named_modules():
        if path in parameters.gains:
            module.cst = parameters.gains[path]


def _unfit(cause: str) -> str:
    return (
        f"the tensors of this MACE model do not fit its architecture as the mace-torch installed "
        f"here builds it ({cause}); save the model again with this version of mace-torch."
    )


def _arguments(parameters: MaceParameters, modules: ModuleType) -> dict[str, Any]:
    """Return the arguments of MACE's constructor."""
    a, tensors = dict(parameters.architecture), parameters.tensors
    irreps = library("e3nn.o3").Irreps
    if a.pop("kind") == "ScaleShiftMACE":
        a["atomic_inter_scale"] = tensors["scale_shift.scale"].numpy()
        a["atomic_inter_shift"] = tensors["scale_shift.shift"].numpy()
    a["atomic_energies"] = tensors["atomic_energies_fn.atomic_energies"].numpy()
    a["num_elements"] = len(a["atomic_numbers"])
    a["gate"] = None if a["gate"] is None else modules.gate_dict[a["gate"]]
    for key in ("interaction_cls", "interaction_cls_first"):
        a[key] = modules.interaction_classes[a[key]]
    a["readout_cls"] = modules.readout_classes[a["readout_cls"]]
    for key in ("hidden_irreps", "MLP_irreps"):
        a[key] = irreps(a[key])
    return a


def _sharpen(network: torch.nn.Module) -> None:
    """Replace e3nn's coupling coefficients, in torch's default dtype, by float64 ones."""
    wigner_3j = library("e3nn.o3").wigner_3j
    for name, buffer in network.named_buffers():
        if found := _COUPLING.search(name):
            buffer.copy_(wigner_3j(*map(int, found.groups()), dtype=torch.float64))


class MaceEngine:
    """A MACE model for one molecule; R conformers are one graph of R parts.

    On CUDA its edges may be all pairs of the molecule (`static_engine`), if that is faster.

    The model depends only on the vectors between atoms: they are computed in float64 and passed as
    shifts of atoms at the origin, so that a molecule far away loses no accuracy. The energies of
    isolated atoms, thousands of eV, are removed from the model and added in float64.
    """

    def __init__(
        self,
        parameters: MaceParameters,
        numbers: tuple[int, ...],
        precision: str,
        device: str = CPU,
    ) -> None:
        """Build the model for one molecule.

        Args:
            parameters: The model.
            numbers: Atomic numbers of the molecule, length N.
            precision: "float32" or "float64".
            device: Device of the model.

        Raises:
            InputError: The model has several heads and none is called "default".
            MerrowError: As in `build_network`.
        """
        self._recipe = (parameters, numbers, precision, device)
        self._dtype, self._device = DTYPES[precision], device
        self._cutoff = parameters.cutoff
        self._head = _head(parameters.architecture["heads"])
        network = build_network(parameters)
        alone = network.get_buffer("atomic_energies_fn.atomic_energies")
        elements = [parameters.elements.index(number) for number in numbers]
        self._isolated = float(torch.atleast_2d(alone)[self._head, elements].sum())
        alone.zero_()
        network = network.to(self._dtype)
        if device.startswith("cuda") and cuequivariance_is_here():
            network = with_cuequivariance(network, parameters, "cuda")
        else:
            network = as_script(network)
        self._network = network.to(device)
        self._one_hot = torch.eye(len(parameters.elements), dtype=self._dtype)[elements].to(device)
        self._fixed = StaticMace(
            self._network, self._one_hot, self._cutoff, self._head, PAIRS_PER_PASS
        )
        self._may_choose = device.startswith("cuda")
        self._ways: dict[int, str] = {}

    def __reduce__(self) -> tuple[type[MaceEngine], tuple[object, ...]]:
        """Pickle the arguments, to be built again."""
        return type(self), self._recipe

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies [kcal/mol] and forces [kcal/mol/Å] of positions [Å], (R, N, 3)."""
        ways = {FIXED: self._fixed.evaluate, LISTED: self._listed}
        rows = self._fixed.rows(len(positions))
        if rows not in self._ways:
            self._ways[rows] = fastest_way(ways, positions) if self._may_choose else LISTED
        energies, forces = ways[self._ways[rows]](positions)
        return Evaluation((energies + self._isolated) * EV_KCAL, forces * EV_KCAL)

    def instance(self, conformers: int) -> Hashable:
        """Return the identity of the program for a number of conformers."""
        rows = self._fixed.rows(conformers)
        return rows if self._ways.get(rows) == FIXED else None

    def _listed(self, positions: Array) -> tuple[Array, Array]:
        """Return energies without isolated atoms [eV] and forces [eV/Å] by neighbour pairs."""
        pairs = pairs_within(self._cutoff, positions)
        passes = max(1, -(-len(pairs.i) // PAIRS_PER_PASS))
        parts = [
            self._pass(pairs, part, positions.shape[1])
            for part in np.array_split(np.arange(len(positions)), min(passes, len(positions)))
        ]
        energies, forces = (np.concatenate(part) for part in zip(*parts, strict=True))
        return energies, forces

    def _pass(self, pairs: Pairs, part: Index, n: int) -> tuple[Array, Array]:
        """Return energies without isolated atoms [eV] and forces [eV/Å] of some conformers."""
        first, last = np.searchsorted(pairs.conformer, (part[0], part[-1] + 1))
        chosen = slice(int(first), int(last))
        offset = (pairs.conformer[chosen] - part[0]) * n
        r, zeros = len(part), torch.zeros
        data = {
            "positions": zeros(r * n, 3, dtype=self._dtype),
            "edge_index": torch.from_numpy(
                np.stack([offset + pairs.i[chosen], offset + pairs.j[chosen]])
            ),
            "shifts": torch.from_numpy(pairs.vectors[chosen]).to(self._dtype),
            "unit_shifts": zeros(last - first, 3, dtype=self._dtype),
            "cell": zeros(3 * r, 3, dtype=self._dtype),
            "batch": torch.arange(r).repeat_interleave(n),
            "ptr": torch.arange(r + 1) * n,
            "head": torch.full((r,), self._head),
        }
        data = {name: tensor.to(self._device) for name, tensor in data.items()}
        data["node_attrs"] = self._one_hot.repeat(r, 1)
        # TorchScript would optimise after its first runs and then round differently.
        with torch.enable_grad(), torch.jit.optimized_execution(False):
            answer = self._network(data, compute_force=True)
        energies = to_numpy(answer["node_energy"]).reshape(r, n).sum(axis=1)
        return energies, to_numpy(answer["forces"]).reshape(r, n, 3)


def _head(heads: list[str]) -> int:
    """Return the index of the head to use, as in mace-torch."""
    chosen = [k for k, head in enumerate(heads) if len(heads) == 1 or head.lower() == "default"]
    if not chosen:
        raise InputError(
            f"this MACE model has the heads {', '.join(heads)} and none is called default; "
            f"give a model with one head (mace_select_head makes one)."
        )
    return chosen[0]
