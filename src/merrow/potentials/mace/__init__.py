# SPDX-License-Identifier: MIT
"""MACE models: their networks. Where do their weights come from?"""
