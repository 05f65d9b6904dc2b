# SPDX-License-Identifier: MIT
"""Does the command answer at once where nothing is computed, and keep quiet about libraries?"""

from __future__ import annotations

import logging
import re
import subprocess
import sys

import pytest
import yaml

from merrow.hydration.asked import overrides_of, protocol_of
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS, usual_repeats

HEAVY = {"torch", "openmm", "rdkit", "parmed", "pandas", "scipy", "matplotlib"}


@pytest.mark.parametrize(
    "words", ["--help", "hydration --help", "energy --help", "init hydration", "hydration C"]
)
def test_what_needs_no_computing_loads_nothing_heavy(words):
    code = (
        "import sys\nfrom merrow.cli.main import main\n"
        f"sys.argv = ['merrow', *{words.split()!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    print('LOADED', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.rpartition("LOADED")[2].split()) == set()


def test_the_short_word_for_help_is_understood_everywhere(merrow):
    assert merrow("-h").out == merrow("--help").out
    assert merrow("campaign", "run", "-h").out == merrow("campaign", "run", "--help").out


def test_help_shows_units(merrow):
    answer = merrow("hydration", "--help")
    assert answer.code == 0
    assert "[kcal/mol]" in answer.out


def test_init_prints_a_whole_configuration_and_the_table_of_protocols(merrow):
    answer = merrow("init", "hydration")
    assert (answer.code, answer.err) == (0, "")
    config = HydrationConfig.from_yaml(answer.out, source="here")
    assert config == HydrationConfig(source=config.source)
    assert yaml.safe_load(answer.out).keys() == HydrationConfig.model_fields.keys()
    table = [line.split() for line in answer.out.splitlines() if line.startswith("# name")]
    assert table == [["#", "name", *PROTOCOLS]]
    repeats = next(line for line in answer.out.splitlines() if line.startswith("# repeats"))
    assert re.split(r"  +", repeats) == ["# repeats", "one per core", "one per core", "3", "3", ""]


def test_repeats_follow_the_protocol_and_the_cores():
    assert [usual_repeats("quick", cores) for cores in (1, 2, 6, 64)] == [2, 2, 6, 8]
    assert usual_repeats("standard", 64) == usual_repeats("paper", 1) == 3


def test_the_paper_may_have_another_box_and_cutoff_and_stays_the_paper():
    changed = protocol_of("paper", {"cutoff_angstrom": 10.0, "n_waters": 800}, "ani2x")
    assert (changed["name"], changed["headline"]) == ("paper", "as_published")
    assert protocol_of("quick", {"cutoff_angstrom": 10.0}, "ani2x")["name"] == "custom"
    assert protocol_of("paper", {"timestep_fs": 0.5}, "ani2x")["headline"] == "exact"
    assert protocol_of("paper", {"route": "direct"}, "ani2x")["name"] == "paper"
    other = protocol_of("paper", {"route": "endpoint"}, "ani2x")  # no published sum of its states
    assert (other["name"], other["headline"]) == ("custom", "exact")
    assert protocol_of("quick", {"route": "direct"}, "ani2x")["name"] == "quick"


def test_the_routes_of_the_paper_are_understood_on_the_command_line():
    assert overrides_of(["route=R2"]) == {"route": "endpoint"}
    assert overrides_of(None, route="R1") == {"route": "direct"}


def test_the_chatter_of_libraries_is_off_unless_asked_for(merrow):
    logger = logging.getLogger("pymbar.timeseries")
    merrow("models", "list")
    assert not logger.isEnabledFor(logging.WARNING)
    assert logger.isEnabledFor(logging.ERROR)


def test_verbose_shows_where_an_error_happened():
    # a process of its own, since logging is configured once in each
    code = "import sys; from merrow.cli.main import main; sys.argv[0] = 'merrow'; main()"
    program = [sys.executable, "-c", code, "--verbose", "run", "lost.yaml"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("merrow: lost.yaml does not exist")
    assert "Traceback" in done.stderr


def test_the_list_of_potentials_fits_a_terminal_and_has_all_with_full(merrow):
    short, full = merrow("models", "list").out, merrow("models", "list", "--full").out
    own = [line for line in short.splitlines() if "tiny-ani" not in line]  # of these tests
    assert len(own) <= 15
    assert max(map(len, own)) <= 80
    assert "mace-off23-small|medium|large" in short
    assert "licence MIT, doi:10.1021/acs.jctc.0c00121" in full
