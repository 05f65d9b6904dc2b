# SPDX-License-Identifier: MIT
"""`merrow init`: commented input files; `merrow completion`: shell completion."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Final

import typer

from merrow.errors import InputError
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS, REPEATS, Protocol
from merrow.settings import one_of

BEGINNINGS: Final = {
    "hydration": "run.yaml",
    "md": "mdin",
    "campaign": "set.csv",
    "complex": "complex.sh",
    "mmpbsa": "mmpbsa.sh",
}
"""Tasks with a commented input file, and the usual name of the file."""


def init(
    task: Annotated[str, typer.Argument(help=f"Task: {', '.join(BEGINNINGS)}.")],
) -> None:
    """Print a commented input file as a template: `merrow init md > mdin`, then edit it."""
    if task not in BEGINNINGS:
        known = ", ".join(f"`merrow init {name}`" for name in BEGINNINGS)
        raise InputError(f"there is nothing to configure for {task!r}; try {known}.")
    if task == "hydration":
        _run_file()
        return
    text = files("merrow.cli").joinpath("beginnings", BEGINNINGS[task]).read_text(encoding="utf-8")
    typer.echo(text, nl=False)


def completion(
    shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")],
) -> None:
    """Print the shell completion script for merrow's commands, options and files.

    bash: add `eval "$(merrow completion bash)"` to ~/.bashrc. zsh: the same with zsh, in ~/.zshrc
    after compinit. fish: merrow completion fish > ~/.config/fish/completions/merrow.fish
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # noqa: PLC0415

    shell = one_of("shell", shell, ("bash", "zsh", "fish"))
    script = get_completion_script(prog_name="merrow", complete_var="_MERROW_COMPLETE", shell=shell)
    typer.echo(script)


def _run_file() -> None:
    typer.echo("# The protocols; `protocol:` below may hold any change of them.")
    for name in Protocol.model_fields:
        values = [getattr(p, name) for p in PROTOCOLS.values()]
        shown = [f"{len(v.states)} states" if name == "schedule" else str(v) for v in values]
        typer.echo("# " + f"{name:<28}" + "".join(f"{value:<16}" for value in shown))
    asked = "".join(f"{REPEATS[name] or 'one per core':<16}" for name in PROTOCOLS)
    typer.echo(f"# {'repeats':<28}{asked}")
    config = HydrationConfig(source=Source(kind="smiles", smiles="CO"))
    typer.echo(config.to_yaml(), nl=False)
