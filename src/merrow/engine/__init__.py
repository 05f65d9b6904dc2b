# SPDX-License-Identifier: MIT
"""Which configurations are visited? Contexts, integrators, exchange, segments on disk."""
