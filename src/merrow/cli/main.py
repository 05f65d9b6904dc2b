# SPDX-License-Identifier: MIT
"""The command `merrow`: its subcommands, error messages and exit codes.

Exit codes: 0 done, 1 failed, 2 bad input, 3 stopped by the time limit, 130 stopped by Ctrl-C, 143
by SIGTERM.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import traceback
import warnings

import typer

from merrow import __version__
from merrow.cli import campaign, cluster, models, prepare, validate
from merrow.cli.analyze import analyze
from merrow.cli.bench import bench
from merrow.cli.doctor import doctor
from merrow.cli.energy import energy
from merrow.cli.hydration import hydration, run
from merrow.cli.init import completion, init
from merrow.cli.md import md
from merrow.cli.mmpbsa import mmpbsa
from merrow.cli.plain import print_plainly
from merrow.cli.report import report
from merrow.cli.sander import SANDER_FLAGS, sander, serve
from merrow.cli.simulate import simulate
from merrow.cli.status import status
from merrow.errors import IncompleteError, InputError, MerrowError, first_line
from merrow.process import OPENMM_THREADS, StopSignals, end_children, quiet_libraries

app = typer.Typer(
    name="merrow",
    help="Hybrid machine-learning / molecular-mechanics free energies for AMBER files.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # else units in square brackets vanish from the help
)
app.command("hydration")(hydration)
app.command("energy")(energy)
app.command("analyze")(analyze)
app.command("mmpbsa")(mmpbsa)
app.command("md")(md)
app.command("simulate")(simulate)
app.command("run")(run)
app.command("status")(status)
app.command("report")(report)
app.command("init")(init)
app.command("completion")(completion)
app.command("sander", context_settings=SANDER_FLAGS)(sander)
app.command("serve")(serve)
app.command("bench")(bench)
app.command("doctor")(doctor)
app.add_typer(models.app, name="models")
app.add_typer(prepare.app, name="prepare")
app.add_typer(validate.app, name="validate")
app.add_typer(campaign.app, name="campaign")
app.add_typer(cluster.app, name="cluster")

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "LOGURU_LEVEL": "ERROR"}
"""Set unless the user did: processes share the cores, and alchemlyb logs through loguru."""

GO_ON = ("hydration", "run", "campaign", "simulate")
"""Commands that resume where they were stopped; others start again, or say how to continue."""


def _print_version(show: bool) -> None:
    if show:
        typer.echo(f"merrow {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: bool = typer.Option(
        False,
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the version.",
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log details."),
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s"
    )
    if not verbose:
        quiet_libraries()
        if not sys.warnoptions:
            warnings.simplefilter("ignore")


def main() -> None:
    """Run the command line and turn errors into exit codes."""
    print_plainly()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ[OPENMM_THREADS] = "1"  # overrides the user's value, for reproducible bits
    with StopSignals() as stop:
        try:
            code = app(prog_name="merrow", standalone_mode=False) or 0
            if stop.number is not None and code:  # typer has its own code for an interrupt
                raise KeyboardInterrupt
        except (Exception, KeyboardInterrupt) as error:
            code = _explain(error, stop)
    if stop.number is not None:
        end_children()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(code)  # unloading libraries takes seconds
    sys.exit(code)


def _explain(error: BaseException, stop: StopSignals) -> int:
    """Print one sentence on stderr that says what went wrong; return the exit code."""
    if type(error).__name__ == "NoArgsIsHelpError":  # `merrow` alone; typer does not export it
        print(str(error), file=sys.stderr)
        return InputError.exit_code
    known = _as_our_own(error, stop)
    code = known.exit_code if stop.number is None else 128 + stop.number
    if isinstance(error, BrokenPipeError):  # `merrow ... | head` has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code
    print(f"merrow: {_printable(str(known))}", file=sys.stderr)
    if logging.getLogger().isEnabledFor(logging.INFO):
        traceback.print_exception(error)
    return code


def _as_our_own(error: BaseException, stop: StopSignals) -> MerrowError:
    if isinstance(error, IncompleteError):  # its message says how to continue
        return error
    # a library in between may have replaced the exception
    if stop.number is not None or isinstance(error, KeyboardInterrupt):
        return IncompleteError(f"stopped{_how_to_go_on(error)}.")
    if isinstance(error, MerrowError):
        return error
    if hasattr(error, "format_message"):  # a usage error of typer; its class has moved
        path = getattr(getattr(error, "ctx", None), "command_path", "merrow")
        sentence = " ".join(error.format_message().split()).rstrip(".")
        return InputError(f"{sentence}; see `{path} --help`.")
    if isinstance(error, OSError):
        return MerrowError(f"{error.filename or 'a file'}: {error.strerror or error}.")
    return MerrowError(
        f"unexpected {type(error).__name__}: {first_line(error)}; what was finished is kept, "
        "`merrow --verbose ...` shows where it happened: please report it."
    )


def _how_to_go_on(error: BaseException) -> str:
    for note in getattr(error, "__notes__", ()):
        return f": {note}"
    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return "; run the same command again" + (" to resume" if verb in GO_ON else "")


def _printable(text: str) -> str:
    """Return a text in which a file name can neither start a line nor control the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
