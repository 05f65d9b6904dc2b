# SPDX-License-Identifier: MIT
"""The potential that a number mlp_model names: a file of the original program, or one of ours.

The original program reads TorchScript files of fixed names from the folder in the environment
variable MODEL_PATH. Where that is set, its users mean those files; elsewhere a number names our own
model of the same kind.
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
    ("ani1xnr", "ani1_xnr.pt"),
    ("mace-off23-medium", "MACE-OFF23_medium.pt"),
    ("mace-off23-large", "MACE-OFF23_large.pt"),
)
"""Our model, and the file of the original program, by the number mlp_model."""


def numbered_potential(
    source: str,
    number: int | None,
    notes: list[str],
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Return the name of the potential of a number; a file of MODEL_PATH leaves a note.

    Args:
        source: Name of the input file, for messages.
        number: The value of mlp_model, or None where it is not given, which means 0.
        notes: What the user is told.
        environment: Where MODEL_PATH is looked for.

    Raises:
        InputError: MODEL_PATH is set, and its folder does not hold the file.
    """
    number = number or 0
    ours, file_name = NUMBERS[number]
    folder = environment.get(VARIABLE, "")
    if not folder:
        return ours
    path = Path(folder).absolute() / file_name
    if not path.is_file():
        raise InputError(
            f"{source}: mlp_model={number} names {file_name} in the folder of {VARIABLE}, "
            f"{folder}, which does not hold it; put it there, or unset "
            f"{VARIABLE} for our own {ours}."
        )
    notes.append(f"mlp_model={number} is {path}, since {VARIABLE} is set, and not our own {ours}.")
    return f"torchscript:{path}"
