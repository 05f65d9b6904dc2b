# SPDX-License-Identifier: MIT
"""Which Hamiltonian is simulated? New OpenMM Systems from copies of the MM ones."""
