# SPDX-License-Identifier: MIT
"""What do many molecules give, against experiment? `campaign`: the main job for a table."""
