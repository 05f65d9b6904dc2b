# SPDX-License-Identifier: MIT
"""Which tasks, in which order? The run folder: create, lock, resume, estimate, present."""
