# SPDX-License-Identifier: MIT
"""How does a sander input become a run? Everything judged first, then steps, then averages."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from merrow.amber.mdout import Energies
from merrow.errors import InputError, NumericsError
from merrow.md.loop import Listener, MdOutputs, MdProgress, Run
from merrow.md.settings import MdConfig
from merrow.md.setup import MdInputs, prepare_md, read_config

__all__ = ["Listener", "MdOutputs", "MdProgress", "MdResult", "run_md"]


@dataclass(frozen=True)
class MdResult:
    """What a run left.

    Attributes:
        energies: What mdout tells of the printed steps, in order.
        outputs: The files that were written.
        ns_per_day: Speed; 0 for a minimisation.
    """

    energies: tuple[Energies, ...]
    outputs: MdOutputs
    ns_per_day: float


def run_md(
    mdin: str | Path,
    prmtop: str | Path,
    inpcrd: str | Path,
    *,
    outputs: MdOutputs | None = None,
    reference: str | Path | None = None,
    overwrite: bool = False,
    platform: str = "CPU",
    listen: Listener | None = None,
) -> MdResult:
    """Run the minimisation or dynamics that a sander input with an ML region asks for.

    Args:
        mdin: The input.
        prmtop: Topology.
        inpcrd: Coordinates, or a restart file.
        outputs: Where to write; sander's names in the working folder if None.
        reference: Coordinates of positional restraints (ntr=1).
        overwrite: Whether existing outputs are replaced (sander's -O).
        platform: OpenMM platform.
        listen: Called with every printed step.

    Raises:
        InputError: The input is wrong, or an output exists; nothing has been written.
        NumericsError: The run blew up; the last good restart is kept.
        IncompleteError: It was interrupted; the message says how to go on.
    """
    inputs = MdInputs(
        Path(mdin), Path(prmtop), Path(inpcrd), None if reference is None else Path(reference)
    )
    outputs = outputs or MdOutputs()
    config, _ = read_config(inputs.mdin)
    written = _check_outputs(inputs, outputs, config, overwrite=overwrite)
    start = prepare_md(inputs, platform=platform)
    for path in written:
        path.unlink(missing_ok=True)
    with ExitStack() as files:
        log = files.enter_context(outputs.mdout.open("w", encoding="utf-8"))
        run = Run(start, outputs, inputs, log, listen)
        run.open()
        try:
            if start.config.minimise:
                run.minimise()
            else:
                run.propagate(files)
        except NumericsError as error:
            raise run.failed(error) from error
        except KeyboardInterrupt as error:
            raise run.stopped() from error
        run.close()
    pace = run.pace()
    return MdResult(tuple(run.seen), outputs, 0.0 if start.config.minimise else pace.ns_per_day)


def _check_outputs(
    inputs: MdInputs, outputs: MdOutputs, config: MdConfig, *, overwrite: bool
) -> list[Path]:
    """Return the files that this run writes; others of these names are not its own."""
    moves = not config.minimise
    saves = config.ml is not None and config.ml.on_spread == "save"
    asked = {
        "-o": (outputs.mdout, True),
        "-r": (outputs.restrt, True),
        "-x": (outputs.mdcrd, moves and config.frame_interval > 0),
        "-inf": (outputs.mdinfo, True),
        "-v": (outputs.mdvel, moves and config.velocity_interval > 0),
        "-xs": (outputs.mdspread, moves and saves),
    }
    written = {option: path for option, (path, used) in asked.items() if used}
    read = {"-i": inputs.mdin, "-p": inputs.prmtop, "-c": inputs.inpcrd, "-ref": inputs.refc}
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
