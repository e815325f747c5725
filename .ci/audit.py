"""Judges what pip-audit wrote (`--format json`): it ends well also where it could look nothing up at all.

python .ci/audit.py REPORT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def judge(text: str) -> tuple[bool, str]:
    """Return whether a report lets a change pass, and what to say about it."""
    try:
        dependencies = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return False, "pip-audit wrote no report: nothing was audited"
    audited = [each for each in dependencies if "vulns" in each]
    skipped = [each["name"] for each in dependencies if "vulns" not in each]
    found = [
        f"{each['name']} {each['version']}: {vulnerability['id']}"
        f" (fixed in {', '.join(vulnerability.get('fix_versions') or ['no release yet'])})"
        for each in audited
        for vulnerability in each["vulns"]
    ]
    lines = [f"{len(audited)} dependencies audited, {len(found)} known vulnerabilities", *found]
    if not audited:
        lines.append("nothing was audited: the database could not be reached, or the list is empty")
    elif skipped:
        lines.append(f"not audited: {', '.join(skipped)}")
    return bool(audited) and not skipped and not found, "\n".join(lines)


def main() -> None:
    """Judge the report named on the command line."""
    path = Path(sys.argv[1])
    passed, text = judge(path.read_text() if path.exists() else "")
    sys.stdout.write(text + "\n")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
