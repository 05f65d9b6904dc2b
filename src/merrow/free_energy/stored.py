# SPDX-License-Identifier: MIT
"""Values returned by estimators and stored in `result.json`: energies with errors, and verdicts.

They are plain dataclasses; values read from a file are validated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from merrow.errors import NumericsError

STORED = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""Validation on reading: unknown keys and non-finite numbers are refused."""
NonNegative = Annotated[float, Field(ge=0.0)]
Method = Literal["decoupling_mbar", "decoupling_ti", "endpoint_bar", "mm_reference", "as_published"]


@dataclass(frozen=True)
class Estimate:
    """A (free) energy with one standard error [kcal/mol], as in `result.json`.

    Attributes:
        value_kcal: The value.
        stderr_kcal: One standard error.
        by_repeat: The value of each independent repeat, if there are repeats; not stored.

    Raises:
        NumericsError: A number is not finite.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    value_kcal: float
    stderr_kcal: NonNegative
    by_repeat: Annotated[Mapping[int, float], Field(exclude=True)] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not math.isfinite(self.value_kcal + self.stderr_kcal):
            raise NumericsError(
                f"an estimate of {self.value_kcal} ± {self.stderr_kcal} kcal/mol is no number; "
                "sample longer."
            )


@dataclass(frozen=True)
class Estimates:
    """All estimates of the free energy, as in `result.json`; None if not computed.

    Attributes:
        decoupling_mbar: MBAR of the ML/MM decoupling path.
        decoupling_ti: TI of the same path.
        endpoint_bar: MM path by MBAR with BAR of MM → ML/MM at both ends.
        mm_reference: The MM value of the same path.
        as_published: The published sum; not a state-function estimate.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    decoupling_mbar: Estimate | None
    decoupling_ti: Estimate | None
    endpoint_bar: Estimate | None
    mm_reference: Estimate | None
    as_published: Estimate | None

    @property
    def exact(self) -> Estimate | None:
        """The free energy of the Hamiltonian, by the route that was taken (both: direct)."""
        return self.decoupling_mbar or self.endpoint_bar


@dataclass(frozen=True)
class Headline(Estimate):
    """The headline: a copy of the estimate that `method` names."""

    method: Method = field(kw_only=True)


@dataclass(frozen=True)
class UncertaintyPart:
    """A contribution to the uncertainty, as in `result.json`.

    Attributes:
        name: Source of the uncertainty.
        stderr_kcal: Its size [kcal/mol].
        in_stderr: Whether it is part of the standard error of the headline.
        note: Method by which it was obtained.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    name: str
    stderr_kcal: NonNegative
    in_stderr: bool
    note: str


@dataclass(frozen=True)
class PhaseBounds:
    """⟨D⟩_ML ≤ ΔF ≤ ⟨D⟩_MM with D = E_ML − E_MM in one phase [kcal/mol]."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    lower_kcal: float
    df_kcal: float
    upper_kcal: float
    stderr_kcal: NonNegative


@dataclass(frozen=True)
class GibbsBogoliubov:
    """Bounds of the MM → ML/MM correction, with D relative to `reference_kcal` in both phases."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    water: PhaseBounds
    gas: PhaseBounds
    reference_kcal: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Attributes:
        name: Name of the check.
        status: pass, warn, or fail if the result must not be trusted.
        message: Finding.
        advice: What to do; empty if nothing, or if the message says it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    name: str
    status: Literal["pass", "warn", "fail"]
    message: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether the check passed."""
        return self.status == "pass"


def verdict(
    name: str, ok: bool, message: str, advice: str = "", *, serious: bool = False
) -> Verdict:
    """Return a verdict: pass, warn or, if serious, fail."""
    return Verdict(name, "pass" if ok else "fail" if serious else "warn", message, advice)
