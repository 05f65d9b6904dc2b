# SPDX-License-Identifier: MIT
"""How do reports look? Page templates, style of figures, formatting of numbers.

May touch: the one output folder. Never: recomputes a number, simulates, or asks the network.
"""
