# SPDX-License-Identifier: MIT
"""A minimisation or MD run: checks first, then the steps, then averages."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from merrow.amber.mdout import Energies
from merrow.amber.topology import AmberTopology, read_topology
from merrow.errors import InputError, NumericsError
from merrow.files import is_file
from merrow.md.loop import Run
from merrow.md.notes import NO_REFERENCE
from merrow.md.settings import MdSettings
from merrow.md.setup import MdInputs, MdOutputs, MdSetup, prepare_md
from merrow.native import MmKernel
from merrow.progress import Listener, silent
from merrow.report.notebook import html_table
from merrow.settings import Placement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MdOutputs", "MdResult", "run_md"]


@dataclass(frozen=True)
class MdResult:
    """Result of a run.

    Attributes:
        energies: Energies of the printed steps of mdout, in order.
        outputs: Output files.
        ns_per_day: Speed [ns/day]; 0 for a minimisation.
        placement: Device of the network, with its timings.
    """

    energies: tuple[Energies, ...]
    outputs: MdOutputs
    ns_per_day: float
    placement: Placement

    def to_json(self) -> str:
        """Return energies of the printed steps, existing files, speed, and the network's device."""
        files = {name: str(path) for name, path in vars(self.outputs).items() if path.exists()}
        data = {
            "ns_per_day": self.ns_per_day,
            "ml_device": self.placement.device,
            "ml_device_ms": self.placement.call_ms,
            "outputs": files,
            "energies": self.to_frame().reset_index().to_dict("records"),
        }
        return json.dumps(data, indent=2, allow_nan=False) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per printed step with the time [ps] and the quantities of mdout."""
        import pandas as pd  # noqa: PLC0415

        index = pd.Index([one.step for one in self.energies], name="step")
        return pd.DataFrame([{"time": one.time, **one.values} for one in self.energies], index)

    def _repr_html_(self) -> str:
        return html_table(f"{self.ns_per_day:.3g} ns/day", self.to_frame())


def run_md(
    settings: MdSettings,
    prmtop: str | Path | AmberTopology,
    inpcrd: str | Path,
    *,
    outputs: MdOutputs | None = None,
    reference: str | Path | None = None,
    overwrite: bool = False,
    platform: str = "auto",
    mm_kernel: MmKernel = "auto",
    listen: Listener = silent,
) -> MdResult:
    """Minimise, or run MD of, a system with an ML region.

    Args:
        settings: Settings, for example from `read_md_settings`.
        prmtop: Topology.
        inpcrd: Coordinates, or a restart file.
        outputs: Output files; None for sander's names in the working folder.
        reference: Reference coordinates of positional restraints (ntr=1).
        overwrite: Whether existing outputs are replaced (sander's -O).
        platform: OpenMM platform; "auto" for the fastest that agrees with Reference.
        mm_kernel: Nonbonded forces: "openmm", "native" (our kernel), or "auto", native if possible.
        listen: Called with every printed step.

    Raises:
        InputError: The input is wrong, or an output exists; nothing has been written.
        NumericsError: The run blew up; the last good restart is kept.
        IncompleteError: The run was interrupted; the message says how to continue.
    """
    topology = prmtop if isinstance(prmtop, AmberTopology) else read_topology(prmtop)
    refc = None if reference is None else Path(reference)
    settings = MdSettings.checked(settings.model_dump(), source=settings.source.name)
    inputs = MdInputs(topology, Path(inpcrd), refc)
    outputs = MdOutputs(*map(Path, vars(outputs or MdOutputs()).values()))  # names are taken too
    settings = _with_reference(settings, refc)
    written = _check_outputs(settings, inputs, outputs, overwrite=overwrite)
    setup = prepare_md(settings, inputs, platform=platform, kernel=mm_kernel)
    for path in written:
        path.unlink(missing_ok=True)
    return run_setup(setup, outputs, listen)


def _with_reference(settings: MdSettings, refc: Path | None) -> MdSettings:
    """Note reference coordinates to which nothing is restrained; users of sander often give them.

    Raises:
        InputError: There is no such file.
    """
    if refc is None or settings.restraint_mask is not None:
        return settings
    if not is_file(refc):
        raise InputError(
            f"there is no file {refc} (-ref), and without ntr=1 none is read; leave it out."
        )
    return settings.model_copy(update={"notes": (*settings.notes, NO_REFERENCE)})


def run_setup(setup: MdSetup, outputs: MdOutputs, listen: Listener) -> MdResult:
    """Run a prepared minimisation or MD.

    Args:
        setup: The prepared run.
        outputs: Output files; existing ones are overwritten.
        listen: Called with every printed step.

    Raises:
        NumericsError, IncompleteError: As `run_md`.
    """
    minimises = setup.settings.minimise
    with ExitStack() as files:
        log = files.enter_context(outputs.mdout.open("w", encoding="utf-8"))
        run = Run(setup, outputs, log, files, listen)
        run.open()
        try:
            if minimises:
                run.minimise()
            else:
                run.propagate()
        except NumericsError as error:
            raise run.failed(error) from error
        except KeyboardInterrupt as error:
            raise run.stopped() from error
        except Exception as error:  # a library may turn an interrupt into any exception
            error.add_note(run.kept())
            raise
        run.close()
    speed = 0.0 if minimises else run.pace().ns_per_day
    return MdResult(tuple(run.seen), outputs, speed, setup.placed.where)


def _check_outputs(
    settings: MdSettings, inputs: MdInputs, outputs: MdOutputs, *, overwrite: bool
) -> list[Path]:
    """Return the files that this run will write."""
    moves = not settings.minimise
    asked = {
        "-o": (outputs.mdout, True),
        "-r": (outputs.restrt, True),
        "-x": (outputs.mdcrd, moves and settings.frame_interval > 0),
        "-inf": (outputs.mdinfo, True),
        "-v": (outputs.mdvel, moves and settings.velocity_interval > 0),
        "-xs": (outputs.mdspread, moves and settings.ml.on_spread == "save"),
    }
    written = {option: path for option, (path, used) in asked.items() if used}
    read = {
        "-i": settings.source,
        "-p": inputs.topology.path,
        "-c": inputs.inpcrd,
        "-ref": inputs.refc,
    }
    seen: dict[Path, str] = {
        path.resolve(): option for option, path in read.items() if path is not None
    }
    for option, path in written.items():
        place = path.resolve()
        if place in seen:
            raise InputError(
                f"{seen[place]} and {option} are both {path}; give {option} another name."
            )
        seen[place] = option
        if path.is_dir() or not place.parent.is_dir():
            raise InputError(f"{option} {path} cannot be written; make its folder, or rename it.")
        if path.exists() and not overwrite and option != "-inf":
            raise InputError(f"{option} {path} exists already; add -O to overwrite it.")
    return list(written.values())
