# SPDX-License-Identifier: MIT
"""Does `merrow doctor` print a table of 80 columns, and the same as JSON?"""

from __future__ import annotations

import json


def test_the_command_prints_a_table_and_json(merrow):
    table = merrow("doctor")
    assert table.code == 0, table.err
    assert max(map(len, table.out.splitlines())) <= 80
    found = json.loads(merrow("doctor", "--json").out)
    assert {check["name"] for check in found["checks"]} >= {"cores", "torch", "OpenMM CPU", "cache"}
    assert {check["status"] for check in found["checks"]} <= {"ok", "warn"}
