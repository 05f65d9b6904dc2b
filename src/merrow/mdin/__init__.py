# SPDX-License-Identifier: MIT
"""What does a sander input say? Namelists, their keys and values, restraint files."""
