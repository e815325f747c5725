"""PostgreSQL with pg_trgm, in a cluster of its own: temporary folder, Unix socket, unprivileged user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.protocol import Built, Corpus, PeerError, fold, read_people
from benchmarks.subject import Person, SearchReply, SuggestReply

START_TIMEOUT_S = 60.0
DEBIAN_FOLDERS = "/usr/lib/postgresql"
SIMILAR, WORD_SIMILAR = 0.3, 0.5
"""What is looked at: pg_trgm's default; for a word within a name less than its default of .6, which one wrong
letter in a short surname misses already."""

_TABLE = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
DROP TABLE IF EXISTS people;
CREATE TABLE people (nconst text, name text, key text, popularity integer);
"""
_INDEXES = """
CREATE INDEX ON people USING gin (key gin_trgm_ops);
CREATE INDEX ON people (key text_pattern_ops);
ANALYZE people;
"""
_WHOLE = """
SELECT nconst, name FROM people WHERE key %% %(key)s
ORDER BY key <-> %(key)s, popularity DESC LIMIT %(limit)s
"""
_WORD = """
SELECT nconst, name FROM people WHERE %(key)s <%% key
ORDER BY %(key)s <<-> key, popularity DESC LIMIT %(limit)s
"""
_START = """
SELECT nconst, name FROM people WHERE key LIKE %(start)s OR key LIKE %(inside)s
ORDER BY popularity DESC LIMIT %(limit)s
"""


class PgTrgm:
    """A GIN index of trigrams; similarity of names, or of a word with part of a name, then popularity."""

    def __init__(self, install: bool = True) -> None:
        """Say whether Debian's package may be installed where there is no PostgreSQL."""
        self._install = install
        self._folder: Path | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._local = threading.local()

    def build(self, corpus: Corpus) -> Built:
        if self._server is None:
            self._start()
        assert self._folder is not None
        started = time.perf_counter()
        with self._connect() as connection:
            connection.execute(_TABLE)
            with connection.cursor().copy("COPY people FROM STDIN") as copy:
                for nconst, name, count in read_people(corpus):
                    copy.write_row((nconst, name, fold(name), count))
            connection.execute(_INDEXES)
        seconds = time.perf_counter() - started
        with self._connect() as connection:
            connection.execute("CHECKPOINT")
            (size,) = connection.execute("SELECT pg_total_relation_size('people')").fetchone()
        return Built(seconds, int(size))

    def search(self, q: str, limit: int) -> SearchReply:
        return SearchReply(self._find(fold(q), limit))

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        key = fold(prefix)
        if not key:
            return SuggestReply()
        pattern = key.replace("_", r"\_")
        started = {"start": f"{pattern}%", "inside": f"% {pattern}%", "limit": limit}
        found = self._ask(_START, started)
        if len(found) < limit:
            known = {each.nconst for each in found}
            near = self._ask(_WORD, {"key": key, "limit": limit})
            found += [each for each in near if each.nconst not in known]
        return SuggestReply(found[:limit])

    def server_pids(self) -> list[int]:
        if self._server is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._server.pid).children(recursive=True)
            return [self._server.pid, *(each.pid for each in children)]
        return []

    def close(self) -> None:
        self._local = threading.local()
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(10)
            except subprocess.TimeoutExpired:
                self._server.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _find(self, key: str, limit: int) -> list[Person]:
        return self._ask(_WHOLE if " " in key else _WORD, {"key": key, "limit": limit}) if key else []

    def _ask(self, statement: str, parameters: dict[str, object]) -> list[Person]:
        if not hasattr(self._local, "connection"):
            self._local.connection = connection = self._connect(autocommit=True)
            connection.execute(f"SET pg_trgm.similarity_threshold = {SIMILAR}")
            connection.execute(f"SET pg_trgm.word_similarity_threshold = {WORD_SIMILAR}")
        return [Person(*row) for row in self._local.connection.execute(statement, parameters)]

    def _connect(self, autocommit: bool = False) -> Any:
        import psycopg

        try:
            return psycopg.connect(
                host=str(self._folder), user="scorecard", dbname="postgres", autocommit=autocommit
            )
        except psycopg.OperationalError as error:
            raise PeerError(f"PostgreSQL: {error}") from error

    def _start(self) -> None:
        binaries = find_binaries()
        if binaries is None and self._install:
            install_package()
            binaries = find_binaries()
        if binaries is None:
            raise PeerError("no initdb and postgres on the PATH or in Debian's folder")
        folder = self._folder = Path(tempfile.mkdtemp(prefix="marquee-pg-"))
        as_user: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:  # as root it refuses to run
            user = unprivileged_user()
            shutil.chown(folder, user.pw_uid, user.pw_gid)
            as_user |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = folder / "data"
        command = [str(binaries / "initdb"), "-D", str(data), "-U", "scorecard", "-A", "trust", "-E", "UTF8"]
        command.append("--no-locale")
        done = subprocess.run(command, capture_output=True, text=True, check=False, **as_user)
        if done.returncode:
            raise PeerError(f"initdb failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "shared_buffers": "512MB",
            "work_mem": "32MB",
            "maintenance_work_mem": "512MB",
            "max_wal_size": "4GB",
            "jit": "off",  # compiling takes longer than these queries
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, **as_user
            )
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._connect().close()
            except PeerError:
                if self._server.poll() is not None or time.monotonic() > until:
                    lines = (folder / "log").read_text(errors="replace").strip().splitlines()
                    raise PeerError(f"PostgreSQL did not start: {(lines or ['?'])[-1]}") from None
                time.sleep(0.1)
            else:
                return


def find_binaries() -> Path | None:
    """Return the folder of initdb and postgres: on the PATH, else Debian's newest."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    versions = Path(DEBIAN_FOLDERS).glob("*/bin")
    folders += sorted(versions, key=lambda path: float(path.parent.name), reverse=True)
    return next(
        (each for each in folders if (each / "initdb").exists() and (each / "postgres").exists()), None
    )


def install_package() -> None:
    """Install Debian's package, without the cluster that it would start.

    Raises:
        PeerError: this is no Debian, not root, or it failed.
    """
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise PeerError("PostgreSQL is not installed, and apt-get with root is not there to install it")
    config = Path("/etc/postgresql-common/createcluster.conf")
    if not config.exists():
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text("create_main_cluster = false\n")
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    keep = ["-o", "Dpkg::Options::=--force-confold"]
    for command in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", *keep, "postgresql"],
    ):
        done = subprocess.run(["apt-get", *command], env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerError(f"apt-get {command[0]} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")


def unprivileged_user() -> pwd.struct_passwd:
    """Return PostgreSQL's own user, else nobody."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")
