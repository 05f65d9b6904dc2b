# SPDX-License-Identifier: MIT
"""How does amber-mlips, another program between sander and a potential, run the same box?

Its own functions translate the input, build its compiled client and start its model server, as its
command does; only, one server stays for all runs, so that loading a model is never timed. It is no
part of our environment: `pip install --no-deps --target FOLDER amber-mlips==1.3.0`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Peer:
    """What runs sander with it.

    Attributes:
        text: Input for stock sander.
        environment: Environment of sander.
    """

    text: str
    environment: dict[str, str]


@contextlib.contextmanager
def peer(folder: Path, cntrl: str, region: str, keywords: str) -> Iterator[Peer]:
    """Start its server with a model.

    Args:
        folder: Where it was installed.
        cntrl: Keys of &cntrl.
        region: Keys of &qmmm that tell the region: qmmask, qmcharge, spin.
        keywords: Its `ml_keywords`, such as "--model FILE" or "--model builtin:zero".
    """
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        os.environ["PYTHONPATH"] = f"{folder}:{os.environ.get('PYTHONPATH', '')}"
    program = importlib.import_module("amber_mlips_plugins.cli_amber")
    user = (
        f"loop\n &cntrl {cntrl}, ifqnt=1,\n /\n &qmmm\n  {region},\n  qm_theory='mace',\n"
        f"  ml_keywords='{keywords}',\n  qmmm_int=5, qmshake=0,\n /\n"
    )
    made = program.transform_mdin_text(user)
    with contextlib.ExitStack() as stack:
        shim, _ = program._stage_qchem_shim(stack, use_c_shim=True)
        socket = program._start_model_server(stack, made.backend, made.ml_keywords)
        environment = program._build_child_env(
            os.environ, shim, made.backend, made.ml_keywords, socket
        )
        yield Peer(made.transformed_text, environment)
