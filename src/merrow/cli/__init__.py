# SPDX-License-Identifier: MIT
"""What does the user see? The command line, one file per command."""

import signal
import sys

# Ctrl-C while the program loads ends it without a word
if sys.argv[0].endswith(("merrow", "merrow/__main__.py")):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
