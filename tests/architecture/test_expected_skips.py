# SPDX-License-Identifier: MIT
"""Is a skip that nobody expects a failure in continuous integration, and are few expected?"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from expected_skips import LIST, WHEN, Expected, expected_skips, forbidden_skip

ROOT = Path(__file__).resolve().parents[2]
LISTED = (
    Expected("without-shared", "tests/a.py::test_one", "large"),
    Expected("anywhere", "tests/b.py", "no such machine"),
)
WHOLE_SUITE = 3000
"""Fewer tests than that are a part of the suite."""


@pytest.mark.parametrize(
    ("test", "here", "allowed"),
    [
        ("tests/a.py::test_one", False, True),
        ("tests/a.py::test_one[case]", False, True),
        ("tests/a.py::test_one", True, False),
        ("tests/a.py::test_one_more", False, False),
        ("tests/b.py", True, True),
        ("tests/b.py::test_any", True, True),
        ("tests/c.py::test_any", False, False),
    ],
)
def test_a_skip_is_expected_where_the_list_says_so(test, here, allowed):
    told = forbidden_skip(test, "because", here, LISTED)
    assert (told is None) == allowed
    assert allowed or (test in told and "because" in told)


@pytest.mark.parametrize("ci", ["true", ""])
def test_an_unexpected_skip_fails_in_continuous_integration_only(tmp_path, ci):
    for name in ("conftest.py", "expected_skips.py", LIST.name):
        (tmp_path / name).symlink_to(ROOT / "tests" / name)
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_skips(): pytest.skip('no such thing')\n"
        "@pytest.mark.xfail(reason='known')\n"
        "def test_known(): assert False\n"
        "def test_passes(): pass\n"
    )
    (tmp_path / "test_file.py").write_text(
        "import pytest\npytest.skip('no library', allow_module_level=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", "--rootdir=."],
        cwd=tmp_path,
        env=os.environ | {"CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    if ci:
        assert done.returncode != 0
        assert "test_file.py was skipped" in done.stdout
        (tmp_path / "test_file.py").unlink()
        done = subprocess.run(done.args, cwd=tmp_path, env=os.environ | {"CI": ci}, check=False,
                              capture_output=True, text=True)  # fmt: skip
        assert "1 failed, 1 passed, 1 xfailed" in done.stdout
        assert "test_it.py::test_skips was skipped" in done.stdout
        assert "no such thing" in done.stdout
    else:
        assert done.returncode == 0
        assert "1 passed, 2 skipped, 1 xfailed" in done.stdout


def test_every_line_of_the_list_names_a_test_that_there_is_and_says_why():
    for entry in expected_skips():
        assert entry.when in WHEN, entry
        assert len(entry.why) > 10, entry
        file, _, name = entry.test.partition("::")
        found = ast.walk(ast.parse((ROOT / file).read_text()))
        names = {node.name for node in found if isinstance(node, ast.FunctionDef)}
        assert not name or name.partition("[")[0] in names, entry


def test_few_tests_need_the_shared_folder(request):
    items = request.session.items
    need = [item.nodeid for item in items if "shared" in getattr(item, "fixturenames", ())]
    covered = [
        test
        for test in need
        if any(e.when == "without-shared" and e.covers(test) for e in expected_skips())
    ]
    assert need == covered, sorted({*need} - {*covered})
    if len(items) > WHOLE_SUITE:
        assert len(need) < 0.05 * len(items)
