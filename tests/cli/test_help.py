# SPDX-License-Identifier: MIT
"""Does the command answer at once where nothing is computed, and keep quiet about libraries?"""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
import yaml

from mlmm.config.hydration import HydrationConfig
from mlmm.config.protocol import PROTOCOLS

HEAVY = {"torch", "openmm", "rdkit", "parmed", "pandas", "scipy", "matplotlib"}


@pytest.mark.parametrize(
    "words", ["--help", "hydration --help", "energy --help", "init hydration", "hydration C"]
)
def test_what_needs_no_computing_loads_nothing_heavy(words):
    code = (
        "import sys\nfrom mlmm.cli.main import main\n"
        f"sys.argv = ['mlmm', *{words.split()!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    print('LOADED', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.rpartition("LOADED")[2].split()) == set()


def test_help_shows_units(mlmm):
    answer = mlmm("hydration", "--help")
    assert answer.code == 0
    assert "[kcal/mol]" in answer.out


def test_init_prints_a_whole_configuration_and_the_table_of_protocols(mlmm):
    answer = mlmm("init", "hydration")
    assert (answer.code, answer.err) == (0, "")
    config = HydrationConfig.from_yaml(answer.out, where="here")
    assert config == HydrationConfig(source=config.source)
    assert yaml.safe_load(answer.out).keys() == HydrationConfig.model_fields.keys()
    table = [line.split() for line in answer.out.splitlines() if line.startswith("# name")]
    assert table == [["#", "name", *PROTOCOLS]]


def test_the_chatter_of_libraries_is_off_unless_asked_for(mlmm):
    logger = logging.getLogger("pymbar.timeseries")
    mlmm("models", "list")
    assert not logger.isEnabledFor(logging.WARNING)
    assert logger.isEnabledFor(logging.ERROR)


def test_verbose_shows_where_an_error_happened():
    # a process of its own, since logging is configured once in each
    code = "import sys; from mlmm.cli.main import main; sys.argv[0] = 'mlmm'; main()"
    program = [sys.executable, "-c", code, "--verbose", "run", "lost.yaml"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("mlmm: lost.yaml does not exist")
    assert "Traceback" in done.stderr
