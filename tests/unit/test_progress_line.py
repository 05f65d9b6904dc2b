# SPDX-License-Identifier: MIT
"""Does the line on the terminal say what is true, and show that time passes?"""

from __future__ import annotations

import io
import time

from merrow.progress import Progress
from merrow.report import progress_line
from merrow.report.progress_line import ProgressLine, line_of


def test_a_phase_whose_part_is_not_known_has_no_percentage():
    preparing = Progress("preparing the system", 0.0, known=False)
    assert line_of(preparing, 83.0) == "preparing the system, 1 min 23 s passed"


def test_no_time_left_is_not_told_for_half_a_minute():
    assert "left" not in line_of(Progress("sampling", 1.0, remaining_s=0.0), 60.0)
    assert "about 30 s left" in line_of(Progress("sampling", 0.5, remaining_s=30.0), 30.0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_time_goes_on_while_nothing_is_told_and_stands_still_at_the_end(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(progress_line, "TICK", 0.01)
    with ProgressLine() as line:
        line.listen(Progress("preparing", known=False))
        while screen.getvalue().count("preparing") < 3:
            time.sleep(0.01)
        line.listen(Progress("a sentence that stays", lasting=True))
    seen = screen.getvalue()
    time.sleep(0.05)
    assert screen.getvalue() == seen
    assert seen.count("a sentence that stays\n") == 1
