# SPDX-License-Identifier: MIT
"""Reading architecture and tensors of MACE `.model` files without executing code.

Such a file is a pickle of a live torch module, and unpickling it normally runs any code in it. Here
every name in it becomes a `Record`, which only stores its arguments. The architecture and the named
tensors are read from the records, and MACE's own classes are rebuilt from both (`network.py`).
"""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from merrow.errors import InputError, MerrowError, UnsupportedPhysicsError, first_line
from merrow.files import is_file

KINDS: Final = ("MACE", "ScaleShiftMACE")
INTERACTIONS: Final = tuple(
    f"RealAgnostic{kind}InteractionBlock" for kind in ("", "Residual", "Density", "DensityResidual")
)
READOUTS: Final = ("LinearReadoutBlock", "NonLinearReadoutBlock")
GATES: Final = ("silu", "tanh", "abs")
RADIAL: Final = {
    "BesselBasis": "bessel",
    "GaussianBasis": "gaussian",
    "ChebychevBasis": "chebyshev",
}
TRANSFORMS: Final = {"AgnesiTransform": "Agnesi", "SoftTransform": "Soft"}


class Record:
    """Inert substitute for an object that a pickle would make, or a function it would call."""

    args: tuple[Any, ...]
    state: dict[str, Any]

    def __new__(cls, *args: Any) -> Record:
        """Store the arguments."""
        self = object.__new__(cls)
        self.args, self.state = args, {}
        return self

    def __setstate__(self, state: Any) -> None:
        """Store the state."""
        self.state = state if isinstance(state, dict) else {"state": state}

    @property
    def kind(self) -> str:
        """Name of the class or function in the file, without its module."""
        return type(self).__name__

    def __getitem__(self, path: str) -> Any:
        """Return a module, tensor or attribute by its dotted path, or raise KeyError."""
        value: Any = self
        for name in path.split("."):
            state = value.state if isinstance(value, Record) else {}
            places = [*(state.get(k) or {} for k in ("_modules", "_buffers", "_parameters")), state]
            value = next(place for place in (*places, {name: _MISSING}) if name in place)[name]
            if value is _MISSING:
                raise KeyError(path)
        return value

    def get(self, path: str, default: Any = None) -> Any:
        """Return the value at a path, or a default."""
        try:
            return self[path]
        except KeyError:
            return default

    def walk(self, path: str = "") -> Iterator[tuple[str, Record]]:
        """Yield the path and record of this module and all submodules."""
        yield path, self
        for name, child in (self.state.get("_modules") or {}).items():
            if isinstance(child, Record):
                yield from child.walk(f"{path}{name}.")


_MISSING: Final = object()


@dataclass(frozen=True)
class MaceParameters:
    """The parameters that define a model.

    Attributes:
        architecture: Arguments of MACE's constructor, as plain values.
        tensors: The state dict, float64 or float32 as in the file.
        gains: Normalisation of the activation functions, by module path.
    """

    architecture: Mapping[str, Any]
    tensors: Mapping[str, torch.Tensor]
    gains: Mapping[str, float]

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers in the order of the model."""
        return tuple(self.architecture["atomic_numbers"])

    @property
    def cutoff(self) -> float:
        """Cutoff radius [Å]."""
        return float(self.architecture["r_max"])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, independent of the file."""
        told = {"architecture": dict(self.architecture), "gains": dict(self.gains)}
        content = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
        for name in sorted(self.tensors):
            array = np.ascontiguousarray(self.tensors[name].numpy())
            content.update(f"{name} {array.dtype} {array.shape}".encode())
            content.update(array.tobytes())
        return content.hexdigest()


def read_mace(path: Path) -> MaceParameters:
    """Read a `.model` file.

    Raises:
        InputError: The file is missing, damaged, or not a MACE model.
        UnsupportedPhysicsError: The model has other outputs or inputs than supported.
    """
    if not is_file(path):
        raise InputError(f"there is no MACE model {path}; give the path of a .model file.")
    try:
        model = _records(path)
        if not isinstance(model, Record) or "_modules" not in model.state:
            raise InputError(_unreadable(path, "it contains no torch module"))
        _refuse_other_kinds(path, model)
        return MaceParameters(_architecture(model), _tensors(model), _gains(model))
    except MerrowError:
        raise
    except (pickle.UnpicklingError, zipfile.BadZipFile) as error:
        cause = "it is damaged, or holds what no MACE does"
        raise InputError(_unreadable(path, cause)) from error
    except KeyError as error:
        raise InputError(_unreadable(path, f"it has no {error.args[0]}")) from error
    except Exception as error:  # a damaged pickle may raise anything
        cause = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(_unreadable(path, cause[:120])) from error


def _unreadable(path: Path, cause: str) -> str:
    return (
        f"{path} cannot be read as a MACE model ({cause.rstrip('.')}); give a .model file that "
        f"mace-torch has saved, not compiled for LAMMPS or for another library."
    )


def _records(path: Path) -> Any:
    """Unpickle a file with every name in it replaced by a record."""
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    inert = [(type(name.rpartition(".")[2], (Record,), {}), name) for name in names]
    with torch.serialization.safe_globals(inert):
        return torch.load(path, weights_only=True, map_location="cpu")


def _refuse_other_kinds(path: Path, model: Record) -> None:
    found: list[tuple[str, tuple[str, ...], str]] = [("model", KINDS, model.kind)]
    if model.kind in KINDS:
        for what, known in (("interaction", INTERACTIONS), ("readout", READOUTS)):
            found += [(what, known, block.kind) for block in _children(model, f"{what}s")]
    for what, known, kind in found:
        if kind not in known:
            raise UnsupportedPhysicsError(
                f"{path} has a {what} of the kind {kind}, but merrow runs only {', '.join(known)}; "
                f"choose another MACE model."
            )
    if model.get("joint_embedding") is not None:
        raise UnsupportedPhysicsError(
            f"{path} is a MACE that asks for charge or spin, which merrow does not hand over; "
            f"choose another MACE model, or AIMNet2 for charged molecules."
        )


def _children(model: Record, path: str) -> list[Record]:
    return list(model[path].state["_modules"].values())


def _tensors(model: Record) -> dict[str, torch.Tensor]:
    """Return the state dict of a tree of records."""
    tensors = {}
    for path, record in model.walk():
        transient = record.state.get("_non_persistent_buffers_set") or ()
        for place in ("_parameters", "_buffers"):
            for name, tensor in (record.state.get(place) or {}).items():
                if isinstance(tensor, torch.Tensor) and name not in transient:
                    tensors[f"{path}{name}"] = tensor.detach()
    return tensors


def _gains(model: Record) -> dict[str, float]:
    return {
        path.rstrip("."): float(record["cst"])
        for path, record in model.walk()
        if record.kind == "normalize2mom"
    }


def _architecture(model: Record) -> dict[str, Any]:
    """Return the arguments of MACE's constructor, as mace-torch extracts them from a model."""
    embedding, last = model["radial_embedding"], _children(model, "readouts")[-1]
    interactions, products = _children(model, "interactions"), _children(model, "products")
    heads = [str(head) for head in model.get("heads", ["Default"])]
    scalars = _irreps(last["hidden_irreps"]) if last.kind == "NonLinearReadoutBlock" else "16x0e"
    transform = embedding.get("distance_transform")
    return {
        "kind": model.kind,
        "atomic_numbers": [int(number) for number in model["atomic_numbers"]],
        "heads": heads,
        "r_max": float(model["r_max"]),
        "num_bessel": int(embedding["out_dim"]),
        "num_polynomial_cutoff": int(embedding["cutoff_fn.p"]),
        "radial_type": RADIAL[embedding["bessel_fn"].kind],
        "distance_transform": "None" if transform is None else TRANSFORMS[transform.kind],
        "radial_MLP": [int(width) for width in interactions[0]["conv_tp_weights.hs"][1:-1]],
        "max_ell": int(model["spherical_harmonics._lmax"]),
        "num_interactions": len(interactions),
        "interaction_cls": interactions[-1].kind,
        "interaction_cls_first": interactions[0].kind,
        "readout_cls": last.kind,
        "hidden_irreps": _irreps(products[0]["linear.irreps_out"]),
        "MLP_irreps": f"{int(scalars.partition('x')[0]) // len(heads) or 1}x0e",
        "gate": _gate(last.get("non_linearity")),
        "avg_num_neighbors": float(interactions[0]["avg_num_neighbors"]),
        "correlation": [
            len(product["symmetric_contractions.contractions.0.weights"].state["_parameters"]) + 1
            for product in products
        ],
        "pair_repulsion": model.get("pair_repulsion_fn") is not None,
        "apply_cutoff": bool(model.get("apply_cutoff", True)),
        "use_reduced_cg": bool(model.get("use_reduced_cg", False)),
        "use_so3": bool(model.get("use_so3", False)),
        "use_agnostic_product": bool(model.get("use_agnostic_product", False)),
        "use_last_readout_only": bool(model.get("use_last_readout_only", False)),
    }


def _irreps(value: Any) -> str:
    """Return e3nn irreps, a record of (multiplicity, (l, parity)), as text: "16x0e+16x1o"."""
    if isinstance(value, str):
        return value.replace(" ", "")
    parts = []
    for item in value.args[0]:
        multiplicity, irrep = item.args[0]
        order, parity = irrep.args[0]
        parts.append(f"{int(multiplicity)}x{int(order)}{'e' if parity > 0 else 'o'}")
    return "+".join(parts)


def _gate(activation: Record | None) -> str | None:
    """Return the name of the last readout's activation function, or None."""
    if activation is None:
        return None
    function = activation["acts.0.f"]
    # torch.tanh and torch.abs are pickled as getattr(torch, name)
    name = function.args[-1] if isinstance(function, Record) else function.__name__
    if name not in GATES:
        raise ValueError(f"its gate is {name}")
    return str(name)
