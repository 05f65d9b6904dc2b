# SPDX-License-Identifier: MIT
"""What do the samples of a run say? Pure estimation: path, end states, checks, uncertainty."""
