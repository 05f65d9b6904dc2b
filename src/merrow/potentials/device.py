# SPDX-License-Identifier: MIT
"""The device on which torch networks run, compared once with the CPU.

`MERROW_DEVICE` names a torch device: "cpu", "cuda", "cuda:1". Without it, the device is the fastest
one measured by a job (`placement.py`), and before that the first CUDA or ROCm device, if there is
one, else the CPU. The first results of a device are compared with those of the CPU for the same
conformers; a difference ends the run before any result is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import numpy as np

from merrow.errors import InputError, NumericsError
from merrow.potentials.interface import Array, Evaluation

if TYPE_CHECKING:
    from torch import Tensor

VARIABLE: Final = "MERROW_DEVICE"
CPU: Final = "cpu"
ENERGY, FORCE, SLOPE = 0.02, 0.02, 1e-4
"""Tolerances of an energy [kcal/mol], and of a force [kcal/mol/Å] absolute and relative to the
largest one, for float32 summed in another order."""
CONFORMERS: Final = 4
"""Number of conformers that are compared."""
SHAKEN: Final = 0.03
"""Standard deviation of the distortion of conformers made for the comparison [Å]."""
SUMMED: Final = 1e-7
"""Factor on the tolerances for float64."""


class Engine(Protocol):
    """Computes energies and forces of validated input."""

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of finite positions [Å], shape (R, N, 3), R > 0."""


E = TypeVar("E", bound=Engine)


_chosen: ContextVar[str] = ContextVar("device of networks", default="")


@contextmanager
def on_device(name: str) -> Iterator[None]:
    """Load networks in this block onto a device, unless `MERROW_DEVICE` names one.

    Args:
        name: Name of the device in torch; "" for no change.
    """
    token = _chosen.set(name or _chosen.get())
    try:
        yield
    finally:
        _chosen.reset(token)


def is_forced() -> bool:
    """Tell whether `MERROW_DEVICE` names the device."""
    return bool(os.environ.get(VARIABLE))


def device_name() -> str:
    """Return the device for networks.

    Raises:
        InputError: `MERROW_DEVICE`, or the choice of a run, is unknown to torch or not found on
            this machine.
    """
    import torch  # noqa: PLC0415

    wanted = os.environ.get(VARIABLE, "")
    if not wanted and _chosen.get():
        return _chosen_device()
    if not wanted:
        return "cuda" if torch.cuda.is_available() else CPU
    try:
        found = _is_here(wanted)
    except (RuntimeError, AttributeError):
        raise InputError(
            f"{VARIABLE}={wanted} is no device of torch; use cpu, cuda or cuda:N, or unset it."
        ) from None
    if torch.device(wanted).type == "mps":
        raise InputError(
            f"{VARIABLE}=mps: it has no float64, in which energies are summed; use cpu."
        )
    if not found:
        raise InputError(
            f"{VARIABLE}={wanted}, but torch {torch.__version__} finds no such device here; "
            "install torch for it, or unset the variable to use the processor."
        )
    return wanted


def _chosen_device() -> str:
    name = _chosen.get()
    if not _is_here(name):
        raise InputError(
            f"the networks of this run compute on {name}, which torch does not find here; go on "
            f"where it is, or set {VARIABLE}=cpu to continue on the processor."
        )
    return name


def is_found(name: str) -> bool:
    """Tell whether torch finds a device here; a name that it does not know is none."""
    try:
        return _is_here(name)
    except (RuntimeError, AttributeError):
        return False


def _is_here(name: str) -> bool:
    import torch  # noqa: PLC0415

    device = torch.device(name)
    if device.type == CPU:
        return True
    module = torch.get_device_module(device)
    return bool(module.is_available() and (device.index or 0) < module.device_count())


def device_of(potential: object) -> str:
    """Return the device of a potential: its own attribute, else the CPU."""
    return str(getattr(potential, "device", CPU))


def to_numpy(tensor: Tensor) -> Array:
    """Return a tensor of any device as a float64 array, detached."""
    import torch  # noqa: PLC0415

    return np.asarray(tensor.detach().to(torch.float64).cpu().numpy())


@contextmanager
def full_float32() -> Iterator[None]:
    """Multiply float32 matrices in full precision in this block, not in TF32.

    TF32 may be on by `TORCH_ALLOW_TF32_CUBLAS_OVERRIDE`, which some containers set, or by other
    code of the process.
    """
    import torch  # noqa: PLC0415

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def placed(make: Callable[[str], E], precision: str) -> tuple[E, FirstAnswer | None]:
    """Return an engine on the device of this machine, and a comparison with the CPU.

    Args:
        make: Makes the engine on a named device; picklable.
        precision: Precision of the engine, "float32" or "float64".

    Returns:
        The engine, and the comparison, or None if the device is the CPU.
    """
    name = device_name()
    return make(name), None if name == CPU else FirstAnswer(make, name, precision)


class FirstAnswer:
    """Compares the first results of a device with those of the CPU, for several conformers.

    The comparison is made once per process, and again for each new program instance, such as a
    graph captured for another number of conformers.

    Attributes:
        device: The device.
    """

    def __init__(self, make: Callable[[str], Engine], device: str, precision: str) -> None:
        """Store the factory of the engine; see `placed`."""
        self.device = device
        self._make, self._precision = make, precision
        self._proven: set[Hashable] = set()

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_proven": set()}

    def compare(self, engine: Engine, positions: Array, answer: Evaluation) -> None:
        """Compare a result of an instance that has not been compared before.

        A small batch is followed by distorted conformers through the same instance: correct
        forces of one conformer have been seen before wrong ones of the next.

        Args:
            engine: Engine that gave the result.
            positions: Positions [Å], shape (R, N, 3).
            answer: Result of the device.

        Raises:
            NumericsError: Device and CPU differ.
        """
        instance = self._instance(engine, len(positions))
        if instance in self._proven:
            return
        truth = self._make(CPU)
        self._compare(truth, positions[:CONFORMERS], answer)
        random, compared = np.random.default_rng(len(positions)), len(positions)
        while compared < CONFORMERS:
            shaken = positions + random.normal(0.0, SHAKEN, positions.shape)
            self._compare(truth, shaken, engine.evaluate(shaken))
            compared += len(positions)
        self._proven |= {instance, self._instance(engine, len(positions))}

    def _instance(self, engine: Engine, conformers: int) -> Hashable:
        tell = getattr(engine, "instance", None)
        return None if tell is None else tell(conformers)

    def _compare(self, engine: Engine, positions: Array, answer: Evaluation) -> None:
        """Compare a result of the device with that of an engine on the CPU."""
        truth = engine.evaluate(positions)
        count = len(positions)
        energy = float(np.abs(answer.energies[:count] - truth.energies).max())
        force = np.abs(answer.forces[:count] - truth.forces).max(axis=(1, 2))
        part = 1.0 if self._precision == "float32" else SUMMED
        largest = part * (FORCE + SLOPE * np.abs(truth.forces).max(axis=(1, 2)))
        size = 1e-12 * float(np.abs(truth.energies).max())  # 1e6 kcal/mol in float64
        if not (energy <= part * ENERGY + size and np.all(force <= largest)):
            raise NumericsError(
                f"the device {self.device} and the processor differ by {energy:.2g} kcal/mol and "
                f"{force.max():.2g} kcal/mol/Å on the first conformers: set {VARIABLE}=cpu, and "
                "suspect its driver or its version of torch."
            )
