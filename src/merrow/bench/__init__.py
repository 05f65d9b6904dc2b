# SPDX-License-Identifier: MIT
"""Benchmarks for a user: how fast and how alike are the potentials on this machine?"""
