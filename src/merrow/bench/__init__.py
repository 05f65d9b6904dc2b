# SPDX-License-Identifier: MIT
"""How fast and how alike are the potentials on this machine?"""
