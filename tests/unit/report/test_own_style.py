# SPDX-License-Identifier: MIT
"""Do figures look the same whatever a user's matplotlibrc says?"""

from __future__ import annotations

import re

import matplotlib

from merrow.bench.page import scaling_figure

USERS = {
    "text.usetex": True,
    "axes.formatter.use_locale": True,
    "lines.linewidth": 9.0,
    "axes.grid": True,
    "font.size": 30,
}


def drawn():
    return re.sub(r"\s+", " ", scaling_figure({1: 10.0, 2: 19.0, 4: 30.0}))


def test_a_matplotlibrc_of_the_user_changes_no_figure_and_stays_as_it_is(monkeypatch):
    plain = drawn()
    with matplotlib.rc_context(USERS):
        monkeypatch.setenv("PATH", "")  # no LaTeX
        before = dict(matplotlib.rcParams)
        assert drawn() == plain
        assert dict(matplotlib.rcParams) == before
