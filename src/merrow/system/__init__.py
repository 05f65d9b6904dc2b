# SPDX-License-Identifier: MIT
"""Which Hamiltonian is simulated? Copies of OpenMM systems in, a new one out."""
