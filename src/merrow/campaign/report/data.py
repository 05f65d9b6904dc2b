# SPDX-License-Identifier: MIT
"""What a campaign hands to its page and its files: one row for each run, and the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merrow.campaign.comparison import ErrorStatistics, PairedDifference
from merrow.campaign.rows import Reference
from merrow.free_energy.stored import Estimate, Estimates, Headline

NONE_YET = Estimates(None, None, None, None, None)


@dataclass(frozen=True)
class CampaignRow:
    """One run; what is not there is None.

    Attributes:
        name: Name of the molecule.
        status: done, running (a process works on it), stopped (begun, to go on), pending, or
            failed.
        charges: Charge model.
        folder: Run folder, relative to the campaign's.
        kind: Class of compounds.
        why: Why it failed.
        smiles: SMILES of the molecule.
        headline: The answer of the run.
        estimates: All its estimates.
        closure: direct − endpoint, of runs that sampled both routes.
        experiment: The measured value.
        charges_spread: Largest − smallest free energy of the molecule over its charge models.
        references: Published calculated values by label.
        warnings: Sentences of verdicts that did not pass.
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

    @property
    def exact(self) -> Estimate | None:
        """The free energy of the Hamiltonian, whatever the headline is."""
        if self.headline is not None and self.headline.method == "as_published":
            return self.estimates.decoupling_mbar
        return self.headline


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
        """Number of runs by status, in the order done, running, stopped, pending, failed."""
        order = ("done", "running", "stopped", "pending", "failed")
        return {status: sum(row.status == status for row in self.rows) for status in order}
