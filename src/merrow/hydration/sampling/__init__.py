# SPDX-License-Identifier: MIT
"""What is sampled next, and by whom? Tasks, rounds, conformers, intermediate ensembles."""
