# SPDX-License-Identifier: MIT
"""What does a campaign hand to its page and its files? One row for each run, and the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merrow.campaign.comparison import ErrorStatistics, PairedDifference


@dataclass(frozen=True)
class CampaignRow:
    """One run; every energy is in kcal/mol, None where it is not there.

    Attributes:
        name: Name of the molecule.
        status: done, running, pending, or failed.
        why: Why it failed.
        charges: Charge model.
        kind: Class of compounds.
        smiles: SMILES of the molecule.
        dg_kcal: The headline.
        stderr_kcal: Its standard error.
        method: Which estimate the headline is.
        decoupling_kcal: The free energy of the Hamiltonian by the direct route, the headline or
            not.
        decoupling_stderr_kcal: Its standard error.
        as_published_kcal: The published sum.
        as_published_stderr_kcal: Its standard error.
        mm_kcal: The MM reference.
        mm_stderr_kcal: Its standard error.
        endpoint_kcal: The endpoint route beside a headline of the direct route.
        endpoint_stderr_kcal: Its standard error.
        closure_kcal: direct − endpoint.
        closure_stderr_kcal: Its standard error.
        expt_kcal: The measured value.
        expt_stderr_kcal: Its standard error.
        charges_spread_kcal: Largest − smallest free energy of the molecule over its charge models.
        charges_spread_stderr_kcal: Its standard error.
        references: Published calculated values by label, each with its standard error or None.
        warnings: Sentences of verdicts that did not pass.
        folder: Run folder, relative to the campaign's.
    """

    name: str
    status: str
    charges: str
    folder: str
    kind: str = ""
    why: str = ""
    smiles: str | None = None
    dg_kcal: float | None = None
    stderr_kcal: float | None = None
    method: str | None = None
    decoupling_kcal: float | None = None
    decoupling_stderr_kcal: float | None = None
    as_published_kcal: float | None = None
    as_published_stderr_kcal: float | None = None
    mm_kcal: float | None = None
    mm_stderr_kcal: float | None = None
    endpoint_kcal: float | None = None
    endpoint_stderr_kcal: float | None = None
    closure_kcal: float | None = None
    closure_stderr_kcal: float | None = None
    expt_kcal: float | None = None
    expt_stderr_kcal: float | None = None
    charges_spread_kcal: float | None = None
    charges_spread_stderr_kcal: float | None = None
    references: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def exact(self) -> tuple[float | None, float | None]:
        """The free energy of the Hamiltonian and its standard error, whatever the headline is."""
        if self.method == "as_published":
            return self.decoupling_kcal, self.decoupling_stderr_kcal
        return self.dg_kcal, self.stderr_kcal


@dataclass(frozen=True)
class Comparison:
    """One column of values against experiment, over the molecules that have all that is compared.

    Attributes:
        label: What was calculated, such as "ani2x, bcc".
        errors: Calculated − experiment of each molecule [kcal/mol], by name.
        stderr: Statistical error of each calculated value [kcal/mol], by name.
        statistics: The statistics.
    """

    label: str
    errors: Mapping[str, float]
    stderr: Mapping[str, float]
    statistics: ErrorStatistics


@dataclass(frozen=True)
class Pair:
    """Two columns on the same molecules: how much larger the first one's deviations are."""

    first: str
    second: str
    difference: PairedDifference


@dataclass(frozen=True)
class ClassErrors:
    """Deviations from experiment within one class of compounds [kcal/mol].

    Attributes:
        kind: The class.
        label: What was calculated.
        n: Molecules.
        me: Mean error.
        mae: Mean absolute error.
    """

    kind: str
    label: str
    n: int
    me: float
    mae: float


@dataclass(frozen=True)
class CampaignData:
    """Everything that the page of a campaign shows.

    Attributes:
        title: Name of the campaign.
        potential: Name of the potential.
        protocol: Name of the protocol.
        rows: One for each run, in the order of the table.
        comparisons: Against experiment.
        pairs: Column against column.
        classes: By class of compounds.
        expt_stderr_kcal: Root mean square uncertainty of the measured values; None if unknown.
        settings: What else was asked, by dotted name.
        versions: Versions of the programs, by name.
    """

    title: str
    potential: str
    protocol: str
    rows: tuple[CampaignRow, ...]
    comparisons: tuple[Comparison, ...] = ()
    pairs: tuple[Pair, ...] = ()
    classes: tuple[ClassErrors, ...] = ()
    expt_stderr_kcal: float | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Number of runs by status, in the order done, running, pending, failed."""
        order = ("done", "running", "pending", "failed")
        return {status: sum(row.status == status for row in self.rows) for status in order}
