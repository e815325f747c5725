"""What the server is told: its configuration folder, written anew at every start."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from marquee.engine.node.account import Account
from marquee.engine.node.artifacts import missing_extra
from marquee.engine.node.layout import Layout

USERNAME = "marquee"
_MIB = 1 << 20
_MIN_HEAP_MB = 400
_MAX_HEAP_MB = 2048

# As bytes: shares of the disk block writing on a laptop that is 95 % full with 50 GB to spare.
_WATERMARKS = {"low": "400mb", "high": "300mb", "flood_stage": "200mb"}

_LOGGING = """\
# One file of the server's log for every life, 10 MB, and three old ones. Nothing on the console.
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${sys:es.logs.base_path}${sys:file.separator}marquee.log
appender.file.filePattern = ${sys:es.logs.base_path}${sys:file.separator}marquee-%i.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] [%node_name]%marker %m%n
appender.file.policies.type = Policies
appender.file.policies.start.type = OnStartupTriggeringPolicy
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""


def choose_heap_mb(memory_bytes: int) -> int:
    """Return the heap in MiB: an eighth of the memory, at least 400 (less does not boot), at most 2048."""
    return max(_MIN_HEAP_MB, min(_MAX_HEAP_MB, memory_bytes // _MIB // 8))


def measure_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes of memory we may use: the machine's, or the container's where that is less."""
    try:
        import psutil
    except ImportError as error:
        raise missing_extra("psutil") from error
    memory = int(psutil.virtual_memory().total)
    for limit in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):
        try:
            memory = min(memory, int(limit.read_text()))
        except (OSError, ValueError):  # no such version of cgroups, or the word "max"
            continue
    return memory


def read_password(layout: Layout) -> str:
    """Return the node's password, inventing it at the first call. Only its owner may read the file."""
    try:
        password = layout.password.read_text().strip()
    except FileNotFoundError:
        password = ""
    if not password:
        password = secrets.token_urlsafe(24)
        write_private(layout.password, password + "\n")
    return password


def write_private(path: Path, text: str, account: Account | None = None) -> None:
    """Write a file only `account` (ourselves when None) may read, whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    # Never through a link: where root writes for the unprivileged user, the folder belongs to the latter.
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if account is not None:
            account.own(descriptor)
        file.write(text)
    unfinished.replace(path)


def write_config(layout: Layout, account: Account, *, heap_mb: int, password: str) -> None:
    """Make the folders of the instance and write its configuration, all but the settings."""
    # What lies above is open so that the unprivileged user gets in; these are its alone.
    for folder in (layout.config, layout.data, layout.logs, layout.snapshots):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
        account.own(folder)
    for name, text in {
        "jvm.options": _render_jvm_options(layout, heap_mb),
        "log4j2.properties": _LOGGING,
        "users": f"{USERNAME}:{_hash(password)}\n",
        "users_roles": f"superuser:{USERNAME}\n",
        "roles.yml": "",
        "role_mapping.yml": "",
    }.items():
        write_private(layout.config / name, text, account)
    # The launcher insists on this folder, empty or not.
    (layout.config / "jvm.options.d").mkdir(exist_ok=True)
    account.own(layout.config / "jvm.options.d")


def write_settings(layout: Layout, account: Account, port: int) -> None:
    """Write the server's settings, with the `port` it should listen on; 0 lets the system choose.

    Where `port` is taken when the server binds, the system chooses another. `layout.ports`, which the server
    writes, has the true one.
    """
    layout.ports.unlink(missing_ok=True)
    write_private(layout.config / "elasticsearch.yml", render_settings(layout, port), account)


def render_settings(layout: Layout, port: int) -> str:
    """Return `elasticsearch.yml`, one `name: value` per line with JSON values (YAML contains JSON)."""
    settings: dict[str, Any] = {
        "cluster.name": "marquee",
        "node.name": "marquee",
        "path.data": str(layout.data),
        "path.logs": str(layout.logs),
        "path.repo": [str(layout.snapshots)],
        "network.host": "127.0.0.1",
        # The server tries them in this order, so nobody can take the port between our choice and its bind.
        "http.port": f"{port},0" if port else "0",
        "transport.port": "0",
        "node.portsfile": True,
        "discovery.type": "single-node",
        # Of the heap: a reindex fills it, and larger segments at first are fewer merges later.
        "indices.memory.index_buffer_size": "25%",
        "xpack.security.enabled": True,
        "xpack.security.transport.ssl.enabled": False,
        "xpack.security.autoconfiguration.enabled": False,
    }
    for level, amount in _WATERMARKS.items():
        settings[f"cluster.routing.allocation.disk.watermark.{level}"] = amount
    return "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in settings.items())


def _render_jvm_options(layout: Layout, heap_mb: int) -> str:
    # Unlike the file of the distribution: no jdk.incubator.vector (the runtime lacks it), no log of the
    # garbage collector, no heap dumps of a gigabyte in a user's home.
    return "\n".join(
        (
            f"-Xms{heap_mb}m",
            f"-Xmx{heap_mb}m",
            "-XX:+UseG1GC",
            "-Djava.io.tmpdir=${ES_TMPDIR}",
            "-XX:+ExitOnOutOfMemoryError",
            # Memory is taken when it is first used: 28,000 people need far less than the gigabyte allowed.
            "-XX:-AlwaysPreTouch",
            f"-XX:ErrorFile={layout.logs}/java-error.log",
            # Marquee has one user, in a file: an index of roles would be made at the first start for nobody.
            "-Des.queryable_built_in_roles_enabled=false",
            "",
        )
    )


def _hash(password: str) -> str:
    try:
        import bcrypt
    except ImportError as error:
        raise missing_extra("bcrypt") from error
    # Cost 4: 24 random bytes cannot be guessed, however cheap a guess is; the server pays for every check.
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode()
