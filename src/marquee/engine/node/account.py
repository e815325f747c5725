"""As whom the server runs: Elasticsearch refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from marquee.errors import NodeStartError

# Present on every Linux and macOS, owns nothing, may do nothing.
UNPRIVILEGED_USER = "nobody"
# What root calls itself inside a user namespace. Some name it must have: Java changes the owner of its own
# socket to itself when Elasticsearch attaches its agent, which fails for a user without one.
_NAMESPACE = ("--user", "--map-user=1000", "--map-group=1000")


@dataclass(frozen=True)
class Account:
    """Who runs the server: ourselves (`uid` None), another user, or ourselves without the name of root.

    `prefix` is put before the command.
    """

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def own(self, path: Path | int) -> None:
        """Give a file, or an open file's descriptor, to the account."""
        if self.uid is None or self.gid is None:
            return
        if isinstance(path, int):
            os.fchown(path, self.uid, self.gid)
        else:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose_account(folder: Path) -> Account:
    """Return the account that may run the server with its files in `folder`.

    An ordinary user runs it as themself. Root lets `nobody` do it; where a folder on the way is closed to
    others (a home of mode 0700), root runs it in a user namespace, in which it owns the same files but is
    not root.

    Raises:
        NodeStartError: root, a closed folder, and no user namespace to be had.
    """
    if os.geteuid() != 0:
        return Account()
    closed = find_closed(folder)
    if closed is None:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    unshare = shutil.which("unshare")
    if unshare and _works([unshare, *_NAMESPACE, "test", "-x", str(folder)]):
        return Account(prefix=(unshare, *_NAMESPACE))
    raise NodeStartError(
        f"Elasticsearch refuses to run as root, and an unprivileged user cannot reach {folder} because "
        f"{closed} is closed to others. Set MARQUEE_HOME to a folder others may pass through (the default is "
        f"/var/lib/marquee), or run chmod o+x {closed}, or run Marquee as an ordinary user"
    )


def find_closed(folder: Path) -> Path | None:
    """Return the first folder on the way to `folder`, itself included, that others may not pass through."""
    absolute = folder.resolve()
    for path in reversed((absolute, *absolute.parents)):
        if not path.stat().st_mode & 0o001:
            return path
    return None


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
