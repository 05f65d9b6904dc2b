# SPDX-License-Identifier: MIT
"""How is it asked from Python? The doors of `import merrow`, in the words of the command line."""
