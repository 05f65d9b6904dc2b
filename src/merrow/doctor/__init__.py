# SPDX-License-Identifier: MIT
"""What has this machine for merrow, and does it compute rightly?"""
