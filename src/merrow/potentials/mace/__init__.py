# SPDX-License-Identifier: MIT
"""MACE models: their networks, and where their weights come from."""
