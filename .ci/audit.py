# SPDX-License-Identifier: MIT
"""Has a package of an environment a known vulnerability? pip-audit, which must have looked.

    python .ci/audit.py PIP_AUDIT SITE_PACKAGES

ends with 0 (none known), 1 (some, named with the versions that mend them) or 3: its database cannot
be reached, of which pip-audit itself says nothing where a mirror answers in the place of PyPI.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def main() -> int:
    """Ask, judge, and say it in one sentence."""
    program, packages = sys.argv[1:]
    words = [program, "--path", packages, "--format", "json", "--progress-spinner", "off"]
    asked = subprocess.run(words, capture_output=True, text=True, check=False)
    code, told = judged(asked.stdout, asked.stderr)
    print(f"audit: {told}")
    return code


def judged(out: str, err: str) -> tuple[int, str]:
    """Return exit code and sentence of what pip-audit printed."""
    try:
        rows: list[dict[str, Any]] = json.loads(out)["dependencies"]
    except (ValueError, KeyError):
        last = (err.strip().splitlines() or ["no answer"])[-1][:200]
        return 3, f"the database of vulnerabilities cannot be reached ({last})."
    known = [row for row in rows if "skip_reason" not in row]
    if not known:
        return 3, (
            f"the database of vulnerabilities cannot be reached, none of {len(rows)} packages was "
            "looked up."
        )
    bad = [row for row in known if row["vulns"]]
    for row in bad:
        names = ", ".join(
            f"{one['id']} (mended in {', '.join(one['fix_versions']) or 'no version'})"
            for one in row["vulns"]
        )
        print(f"{row['name']} {row['version']}: {names}")
    looked = f"{len(known)} of {len(rows)} packages were looked up"
    if bad:
        return 1, f"{len(bad)} packages have known vulnerabilities; {looked}."
    return 0, f"no known vulnerability; {looked}."


if __name__ == "__main__":
    sys.exit(main())
