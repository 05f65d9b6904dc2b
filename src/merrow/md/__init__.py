# SPDX-License-Identifier: MIT
"""How does a molecule move? Minimisation and dynamics from sander's input, and `simulate`."""
