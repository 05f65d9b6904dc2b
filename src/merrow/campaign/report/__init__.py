# SPDX-License-Identifier: MIT
"""How is a campaign shown? Its files, figures, page and terminal table."""
