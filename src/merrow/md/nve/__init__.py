# SPDX-License-Identifier: MIT
"""Is the energy conserved, and to which order of the time step? `validate nve`."""
