# SPDX-License-Identifier: MIT
"""Does the merrow that is installed here start, and does it have its compiled parts?

    python packaging/check_installed.py [--doctor]

It is run by the Python of an environment into which a wheel was installed, outside of the sources.
`--doctor` runs `merrow doctor` too, which needs all dependencies.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path


def main() -> None:
    """Print what was found.

    Raises:
        SystemExit: Something is missing or does not run.
    """
    import merrow  # noqa: PLC0415
    from merrow.nonbonded import kernel as nonbonded  # noqa: PLC0415
    from merrow.potentials.ani import native_engine as ani  # noqa: PLC0415

    if version("merrow") != merrow.__version__:
        sys.exit(f"metadata say {version('merrow')}, the package {merrow.__version__}")
    told = _printed("--version")
    if merrow.__version__ not in told:
        sys.exit(f"merrow --version printed {told!r}")
    for name, kernel in (("ANI", ani), ("nonbonded", nonbonded)):
        if reason := kernel.why_not():
            sys.exit(f"the {name} kernel: {reason}")
    client = Path(merrow.__file__).parent / "sander" / "sander-client"
    if not os.access(client, os.X_OK):
        sys.exit(f"no program {client.name}, or it cannot be executed")
    print(f"merrow {merrow.__version__}, Python {sys.version.split()[0]}: kernels and client here")
    if "--doctor" in sys.argv:
        print(_printed("doctor"))


def _printed(*words: str) -> str:
    """Return what the command prints."""
    program = Path(sys.executable).with_name("merrow")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"merrow {' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
