# SPDX-License-Identifier: MIT
"""What do AmberTools and RDKit give? Adapters to preparation, molecules and sander's energies."""
