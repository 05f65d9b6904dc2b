# SPDX-License-Identifier: MIT
"""`merrow sander`: AmberTools' sander with ML potentials, by its own flags; and `merrow serve`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

SANDER_FLAGS = {"ignore_unknown_options": True}
"""Flags with one dash are sander's."""


def sander(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="FLAGS",
            help="sander's own flags: -O -i mdin -o mdout -p prmtop -c inpcrd -r restrt "
            "-x mdcrd -ref refc -inf mdinfo ...",
        ),
    ],
    *,
    potential: Annotated[
        str | None, typer.Option(help="Potential to use instead of the one in the input.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights file of the potential.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="Precision of the networks: float32 or float64.")
    ] = None,
    server: Annotated[
        Path | None, typer.Option(help="Socket of a running `merrow serve`; else a private server.")
    ] = None,
) -> None:
    """Run AmberTools' sander on an input with ifmlp=1 and &mlp, or with &qmmm EXTERN."""
    from merrow.sander.run import SanderRun, run  # noqa: PLC0415

    run(SanderRun(words, Path.cwd(), potential, weights, precision, server))


def serve(
    socket: Annotated[
        Path, typer.Option(help="Path of the socket, in a folder only you can access.")
    ],
) -> None:
    """Serve models to many `merrow sander --server SOCKET` until Ctrl-C or SIGTERM."""
    from merrow.sander.models import ready_models  # noqa: PLC0415
    from merrow.sander.server import ModelServer  # noqa: PLC0415

    path = socket.absolute()
    try:
        with ModelServer(path, ready_models().answer):
            typer.echo(f"merrow serve: listening at {path}", err=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
