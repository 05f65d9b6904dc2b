# SPDX-License-Identifier: MIT
"""`merrow.Campaign`: hydration free energies of a whole set of molecules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from merrow.api.showing import Told, listener
from merrow.campaign.asked import campaign_config, place_of
from merrow.campaign.driver import ComputeBackend, run_campaign
from merrow.campaign.table import CampaignResult, write_results
from merrow.hydration.asked import minutes_of


class Campaign:
    """Hydration free energies of every molecule in a table by one protocol, in the folder `out`.

        campaign = merrow.Campaign("set.csv", out="set")
        campaign.run(executor="processes", progress=True).to_frame()

    Args:
        table: CSV with the columns name and smiles, path, or prmtop and inpcrd; expt_kcal, ...
        out: Campaign folder; resumed if it exists.
        potential: Name from `merrow models list`, or "mm".
        weights: Weights file of the potential; None to search for it.
        protocol: A key of `merrow.PROTOCOLS`.
        settings: Protocol settings to change, such as {"cutoff_angstrom": 10.0}.
        columns: Columns with other names, such as {"expt_kcal": "expt"}.
        charges: Charge model, or several; each makes its own run.
        gaff: GAFF version, 1 or 2.
        target_stderr: Standard error at which each run stops [kcal/mol], once its repeats agree in
            their conformers.
        mm_reference: Whether MM is sampled too (direct route).
        both_routes: Whether each run samples both routes.
        seed: Random seed.
        repeats: Independent repeats of each run; None for the protocol's.
        platform: OpenMM platform.
        mm_kernel: Nonbonded forces: "auto", "openmm" or "native".
        engine: Integrator: "auto", "openmm" or "native".

    Attributes:
        table: CSV file of the molecules.
        folder: Campaign folder.
        config: All settings.
    """

    def __init__(
        self,
        table: str | Path,
        *,
        out: str | Path,
        potential: str = "ani2x",
        weights: str | Path | None = None,
        protocol: str = "quick",
        settings: Mapping[str, object] | None = None,
        columns: Mapping[str, str] | None = None,
        charges: str | Sequence[str] | None = None,
        gaff: int = 2,
        target_stderr: float | None = None,
        mm_reference: bool = True,
        both_routes: bool = False,
        seed: int = 2025,
        repeats: int | None = None,
        platform: str = "auto",
        mm_kernel: str = "auto",
        engine: str = "auto",
    ) -> None:
        """Set up the campaign with the arguments above; nothing is computed or written yet.

        Raises:
            InputError: The arguments do not fit together.
        """
        self.table, self.folder = Path(table), Path(out)
        self.config = campaign_config(
            table,
            potential=potential,
            weights=weights,
            protocol=protocol,
            settings=settings,
            columns=columns,
            charges=(charges,) if isinstance(charges, str) else charges,
            gaff=gaff,
            target_stderr=target_stderr,
            mm_reference=mm_reference,
            both_routes=both_routes,
            seed=seed,
            repeats=repeats,
            platform=platform,
            mm_kernel=mm_kernel,
            engine=engine,
            where="merrow.Campaign",
        )

    def run(
        self,
        executor: str | None = None,
        *,
        workers: int | None = None,
        cluster: str | Path | None = None,
        max_time: str | float | None = None,
        progress: Told = False,
    ) -> CampaignResult:
        """Compute every molecule, or resume.

        Args:
            executor: "serial", "processes" or "dask"; None: processes, or dask with a cluster file.
            workers: Runs at a time; None: one per core, or as the cluster file says.
            cluster: File from `merrow cluster init`, for a batch system.
            max_time: Time limit in minutes, or such as "45m", "12h".
            progress: True prints progress; a function receives every `merrow.Progress`.

        Returns:
            The table with its statistics, complete or not; also written to the folder.

        Raises:
            InputError: The table, an argument or the cluster is wrong; nothing is written.
        """
        name, scheduler = place_of(executor, cluster)
        backend = ComputeBackend(name, workers, scheduler, minutes_of(max_time))
        with listener(progress) as listen:
            return run_campaign(
                self.config, self.folder, base=self.table.parent, backend=backend, listen=listen
            )

    @property
    def result(self) -> CampaignResult:
        """Results so far; table and report are rewritten.

        Raises:
            InputError: The folder contains no campaign.
        """
        return write_results(self.folder)
