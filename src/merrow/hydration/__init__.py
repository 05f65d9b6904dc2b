# SPDX-License-Identifier: MIT
"""What is the free energy of hydration of a molecule? The main job, from molecule to report."""
