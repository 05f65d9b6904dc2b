# SPDX-License-Identifier: MIT
"""What is sampled next, and where? Tasks, rounds, conformers, intermediate ensembles."""
