# SPDX-License-Identifier: MIT
"""How does a ligand sit in its protein? Preparation, B-factors, MM-PBSA."""
