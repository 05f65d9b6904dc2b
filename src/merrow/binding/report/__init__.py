# SPDX-License-Identifier: MIT
"""How are the numbers of a complex shown? The pages of `analyze` and `mmpbsa`."""
