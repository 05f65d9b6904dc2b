# SPDX-License-Identifier: MIT
"""`python -m merrow`: the command line where `merrow` is not on the PATH."""

from merrow.cli.main import main

if __name__ == "__main__":
    main()
