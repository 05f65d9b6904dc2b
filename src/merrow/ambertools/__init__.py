# SPDX-License-Identifier: MIT
"""What did AmberTools answer? Adapters to its preparation, to RDKit, and to sander's energies."""
