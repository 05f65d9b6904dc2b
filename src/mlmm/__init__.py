# SPDX-License-Identifier: MIT
"""Hybrid machine-learning / molecular-mechanics dynamics and free energies for AMBER files."""

__version__ = "0.1.0"
