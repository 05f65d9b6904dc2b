# SPDX-License-Identifier: MIT
"""AIMNet2: its networks, and where their weights come from."""
