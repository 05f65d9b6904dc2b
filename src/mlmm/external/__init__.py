# SPDX-License-Identifier: MIT
"""What did the other program answer? Adapters to RDKit's and AmberTools' preparation and to sander.

Each finds its program, runs it in a folder where all files are kept, and checks what came out.
"""
