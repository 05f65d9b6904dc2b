# SPDX-License-Identifier: MIT
"""The result as a machine-readable file: `result.json`, version 1.

Numbers are in AMBER's units and errors are one standard error. The keys are documented in
`docs/reference/result.md`; a test compares the two. NaN and infinity are never written: they are
refused in estimates, and become null in diagnostics.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from merrow.errors import InputError
from merrow.files import atomic_write
from merrow.free_energy.stored import (
    Estimate,
    Estimates,
    GibbsBogoliubov,
    Headline,
    NonNegative,
    UncertaintyPart,
    Verdict,
)
from merrow.hydration.measured import Measured
from merrow.report.notebook import html_table

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION: Final = 1


def _finite_or_none(value: Any) -> Any:
    """Return None for NaN and infinity: a diagnostic that could not be computed."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Diagnostic = Annotated[float | None, BeforeValidator(_finite_or_none)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class MoleculeInfo(_Model):
    """The solute; `smiles` is null if only AMBER files were given."""

    smiles: str | None
    formula: str
    charge: int
    n_atoms: Annotated[int, Field(ge=1)]


class Legs(_Model):
    """The two legs of the sampled path, gas → water (the MM path in the endpoint route)."""

    charging: Estimate | None
    lj: Estimate | None


class Diagnostics(_Model):
    """Diagnostics of the sampling; the only model with additional named numbers."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Diagnostic] = Field(init=False)

    min_overlap: Diagnostic
    verdicts: Annotated[tuple[Verdict, ...], Field(strict=False)]
    gibbs_bogoliubov: GibbsBogoliubov | None = None

    @property
    def failed(self) -> int:
        """Number of checks that failed: the result must not be trusted."""
        return sum(verdict.status == "fail" for verdict in self.verdicts)

    @property
    def numbers(self) -> dict[str, float | None]:
        """The additional named numbers."""
        return dict(self.__pydantic_extra__)


class HydrationResult(_Model):
    """The content of `result.json`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    molecule: MoleculeInfo
    potential: str
    charges: str
    protocol: str
    route: Literal["direct", "endpoint"]
    temperature_k: Annotated[float, Field(gt=0.0)]
    headline: Headline
    estimates: Estimates
    legs: Legs
    de_reorg: Estimate | None
    de_reorg_mbar: Estimate | None = None
    closure: Estimate | None = None
    budget: Annotated[tuple[UncertaintyPart, ...], Field(strict=False)] = ()
    measured: Measured | None = None
    diagnostics: Diagnostics
    settings: dict[str, JsonValue]
    versions: dict[str, str]
    seeds: dict[str, int]
    wall_s: NonNegative

    @model_validator(mode="after")
    def _headline_is_an_estimate(self) -> HydrationResult:
        method = self.headline.method
        named: Estimate | None = getattr(self.estimates, method)
        head = self.headline
        if named is None or (named.value_kcal, named.stderr_kcal) != (
            head.value_kcal,
            head.stderr_kcal,
        ):
            raise ValueError(f"the headline is not the estimate {method!r} that it names")
        if method == "as_published" and self.protocol != "paper":
            raise ValueError("the published sum is the headline only under protocol 'paper'")
        return self

    def to_json(self) -> str:
        """Return the text of `result.json`, which `--json` prints."""
        return json.dumps(self.model_dump(mode="json"), indent=2, allow_nan=False) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Return one row with the columns of `result.csv`; null values become NaN or None."""
        import pandas as pd  # noqa: PLC0415

        return pd.DataFrame([dict(_cells(self))])

    def __str__(self) -> str:
        """Return the table that the command prints with `--full`."""
        # imported here, since the table module imports this one
        from rich.console import Console  # noqa: PLC0415

        from merrow.hydration.report.table import WIDTH, render_table  # noqa: PLC0415

        console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
        with console.capture() as shown:
            console.print(render_table(self))
        return shown.get()

    def __repr__(self) -> str:
        """Return the same table, for the interactive prompt."""
        return str(self)

    def _repr_html_(self) -> str:
        import pandas as pd  # noqa: PLC0415

        found = {"headline": self.headline, **vars(self.estimates)}
        rows = {
            name.replace("_", " "): (estimate.value_kcal, estimate.stderr_kcal)
            for name, estimate in found.items()
            if estimate is not None
        }
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["ΔG [kcal/mol]", "±"])
        name = self.molecule.smiles or self.molecule.formula
        return html_table(f"{name}: hydration free energy with {self.potential}", table)


def write_json(result: HydrationResult, path: Path) -> None:
    """Write `result.json` atomically."""
    atomic_write(path, result.to_json())


def write_csv(result: HydrationResult, path: Path) -> None:
    """Write a header and one row atomically; null becomes an empty cell."""
    header, row = zip(*_cells(result), strict=True)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, row])
    atomic_write(path, text.getvalue())


def read_result(path: str | Path) -> HydrationResult:
    """Read `result.json`.

    Raises:
        InputError: The file cannot be read, has another version, or has a missing, unknown or
            invalid key.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); give a result.json.") from error
    version = found.get("schema_version") if isinstance(found, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema_version {version!r}, this merrow reads {SCHEMA_VERSION}; "
            "read it with the merrow that wrote it or run again."
        )
    try:
        return HydrationResult.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise InputError(
            f"{path} is not a result: {where}: {first['msg']}; see docs/reference/result.md."
        ) from error


def _cells(result: HydrationResult) -> Iterator[tuple[str, object]]:
    """Yield the column names and values of the CSV row; the columns are the same for every run."""
    yield from result.molecule
    for name in ("potential", "charges", "protocol", "route", "temperature_k"):
        yield name, getattr(result, name)
    yield "headline_method", result.headline.method
    estimates = {"headline": result.headline, **vars(result.estimates), **dict(result.legs)}
    for name in ("de_reorg", "de_reorg_mbar", "closure"):
        estimates[name] = getattr(result, name)
    for name, estimate in estimates.items():
        yield f"{name}_kcal", None if estimate is None else estimate.value_kcal
        yield f"{name}_stderr_kcal", None if estimate is None else estimate.stderr_kcal
    yield "min_overlap", result.diagnostics.min_overlap
    yield "wall_s", result.wall_s
    yield "schema_version", result.schema_version
