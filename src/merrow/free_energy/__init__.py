# SPDX-License-Identifier: MIT
"""What do the samples mean? Free energies with honest errors, from tables alone.

May touch: nothing (pure functions of arrays). Never: disk, plots, OpenMM, torch.
"""
