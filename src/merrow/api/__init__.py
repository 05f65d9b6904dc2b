# SPDX-License-Identifier: MIT
"""How is merrow used from Python? The public functions, with the names of the command line."""
