# SPDX-License-Identifier: MIT
"""What is the hydration free energy of a molecule? The main job, from molecule to report."""
