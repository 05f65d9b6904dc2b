# SPDX-License-Identifier: MIT
"""How does a protein with its ligand become a solvated AMBER system? `prepare complex`."""
