# SPDX-License-Identifier: MIT
"""Loading of the compiled kernels of `native/`, and their instruction set.

Environment: MERROW_NATIVE=0 turns them off; MERROW_NATIVE_ISA=baseline|avx2|avx512 forces one
instruction set instead of the best one of this machine.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Literal, get_args

from merrow.errors import InputError, MissingComponentError

MmKernel = Literal["auto", "openmm", "native"]
"""Implementation of nonbonded forces: OpenMM, the native kernel, or the kernel where possible."""
MM_KERNELS: tuple[MmKernel, ...] = get_args(MmKernel)
Engine = Literal["openmm", "native"]
"""Integrator of a leg: OpenMM, or the native loop."""
ISAS = ("avx512", "avx2", "baseline")
"""Instruction sets, best first."""


def turned_off(kernel: str) -> str:
    """Return the reason why a kernel must not be used, as a sentence; "" if it may be used."""
    if os.environ.get("MERROW_NATIVE", "1") == "0":
        return f"The native {kernel} is turned off by MERROW_NATIVE=0; unset it to use the kernel."
    return ""


def load(
    folder: Path, stem: str, kernel: str, abi: tuple[str, int]
) -> tuple[ctypes.CDLL | None, str]:
    """Return a library and "", or None and the reason as a sentence.

    Args:
        folder: Folder of the library.
        stem: File name without the extension.
        kernel: Name of the kernel in messages.
        abi: Function that returns the library's version, and the required version.
    """
    paths = [folder / f"{stem}{suffix}" for suffix in EXTENSION_SUFFIXES]
    path = next((p for p in paths if p.exists()), None)
    again = "install a C++ compiler (g++ or clang++) and run `pip install` of merrow again."
    if path is None:
        return None, f"The native {kernel} was not built when merrow was installed; {again}"
    try:
        library = ctypes.CDLL(str(path))
        found = int(getattr(library, abi[0])())
    except (OSError, AttributeError) as error:
        return None, f"The native {kernel} {path.name} cannot be loaded ({error}); {again}"
    if found != abi[1]:
        return None, f"The native {kernel} {path.name} is of another version of merrow; {again}"
    return library, ""


def usable(loaded: tuple[ctypes.CDLL | None, str], kernel: str) -> ctypes.CDLL:
    """Return the library that `load` found.

    Args:
        loaded: Its return value.
        kernel: Name of the kernel in messages.

    Raises:
        MissingComponentError: The library is missing or turned off; the message says which.
    """
    library, reason = loaded
    reason = turned_off(kernel) or reason
    if reason or library is None:
        raise MissingComponentError(reason)
    return library


def best_isa(supports: Callable[[bytes], int]) -> str:
    """Return the instruction set that a kernel will use, one of `ISAS`.

    Args:
        supports: Function of the library that tells whether an instruction set is supported.

    Raises:
        InputError: MERROW_NATIVE_ISA names an instruction set that this machine lacks.
    """
    supported = [isa for isa in ISAS if supports(isa.encode())]
    wanted = os.environ.get("MERROW_NATIVE_ISA") or supported[0]
    if wanted not in supported:
        raise InputError(
            f"MERROW_NATIVE_ISA={wanted!r} cannot run here; choose one of {', '.join(supported)}."
        )
    return wanted
