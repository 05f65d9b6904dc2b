# SPDX-License-Identifier: MIT
"""How is a hydration free energy shown? Result lines, tables, figures, the page."""
