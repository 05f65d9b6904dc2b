# SPDX-License-Identifier: MIT
"""Settings of a hydration free energy that takes seconds and whose numbers are noise."""

from __future__ import annotations

TINY = {
    "cutoff_angstrom": 6.0,
    "n_waters": 200,
    "equilibration_ps": 0.02,
    "equilibration_per_state_ps": 0.004,
    "record_interval_ps": 0.004,
    "minimum_sampling_ps": 0.096,
    "maximum_sampling_ps": 0.096,
    "gas_ps": 1.0,
    "target_stderr_kcal": None,
    "schedule": {"lambda_electrostatics": [1.0, 0.0], "lambda_sterics": [0.5, 0.0]},
}
