# SPDX-License-Identifier: MIT
"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

KernelOption = Annotated[
    str,
    typer.Option(help="Nonbonded forces: auto, openmm or native (ours, faster, in water)."),
]
ContinueOption = Annotated[
    str | None,
    typer.Option(help="CPU: go on there with a run that lost its GPU; its samples are labelled."),
]
EngineOption = Annotated[
    str,
    typer.Option(help="What moves the molecules: auto, openmm or native (ours, on our kernel)."),
]
PlatformOption = Annotated[
    str, typer.Option("--platform", help="OpenMM platform; auto: the fastest that is right.")
]
