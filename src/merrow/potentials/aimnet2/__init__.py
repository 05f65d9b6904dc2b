# SPDX-License-Identifier: MIT
"""AIMNet2: its networks. Where do their weights come from?"""
