# SPDX-License-Identifier: MIT
"""Who asks for energies from outside? A Unix socket that other programs' steps come in by.

`ModelServer` hears requests, lets one function answer them, and outlives whoever asks.
"""
