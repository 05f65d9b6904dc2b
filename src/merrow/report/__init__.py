# SPDX-License-Identifier: MIT
"""How do we show it? The result model and its files, the terminal table, figures, the HTML page.

May touch: the one output folder. Never: recomputes a number, simulates, or asks the network.
"""
