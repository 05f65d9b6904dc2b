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
    typer.Option(help="CPU: continue a run that lost its GPU there; its samples are labelled."),
]
EngineOption = Annotated[
    str,
    typer.Option(help="Integrator: auto, openmm or native (ours, with our kernel)."),
]
PlatformOption = Annotated[
    str,
    typer.Option(
        "--platform", help="OpenMM platform; auto: the fastest that gives correct results."
    ),
]
FrameInterval = Annotated[
    float | None,
    typer.Option(help="Time between frames of the trajectories [ps], if they do not tell it."),
]
InteractiveOption = Annotated[
    bool,
    typer.Option("--interactive", help="Add an interactive 3-D view to the report."),
]
