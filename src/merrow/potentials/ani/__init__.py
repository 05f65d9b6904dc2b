# SPDX-License-Identifier: MIT
"""ANI-1x, -1ccx and -2x: their networks, and where their weights come from."""
