# SPDX-License-Identifier: MIT
"""`merrow cluster init`: writes a template for a batch system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from merrow.errors import InputError
from merrow.executor import ClusterConfig, Scheduler
from merrow.files import atomic_write

HINTS = {
    "slurm": '["--gres=gpu:1"]',
    "pbs": '["-l ngpus=1"]',
    "lsf": '["-gpu num=1"]',
}

app = typer.Typer(help="Batch systems for campaigns.", no_args_is_help=True)


@app.callback()
def _cluster() -> None:
    """Keep `init` a subcommand although it is the only one."""


@app.command("init")
def init(
    scheduler: Annotated[str, typer.Argument(help="slurm, pbs or lsf.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file; SCHEDULER.yaml by default.")
    ] = None,
) -> None:
    """Write a template for `merrow campaign run --cluster`."""
    if scheduler not in get_args(Scheduler):
        raise InputError(f"there is no scheduler {scheduler!r}; choose slurm, pbs or lsf.")
    path = out or Path(f"{scheduler}.yaml")
    if path.exists():
        raise InputError(f"{path} is there already; name another file with --out.")
    atomic_write(
        path, _text(ClusterConfig.checked({"scheduler": scheduler}, source="the defaults"))
    )
    typer.echo(f"Wrote {path}: fill in the queue, then `merrow campaign run ... --cluster {path}`.")


def _text(config: ClusterConfig) -> str:
    """Return the file with every key explained."""
    lines = ["# Where a campaign may run; see docs/how-to/clusters.md."]
    values = ClusterConfig.to_yaml(config.model_copy(update={"job_extra_directives": ()}))
    for line in values.splitlines():
        field = ClusterConfig.model_fields.get(line.partition(":")[0])
        if field is not None and field.description:
            text = " ".join(field.description.split())
            lines.append(f"# {text}")
        lines.append(line)
        if line.startswith("gpus:"):
            lines.append(f"# with gpus: 1 also job_extra_directives: {HINTS[config.scheduler]}")
    return "\n".join(lines) + "\n"
