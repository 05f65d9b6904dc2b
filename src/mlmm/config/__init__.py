# SPDX-License-Identifier: MIT
"""What was asked? Frozen models of every setting; no file that is named in them is opened."""
