# SPDX-License-Identifier: MIT
"""MACE models: what do their networks say, and where do their weights come from?"""
