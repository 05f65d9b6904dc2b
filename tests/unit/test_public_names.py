# SPDX-License-Identifier: MIT
"""Are the public names there, and loaded only when they are used?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import merrow


@pytest.mark.parametrize("name", merrow.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert name in dir(merrow)
    assert getattr(merrow, name).__doc__


def test_a_public_name_is_not_hidden_by_a_module_of_its_name():
    package = Path(merrow.__file__).parent
    names = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not names & set(merrow.__all__)


def test_there_are_no_more_public_names_than_can_be_learnt():
    assert len(merrow.__all__) <= 25


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'run_everything'"):
        merrow.run_everything  # noqa: B018


def test_configuration_and_results_need_neither_torch_nor_openmm():
    code = (
        "import sys, merrow\n"
        "merrow.HydrationResult, merrow.PROTOCOLS, merrow.read_result, merrow.Progress\n"
        "print({'torch', 'openmm', 'rdkit'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
