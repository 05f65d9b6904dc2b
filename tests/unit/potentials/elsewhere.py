# SPDX-License-Identifier: MIT
"""A device of torch that is none: it computes on the processor and lets no other tensor in.

It is registered as "elsewhere" with torch's own means for devices that are written in Python. Where
there is no GPU it shows what a GPU would: a tensor that was left on the processor, an answer that
was not brought back. As on CUDA, scalars and indices may come from the processor.
"""

from __future__ import annotations

import torch
from torch.utils._pytree import tree_iter, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "elsewhere"
WELCOME = ("aten::_to_copy", "aten::copy_", "aten::index.Tensor")
"""Operations that take tensors of the processor."""

seen: set[str] = set()
"""Names of the operations that were computed on the device."""


class Elsewhere(torch.Tensor):
    """A tensor on that device; its numbers are those of a tensor of the processor."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner):
        about = {"strides": inner.stride(), "dtype": inner.dtype, "device": f"{NAME}:0"}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, **about)

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return compute(operation, *args, **kwargs or {})


class Device:
    """What torch asks of a device."""

    @staticmethod
    def is_available():
        return True

    @staticmethod
    def device_count():
        return 1

    @staticmethod
    def is_initialized():
        return True

    @staticmethod
    def current_device():
        return 0

    @staticmethod
    def _is_in_bad_fork():
        return False


def compute(operation, *args, **kwargs):
    """Compute on the processor what was asked for here."""
    name = operation.name()
    seen.add(name)
    given = [t for t in tree_iter((args, kwargs)) if isinstance(t, torch.Tensor)]
    strangers = [t for t in given if not isinstance(t, Elsewhere) and t.dim()]
    if strangers and name not in WELCOME:
        raise RuntimeError(f"{name} mixes tensors of the processor with those of {NAME}")
    target = kwargs.get("device")
    if target is not None:
        kwargs["device"] = torch.device("cpu")
    args_there, kwargs_there = tree_map(_inner, (args, kwargs))
    found = operation(*args_there, **kwargs_there)
    if target is not None and torch.device(target).type == "cpu":
        return found
    known = {id(t.inner): t for t in given if isinstance(t, Elsewhere)}  # changed in place
    return tree_map(
        lambda t: known.get(id(t), Elsewhere(t)) if type(t) is torch.Tensor else t, found
    )


def _inner(value):
    return value.inner if isinstance(value, Elsewhere) else value


def register():
    """Make the device known to torch, for the rest of this process."""
    if hasattr(register, "library"):
        return
    _setup_privateuseone_for_python_backend(NAME, backend_module=Device())
    library = torch.library.Library("_", "IMPL")
    library.fallback(compute, "PrivateUse1")
    register.library = library  # it ends with its last reference
