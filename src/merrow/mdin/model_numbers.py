# SPDX-License-Identifier: MIT
"""The potential of a number mlp_model: a file of the original program, or one of our models.

The original program reads TorchScript files with fixed names from the folder in the environment
variable MODEL_PATH. If that is set, these files are used; otherwise a number selects our own model
of the same kind.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from merrow.errors import InputError

VARIABLE: Final = "MODEL_PATH"
NUMBERS: Final = (
    ("ani2x", "ani2x_model.pt"),
    ("mace-off23-small", "MACE-OFF23_small.pt"),
    ("", "ani1_xnr.pt"),
    ("mace-off23-medium", "MACE-OFF23_medium.pt"),
    ("mace-off23-large", "MACE-OFF23_large.pt"),
)
"""Our model, if there is one, and the file of the original program, by mlp_model."""


def numbered_potential(
    source: str,
    number: int | None,
    notes: list[str],
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Return the name of the potential of a number; a file of MODEL_PATH adds a note.

    Args:
        source: Name of the input file, for messages.
        number: The value of mlp_model; None, if it is not given, means 0.
        notes: List to which notes for the user are added.
        environment: Environment variables, with or without MODEL_PATH.

    Raises:
        InputError: MODEL_PATH is set, but its folder lacks the file; or it is not set, and there is
            no model of ours of this number.
    """
    number = number or 0
    ours, file_name = NUMBERS[number]
    folder = environment.get(VARIABLE, "")
    instead = f"unset {VARIABLE} for our own {ours}" if ours else "choose another model"
    if not folder and not ours:
        raise InputError(
            f"{source}: mlp_model={number} is the file {file_name} of the original program, and "
            f"none of our models is the same; set {VARIABLE} to the folder that holds it, "
            f"or {instead}."
        )
    if not folder:
        return ours
    path = Path(folder).absolute() / file_name
    if not path.is_file():
        raise InputError(
            f"{source}: mlp_model={number} names {file_name} in the folder of {VARIABLE}, "
            f"{folder}, which does not hold it; put it there, or {instead}."
        )
    rest = f", and not our own {ours}" if ours else ""
    notes.append(f"mlp_model={number} is {path}, since {VARIABLE} is set{rest}.")
    return f"torchscript:{path}"
