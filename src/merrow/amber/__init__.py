# SPDX-License-Identifier: MIT
"""What do AMBER's files say? Reads parm7, rst7 and NetCDF restarts and writes rst7.

It never guesses a parameter: what is not understood is refused.
"""
