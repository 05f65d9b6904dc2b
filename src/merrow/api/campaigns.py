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
    """One protocol for every molecule of a table; everything of it is in the folder `out`.

        campaign = merrow.Campaign("set.csv", out="set")
        campaign.run(executor="processes", progress=True).to_frame()

    Args:
        table: CSV with the columns name and smiles, path, or prmtop and inpcrd; expt_kcal, ...
        out: Folder of the campaign.
        potential: As `merrow models list` shows it, or "mm".
        weights: File of the potential's weights; None to search.
        protocol: A key of `merrow.PROTOCOLS`.
        settings: Changed settings of the protocol, such as {"cutoff_angstrom": 10.0}.
        columns: Column of the file for a key, such as {"expt_kcal": "expt"}.
        charges: Charge model, or several, each its own run.
        gaff: 1 or 2.
        target_stderr: Each run stops at this standard error [kcal/mol].
        mm_reference: Direct route: whether MM is sampled too.
        both_routes: Whether each run samples both routes.
        seed: Random seed.
        repeats: Independent repeats of each run; None: the protocol's.
        platform: OpenMM platform.
        mm_kernel: Nonbonded forces: "auto", "openmm" or "native".
        engine: What moves the configurations: "auto", "openmm" or "native".

    Attributes:
        table: The CSV file of the molecules.
        folder: The campaign's folder.
        config: Everything that is asked.
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
        """Say what is asked, in words as above; nothing is computed or written yet.

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
        """Compute, or go on computing, every molecule.

        Args:
            executor: "serial", "processes" or "dask"; None: processes, or dask with a cluster file.
            workers: Runs at a time; None: one for each core, or as the cluster file says.
            cluster: File of `merrow cluster init`, for a batch system.
            max_time: Stop cleanly after minutes, or such as "45m", "12h".
            progress: True shows lines; or a function that is called with every `merrow.Progress`.

        Returns:
            The table with its statistics, complete or not; it is in the folder too.

        Raises:
            InputError: The table, the request or the cluster is wrong; nothing is written.
        """
        name, scheduler = place_of(executor, cluster)
        backend = ComputeBackend(name, workers, scheduler, minutes_of(max_time))
        with listener(progress) as listen:
            return run_campaign(
                self.config, self.folder, base=self.table.parent, backend=backend, listen=listen
            )

    @property
    def result(self) -> CampaignResult:
        """What the runs have found so far; table and page are written again.

        Raises:
            InputError: The folder contains no campaign.
        """
        return write_results(self.folder)
