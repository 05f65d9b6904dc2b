# SPDX-License-Identifier: MIT
"""Is everything printed where the encoding lacks some characters?"""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from merrow.cli.plain import print_plainly

COMMAND = """import sys
from merrow.cli import main
from merrow.errors import InputError
@main.app.command("say")
def say(text: str) -> None:
    main.typer.echo(text)
    raise InputError(text)
sys.argv = ["merrow", "say", sys.argv[1]]
main.main()
"""


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("latin-1", "-1.5 ± 0.2 Å at lambda = 0.3 ?"),
        ("latin-1:strict", "-1.5 ± 0.2 Å at lambda = 0.3 ?"),
        ("utf-8", "−1.5 ± 0.2 Å at λ = 0.3 √"),
    ],
)
def test_a_minus_remains_one_and_nothing_stops(encoding, printed):
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "−1.5 ± 0.2 Å at λ = 0.3 √"],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    name = encoding.partition(":")[0]
    assert done.stdout.decode(name) == f"{printed}\n", done.stderr
    assert done.stderr.decode(name) == f"merrow: {printed}\n"
    assert done.returncode == 2


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_streams_of_another_kind_are_left_alone(monkeypatch, stream):
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    print_plainly()
    assert sys.stdout is stream


def test_what_the_user_chose_for_lost_characters_stays(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="ignore")
    monkeypatch.setattr(sys, "stdout", stream)
    print_plainly()
    assert stream.errors == "ignore"
