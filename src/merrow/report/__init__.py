# SPDX-License-Identifier: MIT
"""How do reports look alike? Pages from templates, the style of figures, numbers as texts.

May touch: the one output folder. Never: recomputes a number, simulates, or asks the network.
"""
