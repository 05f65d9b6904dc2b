# SPDX-License-Identifier: MIT
"""Are settings of Python that contradict each other refused, and does what is recommended help?

Each row: settings that are refused, what the message says, settings that are taken.
"""

from __future__ import annotations

from functools import partial

import pytest

from helped import helped
from merrow.errors import InputError
from merrow.md.settings import MdSettings

HEATED = {"thermostat": "langevin", "friction_per_ps": 2.0}
PRESSED = {"pressure_bar": 1.0, **HEATED}
STATE = {"coupling": {"charges_mask": ":1", "lj_mask": "", "clambda": 0.5}}
HELD = {"restraint_mask": ":1", "restraint_kcal_per_angstrom2": 5.0}


def wall(**changed):
    """Return an ML region with a wall."""
    own = {"inner_angstrom": 1.0, "outer_angstrom": 2.0, "stiffness": 5.0, **changed}
    return {"ml": {"mask": ":1", "confinement": own}}


ROWS = [
    ({"minimise": True, "goes_on": True}, "leave goes_on out", {"minimise": True}),
    ({"minimise": True, **PRESSED}, "leave pressure_bar out", {"minimise": True, **HEATED}),
    ({"minimise": True, **STATE}, "leave minimise out", STATE),
    ({"thermostat": "langevin"}, "needs friction_per_ps, such as 2.0", HEATED),
    ({"friction_per_ps": 2.0}, "needs thermostat='langevin'; set it", HEATED),
    (
        {"friction_per_ps": 2.0, "thermostat": "bussi"},
        "leave friction_per_ps out",
        {"thermostat": "bussi"},
    ),
    (
        {"thermostat": "bussi", "temperature_k": 0.0},
        "give minimise=True instead",
        {"minimise": True, "temperature_k": 0.0},
    ),
    (
        {"pressure_bar": 1.0},
        "give thermostat='langevin' and friction_per_ps=2.0",
        PRESSED,
    ),
    ({"periodic": False, **PRESSED}, "leave periodic=False out", PRESSED),
    (
        {"steps": 200, "restart_interval": 130, **PRESSED},
        "restart_interval=130 should be a multiple of barostat_interval=100",
        {"steps": 200, "restart_interval": 100, **PRESSED},
    ),
    ({"anisotropic": True}, "anisotropic needs pressure_bar", {"anisotropic": True, **PRESSED}),
    (
        {"timestep_ps": 0.002},
        "give constraints=True, or timestep_ps=0.001",
        {"timestep_ps": 0.002, "constraints": True},
    ),
    (
        {"ml": {"mask": ":1", "constraints": True}},
        "needs constraints=True; set it or leave ml.constraints out",
        {"ml": {"mask": ":1", "constraints": True}, "constraints": True},
    ),
    ({"restraint_mask": ":1"}, "needs restraint_kcal_per_angstrom2 above 0", HELD),
    ({"restraint_kcal_per_angstrom2": 5.0}, "needs restraint_mask", HELD),
    (
        {"frame_velocities": True},
        "needs frame_interval",
        {"frame_velocities": True, "frame_interval": 5},
    ),
    ({"wrap": True, **wall()}, "leave wrap out", wall()),
    (
        {"wrap": True, **wall()},
        "give the confinement follow=True",
        {"wrap": True, **wall(follow=True)},
    ),
    ({"text_restart": True, **wall()}, "leave text_restart out", wall()),
    (
        {"text_restart": True, **wall()},
        "give the confinement follow=True",
        {"text_restart": True, **wall(follow=True)},
    ),
    (
        {"ml": {"mask": ":1", "on_spread": "save"}},
        "needs max_spread_kcal or max_force_spread_kcal above 0",
        {"ml": {"mask": ":1", "on_spread": "save", "max_force_spread_kcal": 5.0}},
    ),
    (
        wall(outer_angstrom=1.0),
        "outer_angstrom=1 should be larger than inner_angstrom=1",
        wall(outer_angstrom=1.5),
    ),
    (wall(stiffness=0.0), "greater than 0", wall(stiffness=0.1)),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_a_contradiction_is_refused_and_its_remedy_taken(row):
    wrong, words, right = row
    told = partial(MdSettings.checked, source="settings")
    of_one = {"ml": {"mask": ":1"}}
    helped(lambda: told(of_one | wrong), words, lambda: told(of_one | right))


def test_a_minimisation_needs_no_short_step():
    assert MdSettings.checked(
        {"ml": {"mask": ":1"}, "minimise": True, "timestep_ps": 0.002}, source="settings"
    )


def test_a_message_names_its_source():
    with pytest.raises(InputError, match=r"^mdin: thermostat='langevin' needs friction_per_ps"):
        MdSettings.checked({"ml": {"mask": ":1"}, "thermostat": "langevin"}, source="mdin")
