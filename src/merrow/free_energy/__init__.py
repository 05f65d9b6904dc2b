# SPDX-License-Identifier: MIT
"""What free energies follow from the samples? Estimates with errors, from tables alone.

May touch: nothing (pure functions of arrays). Never: disk, plots, OpenMM, torch.
"""
