# SPDX-License-Identifier: MIT
"""What do trajectories show? Numbers from recorded frames.

May touch: nothing (pure functions of arrays). Never: disk, plots, OpenMM, torch.
"""
