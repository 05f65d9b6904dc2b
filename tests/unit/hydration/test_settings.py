# SPDX-License-Identifier: MIT
"""Do configurations survive the way through YAML, and say plainly what they do not understand?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merrow.errors import InputError
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS, Protocol, Schedule

METHANOL = Source(kind="smiles", smiles="CO")


def falling(first, last):
    """Strategy of strictly falling numbers between two ends."""
    inner = st.lists(st.floats(0.01, 0.99), max_size=6, unique=True)
    return inner.map(lambda xs: (*first, *sorted(xs, reverse=True), *last))


@settings(deadline=None, max_examples=40)  # YAML is slow on a busy machine
@given(
    schedule=st.builds(
        Schedule, lambda_electrostatics=falling((1.0,), (0.0,)), lambda_sterics=falling((), (0.0,))
    ),
    name=st.sampled_from(sorted(PROTOCOLS)),
    seed=st.integers(0, 2**31 - 1),
    target=st.none() | st.floats(1e-3, 10.0),
)
def test_a_configuration_comes_back_from_its_own_yaml(schedule, name, seed, target):
    changes = {"schedule": schedule, "target_stderr_kcal": target}
    protocol = PROTOCOLS[name].model_copy(update=changes)
    config = HydrationConfig(source=METHANOL, protocol=protocol, seed=seed)
    assert HydrationConfig.from_yaml(config.to_yaml(), source="here") == config


def test_where_and_how_fast_a_run_is_made_is_not_its_science():
    config = HydrationConfig(source=METHANOL)
    moved = config.model_copy(update={"processes": 7, "weights": "elsewhere.pt"})
    assert moved.sampling_settings() == config.sampling_settings()
    assert config.model_copy(update={"seed": 1}).sampling_settings() != config.sampling_settings()


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_states_go_from_coupled_to_decoupled_charges_first(name):
    states = PROTOCOLS[name].schedule.states
    assert states[0] == (1.0, 1.0)
    assert states[-1] == (0.0, 0.0)
    for (elec, lj), (next_elec, next_lj) in itertools.pairwise(states):
        assert next_elec <= elec
        assert next_lj <= lj
        assert next_elec == elec == 0.0 or next_lj == lj == 1.0


NODES_17 = tuple((1 + np.polynomial.legendre.leggauss(17)[0][::-1]) / 2)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"lambda_electrostatics": (1.0, 0.5, 0.5, 0.0)},
            "lambda_electrostatics must decrease strictly",
        ),
        ({"lambda_electrostatics": (0.9, 0.0)}, "lambda_electrostatics must start at 1"),
        ({"lambda_sterics": (0.5,)}, "lambda_sterics must lie within 1..0 and end at 0"),
        ({"lambda_sterics": (1.0, 0.0)}, "lambda_sterics below 1"),
        (
            {"rule": "gauss-legendre"},
            r"lambda_electrostatics between 0 and 1 must be Gauss-Legendre nodes",
        ),
        (
            {
                "rule": "gauss-legendre",
                "lambda_electrostatics": (1.0, 0.5, 0.0),
                "lambda_sterics": (0.0,),
            },
            "lambda_sterics between 0 and 1 must be Gauss-Legendre nodes",
        ),
        (
            {"rule": "gauss-legendre", "lambda_electrostatics": (1.0, *NODES_17, 0.0)},
            "lambda_electrostatics has 17 Gauss-Legendre nodes; at most 16",
        ),
    ],
)
def test_a_schedule_out_of_order_is_refused(changes, told):
    with pytest.raises(InputError, match=told):
        Schedule.checked(changes, source="here")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"nam": 1}, r"^here: there is no key nam: did you mean name\? known are name, route"),
        ({"route": "direct"}, r"^here: the key name is missing\.$"),
        (
            {"name": "x", "route": "direct", "schedule": {"lambda_steric": [1]}},
            r"^here: there is no key schedule\.lambda_steric: did you mean lambda_sterics\?",
        ),
        (
            {"name": "x", "route": "direct", "cutoff_angstrom": "a"},
            r"^here: cutoff_angstrom: input should be a valid number, .*, got 'a'\.$",
        ),
        (
            {"name": "x", "route": "direct", "temperature_k": 25.0},  # °C
            r"^here: temperature_k: input should be greater than or equal to 200, got 25\.0\.$",
        ),
        (
            {"name": "x", "route": "direct", "pressure_bar": 101325.0},  # pascal
            r"^here: pressure_bar: input should be less than or equal to 100000, got 101325\.0\.$",
        ),
    ],
)
def test_a_complaint_names_the_key_and_what_is_known(data, sentence):
    with pytest.raises(InputError, match=sentence):
        Protocol.checked(data, source="here")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"protocol": {"solute_constraints": "h-bonds"}}, "differs from the flexible ML solute"),
        (
            {"protocol": {"timestep_fs": 3.0, "solute_masses": "repartitioned"}},
            "above 2 fs needs solute_masses heavy",
        ),
        (
            {"protocol": {"timestep_fs": 1.5, "solute_masses": "prmtop"}},
            "above 1 fs needs solute_masses repartitioned",
        ),
        ({"protocol": {"headline": "as_published"}}, "belongs to the protocol named paper"),
        ({"potential": "mm"}, "potential mm has one route"),
        ({"source": {"kind": "smiles", "smiles": "C", "charges": "prmtop"}}, "need a file"),
        ({"source": {"kind": "solvated", "prmtop": "x"}}, "kind 'solvated' needs inpcrd"),
    ],
)
def test_what_does_not_go_together_is_refused(data, told):
    protocol = PROTOCOLS["quick"].model_dump() | data.get("protocol", {})
    whole = {"source": METHANOL.model_dump(), **data, "protocol": protocol}
    with pytest.raises(InputError, match=told) as error:
        HydrationConfig.checked(whole, source="here")
    assert "Value error" not in str(error.value)


@pytest.mark.parametrize("bracket", ["[", "{", "- " * 2])
def test_settings_nested_without_end_are_refused(bracket):
    with pytest.raises(InputError, match=r"^here is (nested too deeply|not valid YAML)"):
        Protocol.from_yaml(bracket * 5000, source="here")
