# SPDX-License-Identifier: MIT
"""How does AmberTools' sander use our potentials? The server, its client, the run."""
