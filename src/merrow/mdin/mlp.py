# SPDX-License-Identifier: MIT
"""The ML region of a sander input: the namelist &mlp."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from merrow.errors import InputError
from merrow.mdin.model_numbers import numbered_potential
from merrow.mdin.namelist import Group
from merrow.mdin.values import Values, judged
from merrow.settings import Settings

MM: Final = "mm"
SINGLE: Final = "float32"


class Confinement(Settings):
    """A confining wall around the ML region."""

    inner_angstrom: float = Field(ge=0)
    """Radius where the wall starts [Å]."""
    outer_angstrom: float = Field(ge=0)
    """Radius where it becomes linear [Å]."""
    stiffness: float = Field(gt=0)
    """Force constant k in k(r − inner)²/2 [kcal/mol/Å²]."""
    follow: bool = False
    """Whether the centre follows the region."""

    @model_validator(mode="after")
    def _has_a_slope(self) -> Confinement:
        if self.outer_angstrom <= self.inner_angstrom:
            raise ValueError(
                f"outer_angstrom={self.outer_angstrom:g} should be larger than "
                f"inner_angstrom={self.inner_angstrom:g}"
            )
        return self


class MlSettings(Settings):
    """The ML region and its potential."""

    mask: str
    """AMBER mask of the ML region."""
    potential: str = "ani2x"
    """Name of the potential, or "mm"."""
    weights: str | None = None
    """Weights file, or None to search for it."""
    precision: Literal["float32", "float64"] = SINGLE
    """Precision of the networks."""
    max_spread_kcal: float | None = Field(None, ge=0)
    """Threshold of the ensemble spread of E_ML [kcal/mol]; None for no limit."""
    max_force_spread_kcal: float | None = Field(None, ge=0)
    """Threshold of the ensemble spread of an atom's force [kcal/mol/Å]; None for no limit."""
    on_spread: Literal["stop", "save", "warn"] = "stop"
    """Action if a threshold is exceeded."""
    link_atoms: bool = False
    """Whether the mask may cut covalent bonds."""
    constraints: bool = False
    """Whether bonds to hydrogen in the region are rigid."""
    confinement: Confinement | None = None
    """The confining wall, or None."""

    @model_validator(mode="after")
    def _has_a_threshold(self) -> MlSettings:
        if self.on_spread != "stop" and not (self.max_spread_kcal or self.max_force_spread_kcal):
            raise ValueError(
                f"on_spread={self.on_spread!r} needs max_spread_kcal or max_force_spread_kcal "
                "above 0"
            )
        return self


def read_mlp(source: str, group: Group, *, imin: int, ntc: int, notes: list[str]) -> MlSettings:
    """Return the settings in a namelist &mlp.

    Args:
        source: Name of the input, for messages.
        group: The namelist.
        imin, ntc: Keys of &cntrl on which some of its keys depend.
        notes: List to which notes for the user are added.

    Raises:
        InputError: A key is unknown, a value is not available, or keys contradict each other.
    """
    m = judged(source, group, notes)
    if not m["animask"]:
        raise InputError(f"{source}: &mlp needs animask='...', the mask of the ML region.")
    if m["mlp_model"] is not None and m["potential"]:
        raise InputError(f"{source}: mlp_model and potential both name a model; keep one.")
    if m["mlp_shake"] == 1 and ntc == 1:
        raise InputError(f"{source}: mlp_shake=1 needs ntc=2; set it or take mlp_shake out.")
    limits = [key for key in ("max_spread", "max_force_spread") if m[key]]
    if "on_spread" in group.entries and not limits:
        raise InputError(
            f"{source}: on_spread={m['on_spread']!r} needs max_spread or max_force_spread above 0."
        )
    if imin == 1:
        notes.extend(f"{key} does nothing here: it needs imin=0." for key in limits)
    return MlSettings(
        mask=m["animask"],
        potential=m["potential"] or numbered_potential(source, m["mlp_model"], notes),
        weights=m["weights"] or None,
        precision=m["precision"],
        max_spread_kcal=m["max_spread"] or None,
        max_force_spread_kcal=m["max_force_spread"] or None,
        on_spread=m["on_spread"],
        link_atoms=m["link_atoms"] == 1,
        constraints=m["mlp_shake"] == 1,
        confinement=_confinement(source, m, group),
    )


def idle_notes(ml: MlSettings) -> tuple[str, ...]:
    """Return notes on settings without effect for this potential."""
    if ml.potential.partition(":")[0] != MM or ml.precision == SINGLE:
        return ()
    return (f"precision={ml.precision!r} does nothing here: potential={MM!r} has no network.",)


def _confinement(source: str, m: Values, group: Group) -> Confinement | None:
    if m["mlp_confine"] == 0:
        idle = [key for key in group.entries if key.startswith("confine") and m[key]]
        if idle:
            raise InputError(f"{source}: {idle[0]} needs mlp_confine=1; set it or take it out.")
        return None
    inner = float(m["confine1"])
    outer = inner + 1.0 if m["confine2"] is None else float(m["confine2"])
    if m["confinek"] == 0.0:
        raise InputError(f"{source}: mlp_confine=1 needs confinek above 0.")
    if outer <= inner:
        raise InputError(f"{source}: confine2={outer:g} should be larger than confine1={inner:g}.")
    return Confinement(
        inner_angstrom=inner,
        outer_angstrom=outer,
        stiffness=m["confinek"],
        follow=m["confine_center"] == "follow",
    )
