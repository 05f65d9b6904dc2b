# SPDX-License-Identifier: MIT
"""ANI-1x, -1ccx and -2x: what do their networks say, and where do their weights come from?"""
