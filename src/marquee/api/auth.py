"""Bearer tokens: who may do what. Tokens are known by their SHA-256 only; no log and no answer holds one."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args

import msgspec

from marquee.errors import AdminDisabledError, SettingsError, UnauthorizedError
from marquee.reindex.identity import SCHEDULE
from marquee.settings import Settings

Role = Literal["read", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
MAX_NAME = 100
"""Letters of a token's name, which stands in jobs and in the audit log."""

_log = logging.getLogger("marquee.api")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token."""

    name: str
    role: Role
    digest: bytes
    """SHA-256 of the token."""


class _Stamp(NamedTuple):
    """What changes with a file."""

    modified_ns: int
    size: int
    inode: int


class Tokens:
    """The tokens of the settings; their file is read again when it changes."""

    def __init__(self, settings: Settings) -> None:
        """Read the tokens.

        Raises:
            SettingsError: the file cannot be read or used; the message names the line, and quotes nothing.
        """
        plain = settings.admin_token
        if plain and plain.split() != [plain]:
            raise SettingsError("MARQUEE_ADMIN_TOKEN holds a blank, with which no header can show it")
        self._own = (Token(name="admin", role="admin", digest=digest_of(plain.encode())),) if plain else ()
        self._file = settings.tokens_file
        self._listed: tuple[Token, ...] = ()
        self._stamp: _Stamp | None = None
        if self._file is not None:
            self._stamp = _read_stamp(self._file)
            self._listed = read_tokens(self._file)

    def list_known(self) -> tuple[Token, ...]:
        """Return the tokens that are good now; a file that has become unusable leaves those it held."""
        if self._file is not None and (stamp := _read_stamp(self._file)) != self._stamp:
            self._stamp = stamp  # also of a broken file: it is complained of once
            try:
                self._listed = read_tokens(self._file)
            except SettingsError as error:
                _log.error("%s; the tokens it held before stay good", error)
        return self._own + self._listed

    def identify(self, authorization: str | None) -> Token:
        """Return the token that an Authorization header holds.

        Raises:
            AdminDisabledError: no token is configured.
            UnauthorizedError: it holds none, or an unknown one.
        """
        known = self.list_known()
        if not known:
            raise AdminDisabledError(
                "no token is configured: this takes one of MARQUEE_ADMIN_TOKEN or MARQUEE_TOKENS_FILE"
            )
        sent = re.fullmatch(r"bearer +([^ ]+)", authorization or "", re.IGNORECASE)
        if sent is None:
            raise UnauthorizedError("a token is needed: send it as `Authorization: Bearer TOKEN`")
        digest = digest_of(sent[1].encode("latin-1"))  # the header's very bytes
        # All are compared, whichever it is: the time it takes tells nothing.
        found = [each for each in known if hmac.compare_digest(each.digest, digest)]
        if not found:
            raise UnauthorizedError("the token is unknown")
        return found[0]


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Read a file of tokens: lines of a name, a role and the token's SHA-256 in hexadecimal.

    What follows a `#` is a comment.

    Raises:
        SettingsError: it cannot be read, or a line is malformed or repeats a token.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"MARQUEE_TOKENS_FILE={str(path)!r} cannot be read: {reason}") from error
    found: dict[bytes, Token] = {}
    for number, line in enumerate(lines, 1):
        if not (fields := line.split("#")[0].split()):
            continue
        # No part of a line is quoted: somebody may have put the token itself there.
        problem = _find_fault(fields)
        if not problem and bytes.fromhex(fields[2]) in found:
            problem = "repeats the token of an earlier line"
        if problem:
            raise SettingsError(f"MARQUEE_TOKENS_FILE={str(path)!r} cannot be used: line {number} {problem}")
        token = Token(name=fields[0], role=cast(Role, fields[1]), digest=bytes.fromhex(fields[2]))
        found[token.digest] = token
    return tuple(found.values())


def _find_fault(fields: list[str]) -> str:
    if len(fields) != 3:
        return "is not a name, a role and a SHA-256"
    name, role, digest = fields
    if len(name) > MAX_NAME or not name.isprintable():
        return f"has a name of more than {MAX_NAME} letters, or with signs that cannot be printed"
    if name == SCHEDULE:
        return f"has the name {SCHEDULE}, which is that of the schedule in jobs and in the audit log"
    if role not in ROLES:
        return f"has another role than {' or '.join(ROLES)}"
    if not re.fullmatch("[0-9a-fA-F]{64}", digest):
        return "has no SHA-256 of 64 hexadecimal digits (`printf %s TOKEN | sha256sum | cut -d' ' -f1`)"
    return ""


def digest_of(token: bytes) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token).digest()


def _read_stamp(path: Path) -> _Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return _Stamp(stat.st_mtime_ns, stat.st_size, stat.st_ino)
