# SPDX-License-Identifier: MIT
"""What does the user see? One small file for each verb."""
