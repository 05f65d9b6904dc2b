# SPDX-License-Identifier: MIT
"""What does the user see? One command, a few verbs; errors in one sentence and honest exit codes.

0 done, 1 failed, 2 bad input, 3 stopped before the end (run the same command again to go on).
"""

from __future__ import annotations

import logging
import os
import sys

import typer

from mlmm import __version__
from mlmm.cli import models
from mlmm.cli.energy import energy
from mlmm.cli.hydration import hydration, init, run
from mlmm.errors import MlmmError

app = typer.Typer(
    name="mlmm",
    help="Hybrid machine-learning / molecular-mechanics free energies for AMBER files.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("hydration")(hydration)
app.command("energy")(energy)
app.command("run")(run)
app.command("init")(init)
app.add_typer(models.app, name="models")


def _version(show: bool) -> None:  # noqa: FBT001 (typer calls it)
    if show:
        typer.echo(f"mlmm {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: bool = typer.Option(
        False,
        "--version",
        callback=_version,
        is_eager=True,
        help="Print the version.",
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what is done."),
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s"
    )


def main() -> None:
    """Run the command line; the only place that turns errors into exit codes."""
    for name in ("OMP_NUM_THREADS", "OPENMM_CPU_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        app()
    except MlmmError as error:
        print(f"mlmm: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("mlmm: stopped; run the same command again to go on.", file=sys.stderr)
        sys.exit(3)
    except OSError as error:
        print(f"mlmm: {error.filename or 'a file'}: {error.strerror or error}.", file=sys.stderr)
        sys.exit(1)
