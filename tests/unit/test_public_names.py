# SPDX-License-Identifier: MIT
"""Are the public names there, and loaded only when they are used?"""

from __future__ import annotations

import subprocess
import sys

import pytest

import merrow


@pytest.mark.parametrize("name", merrow.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert name in dir(merrow)
    assert getattr(merrow, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'run_everything'"):
        merrow.run_everything  # noqa: B018


def test_configuration_and_results_need_neither_torch_nor_openmm():
    code = (
        "import sys, merrow\n"
        "merrow.HydrationConfig, merrow.PROTOCOLS, merrow.read_result, merrow.WindowSamples\n"
        "print({'torch', 'openmm', 'rdkit'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
