# SPDX-License-Identifier: MIT
"""How fast are the potentials on this machine, and how well do they agree?"""
