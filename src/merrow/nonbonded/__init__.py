# SPDX-License-Identifier: MIT
"""What are the nonbonded energy and forces of a solute and ions in a box of water?"""
