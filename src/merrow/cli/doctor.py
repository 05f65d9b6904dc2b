# SPDX-License-Identifier: MIT
"""`merrow doctor`: what is installed on this machine, and whether it computes correctly."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from merrow.errors import MerrowError


def doctor(
    *,
    full: Annotated[bool, typer.Option("--full", help="Print every line in full.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check programs, kernels, devices and weights, and compare each device with Reference."""
    # imported here to keep --help fast
    from rich.console import Console  # noqa: PLC0415

    from merrow.doctor.machine import machine_checks  # noqa: PLC0415
    from merrow.doctor.platforms import platform_checks  # noqa: PLC0415
    from merrow.doctor.table import check_table  # noqa: PLC0415
    from merrow.versions import versions  # noqa: PLC0415

    checks = [*machine_checks(), *platform_checks()]
    failed = [check.name for check in checks if check.status == "fail"]
    if as_json:
        content = {"versions": versions(), "checks": [asdict(check) for check in checks]}
        typer.echo(json.dumps(content, indent=2))
    else:
        Console().print(check_table(checks, full=full))
        if not full:
            typer.echo("everything: add --full")
    if failed:
        raise MerrowError(f"this machine computes wrongly, see above: {', '.join(failed)}.")
