# SPDX-License-Identifier: MIT
"""What do trajectories say about molecule and simulation? Numbers from recorded frames.

May touch: nothing (pure functions of arrays). Never: disk, plots, OpenMM, torch.
"""
