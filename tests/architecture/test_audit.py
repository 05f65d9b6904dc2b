# SPDX-License-Identifier: MIT
"""Does `make audit` say what pip-audit found, and that it found nothing because it saw nothing?"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "audit.py"


@pytest.fixture(scope="module")
def judged():
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.judged


def answer(*rows):
    return json.dumps({"dependencies": rows, "fixes": []})


SOUND = {"name": "numpy", "version": "2.1", "vulns": []}
SKIPPED = {"name": "merrow", "skip_reason": "Dependency not found on PyPI"}
BAD = {
    "name": "yaml",
    "version": "1",
    "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}, {"id": "CVE-2", "fix_versions": []}],
}


def test_no_known_vulnerability(judged):
    told = "no known vulnerability; 1 of 2 packages were looked up."
    assert judged(answer(SOUND, SKIPPED), "") == (0, told)


def test_a_vulnerability_is_named_with_its_mend(judged, capsys):
    code, told = judged(answer(SOUND, BAD), "")
    assert (code, told) == (
        1,
        "1 packages have known vulnerabilities; 2 of 2 packages were looked up.",
    )
    assert capsys.readouterr().out == "yaml 1: CVE-1 (mended in 2), CVE-2 (mended in no version)\n"


def test_a_mirror_that_knows_nothing_is_no_clean_bill(judged):
    code, told = judged(answer(SKIPPED, SKIPPED), "")
    assert code == 3
    assert told.startswith("the database of vulnerabilities cannot be reached, none of 2")


def test_no_network_is_told(judged):
    code, told = judged("", "Traceback\nConnectionError: no route to host")
    assert code == 3
    assert told == (
        "the database of vulnerabilities cannot be reached (ConnectionError: no route to host)."
    )
