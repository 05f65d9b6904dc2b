# SPDX-License-Identifier: MIT
"""How does stock sander get its energies from our potentials? The server, its client, the run."""
