# SPDX-License-Identifier: MIT
"""How do many molecules compare with experiment? Campaigns: the main job for a table."""
