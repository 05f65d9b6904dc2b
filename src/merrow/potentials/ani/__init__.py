# SPDX-License-Identifier: MIT
"""ANI-1x, -1ccx and -2x: their networks. Where do their weights come from?"""
