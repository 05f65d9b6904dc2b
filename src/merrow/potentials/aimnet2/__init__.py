# SPDX-License-Identifier: MIT
"""AIMNet2: what does its network say, and where do its weights come from?"""
