# SPDX-License-Identifier: MIT
"""Data of the report and files of a campaign: one row per run, and the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merrow.campaign.comparison import ErrorStatistics, PairedDifference
from merrow.campaign.rows import Reference
from merrow.free_energy.stored import Estimate, Estimates, Headline

NONE_YET = Estimates(None, None, None, None, None)


@dataclass(frozen=True)
class CampaignRow:
    """One run; missing values are None.

    Attributes:
        name: Name of the molecule.
        status: done, running (a process works on it), stopped (can be resumed), pending, or
            failed.
        charges: Charge model.
        folder: Run folder, relative to the campaign's.
        kind: Class of compounds.
        why: Reason of a failure.
        smiles: SMILES of the molecule.
        headline: Headline of the run.
        estimates: All estimates of the run.
        closure: direct − endpoint, for runs that sampled both routes.
        experiment: The experimental value.
        charges_spread: Largest − smallest free energy of the molecule over its charge models.
        references: Published calculated values by label.
        warnings: Messages of the checks that did not pass, failed ones first.
        failed_checks: Number of those that failed: the result must not be trusted.
    """

    name: str
    status: str
    charges: str
    folder: str
    kind: str = ""
    why: str = ""
    smiles: str | None = None
    headline: Headline | None = None
    estimates: Estimates = NONE_YET
    closure: Estimate | None = None
    experiment: Reference | None = None
    charges_spread: Estimate | None = None
    references: Mapping[str, Reference] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failed_checks: int = 0

    @property
    def exact(self) -> Estimate | None:
        """The free energy of the Hamiltonian, whatever the headline is."""
        return self.estimates.exact or self.headline


@dataclass(frozen=True)
class Comparison:
    """A column of values against experiment, for the molecules that have both.

    Attributes:
        label: Method, such as "ani2x, bcc".
        errors: Calculated − experiment of each molecule [kcal/mol], by name.
        stderr: Statistical error of each calculated value [kcal/mol], by name; None if unknown.
        statistics: Error statistics.
    """

    label: str
    errors: Mapping[str, float]
    stderr: Mapping[str, float | None]
    statistics: ErrorStatistics


@dataclass(frozen=True)
class Pair:
    """A paired comparison of two columns on the same molecules."""

    first: str
    second: str
    difference: PairedDifference


@dataclass(frozen=True)
class ClassErrors:
    """Deviations from experiment within one class of compounds [kcal/mol].

    Attributes:
        kind: Class of compounds.
        label: Method.
        n: Number of molecules.
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
    """Data of the report of a campaign.

    Attributes:
        title: Name of the campaign.
        potential: Name of the potential.
        protocol: Name of the protocol.
        rows: One per run, in the order of the table.
        comparisons: Comparisons with experiment.
        pairs: Paired comparisons of columns.
        classes: Errors by class of compounds.
        expt_stderr_kcal: Root mean square uncertainty of the experimental values; None if unknown.
        settings: Other settings, by dotted name.
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
    def doubtful(self) -> int:
        """Number of runs with a result that must not be trusted, since a check failed."""
        return sum(row.failed_checks > 0 for row in self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """Number of runs by status, in the order done, running, stopped, pending, failed."""
        order = ("done", "running", "stopped", "pending", "failed")
        return {status: sum(row.status == status for row in self.rows) for status in order}
