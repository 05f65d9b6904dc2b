# SPDX-License-Identifier: MIT
"""What can merrow use on this machine, and does it compute correctly?"""
