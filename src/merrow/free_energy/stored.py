# SPDX-License-Identifier: MIT
"""The values that estimators return and `result.json` holds: energies with errors, and verdicts.

They are made as plain dataclasses; what is read from a file is checked key by key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from merrow.errors import NumericsError

STORED = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""How they are read back: no unknown key, no number that is none."""
NonNegative = Annotated[float, Field(ge=0.0)]
Method = Literal["decoupling_mbar", "decoupling_ti", "endpoint_bar", "mm_reference", "as_published"]


@dataclass(frozen=True)
class Estimate:
    """A (free) energy [kcal/mol] with one standard error [kcal/mol], as `result.json` holds it.

    Attributes:
        value_kcal: The value.
        stderr_kcal: One standard error.
        by_repeat: The value that each independent repeat gives alone, where repeats exist; not
            stored.

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
    """Every way to the number, as `result.json` holds it; None where it was not computed.

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


@dataclass(frozen=True)
class Headline(Estimate):
    """The answer: the estimate that `method` names, repeated."""

    method: Method = field(kw_only=True)


@dataclass(frozen=True)
class UncertaintyPart:
    """One part of the uncertainty, as `result.json` holds it.

    Attributes:
        name: What is uncertain.
        stderr_kcal: By how much [kcal/mol].
        in_stderr: Whether it is part of the standard error of the headline.
        note: How it was obtained.
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
    """Bounds of the MM → ML/MM correction; `reference_kcal` was taken off D in both phases."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    water: PhaseBounds
    gas: PhaseBounds
    reference_kcal: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """One judgement.

    Attributes:
        name: What was looked at.
        status: pass, warn, or fail where a number with this finding must not be trusted.
        message: What was found.
        advice: What to do; empty where nothing is, or where the message says it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    name: str
    status: Literal["pass", "warn", "fail"]
    message: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return self.status == "pass"


def verdict(
    name: str, ok: bool, message: str, advice: str = "", *, serious: bool = False
) -> Verdict:
    """Return a judgement that passes, warns or, where it is serious, fails."""
    return Verdict(name, "pass" if ok else "fail" if serious else "warn", message, advice)
