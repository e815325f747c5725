"""What can be set from outside: `MARQUEE_` environment variables, read once into one frozen struct."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import platformdirs

from marquee.errors import SettingsError

PREFIX = "MARQUEE_"

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
_ALLOCATION = r"^[A-Za-z0-9_.-]+=[^=|\s]+(\|[^=|\s]+)*$"


def default_home() -> Path:
    """Return the per-user folder for state, caches and the managed node.

    For root it is the system's own folder: Elasticsearch refuses to run as root, and the unprivileged
    user it runs as cannot reach into a home of mode 0700.
    """
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return Path("/var/lib/marquee") if is_root else Path(platformdirs.user_data_dir("marquee"))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, with its unit and default; its variable is `MARQUEE_` plus its name in capitals."""

    elasticsearch_url: tuple[str, ...] = ()
    """Addresses, comma-separated, optionally with user:password@. Empty: the managed local node."""
    elasticsearch_api_key: str = ""
    """API key, sent instead of user and password."""
    elasticsearch_ca_cert: Path | None = None
    """File with the CA certificate that signed the engine's certificate."""
    index_prefix: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,40}$")] = "marquee"
    """First part of the name of every index and alias."""
    home: Path = msgspec.field(default_factory=default_home)
    """Folder for state, caches and the managed node."""
    people: Literal["actors", "everyone"] = "actors"
    """Who is indexed: people who act, or all people in the files."""
    title_types: tuple[str, ...] = ()
    """Title types that are indexed as titles, comma-separated (titles without a type always are).
    Empty: all but tvEpisode, which is 8.5 M of IMDb's 11 M titles and nothing one looks up by name here."""
    adult: bool = False
    """Whether titles marked isAdult are indexed and shown among known-for titles."""
    imdb_base_url: str = "https://datasets.imdbws.com"
    """Where IMDb publishes its files, or a mirror of them."""
    memory_limit_mb: Annotated[int, msgspec.Meta(ge=512)] = 2048
    """Memory a reindex may use in Marquee's own processes, in MiB."""
    shards: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Primary shards per index."""
    replicas: Annotated[int, msgspec.Meta(ge=0, le=8)] = 0
    """Replicas per index, made before the swap."""
    allocation: tuple[Annotated[str, msgspec.Meta(pattern=_ALLOCATION)], ...] = ()
    """Which nodes of a cluster may hold the indexes: `attribute=value|value`, comma-separated."""
    keep_generations: Annotated[int, msgspec.Meta(ge=1, le=100)] = 2
    """Complete generations that are kept, the live one included."""
    backup_repository: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_-]{0,60}$")] = "marquee"
    """Elasticsearch's snapshot repository that `marquee backup` writes to."""
    backup_location: str = ""
    """Folder of that repository, below the `path.repo` of every node, where Elasticsearch does not know it
    yet. Empty: named after repository and index prefix."""
    schedule: str = "0 */6 * * *"
    """When the source is looked at (cron, UTC; `off`: never). IMDb publishes once a day at no fixed hour:
    four looks keep data that are confirmed younger than 24 h even if two of them fail."""
    schedule_jitter_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 300
    """A scheduled look begins up to so many seconds late, so that not all the world asks at the full hour."""
    lease_ttl_s: Annotated[float, msgspec.Meta(ge=1, le=300)] = 20.0
    """A reindex whose process has not been heard of for so many seconds is taken over. Ten times the longest
    pause of a process seen under full load; shorter only makes takeovers of the living."""
    gate_max_reject_share: Share = 0.01
    """Share of a file's rows that may be unusable. IMDb's own files have next to none: one in a hundred says
    that the format has changed, not that somebody mistyped."""
    gate_max_orphan_rise: Share = 0.05
    """By how much the share of a file's rows that point at an unknown person or title may rise. It hardly
    moves from day to day; it jumps when one of the files is cut short."""
    gate_max_drop: Share = 0.05
    """Share of the live generation's documents, and of the usable rows of each file, that a new one may lack.
    IMDb grows; a twentieth less is a file that was cut short."""
    gate_max_growth: Annotated[float, msgspec.Meta(gt=0)] = 0.5
    """Share of the live generation's documents that a new one may hold beyond them. A catalogue grows by
    hundredths a day: half as many again is people doubled under new ids."""
    gate_max_fill_drop: Share = 0.1
    """What part of the documents that have a birth year, a known-for title … may lose it. Relative, since
    some fields are rare: of a field that one in ten has, nine tenths could be gone unseen otherwise."""
    gate_min_canaries: Share = 0.98
    """Share of the live generation's 200 most popular people, and of their misspelt names, that must still be
    found. Namesakes change places from day to day: hence not all of them."""
    gate_facts_file: Path | None = None
    """File of what must be there: lines of an id, a tab and the name or title."""
    alert_urls: tuple[str, ...] = ()
    """Where alerts go, comma-separated, in Apprise's notation (`mailto://…`, `slack://…`, `json://host/path`)."""
    admin_token: str = ""
    """The one token of somebody who runs everything on one machine; where none is set, administration is
    refused."""
    tokens_file: Path | None = None
    """File of tokens: lines of a name, a role (read or admin) and the token's SHA-256 in hexadecimal."""
    public: bool = True
    """Whether reading needs no token."""
    rate_limit: str = ""
    """How much one token, or one address, may ask: a number and a span, `20/second` or `600/minute`; several
    with `;` between them. Empty: no limit."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks, comma-separated, whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    cors_origins: tuple[str, ...] = ()
    """Origins, comma-separated, whose pages may ask (`https://shop.example`); `*`: all."""
    redis_url: str = ""
    """Redis that all `serve` processes share answers and rate limits in (`redis://…`, `rediss://…`,
    `unix://…`). Empty: each keeps its own."""
    cache_size_mb: Annotated[int, msgspec.Meta(ge=0, le=1 << 20)] = 64
    """Memory for answers in each process, in MiB; 0 turns the cache off, in Redis as well."""
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 16
    """Questions that one process puts to the engine at once; others wait a moment, and are refused with 503
    before a queue grows. Elasticsearch itself has three search threads for two cores."""
    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    """Address the service listens on."""
    port: Port = 8000
    """Port the service listens on; 0 lets the system choose."""
    token: str = ""
    """Token that `marquee match --url` shows the service."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged."""
    log_format: Literal["auto", "text", "json"] = "auto"
    """How it is logged; `auto`: as text on a terminal, as lines of JSON elsewhere."""
    log_queries: bool = False
    """Whether what people type may stand in logs and traces."""
    slow_query_ms: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Answers that take longer are logged with what each stage took; 0: none."""


SECRETS = frozenset(
    {"admin_token", "alert_urls", "elasticsearch_api_key", "elasticsearch_url", "redis_url", "token"}
)
"""Settings that may hold a secret. Each is read from a file where its variable has `_FILE` appended
(`MARQUEE_REDIS_URL_FILE=/run/secrets/redis_url`): an environment shows in process lists and crash reports."""

_LISTS = {"alert_urls", "allocation", "cors_origins", "elasticsearch_url", "title_types", "trusted_proxies"}


def read_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> tuple[Settings, list[str]]:
    """Read the settings from `environ` (default: the process's), then `overrides` (by field name).

    Empty variables count as unset. Returns the settings and a list of warnings, one for each unknown
    variable with our prefix, naming the nearest known one.

    Raises:
        SettingsError: a value does not fit, a file cannot be read; the message names the variable.
    """
    environ = os.environ if environ is None else environ
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for variable, text in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name.removesuffix("_file") in SECRETS and name.endswith("_file") and text.strip():
            name = name.removesuffix("_file")
            if environ.get(PREFIX + name.upper(), "").strip():
                raise SettingsError(f"{variable} and {PREFIX}{name.upper()} are both set: leave one")
            if secret := _read_secret(variable, text.strip()):
                values[name] = _parse(variable, name, secret, fields[name].type)
            continue
        if name not in fields or variable != PREFIX + name.upper():
            near = difflib.get_close_matches(
                variable, [PREFIX + field.upper() for field in fields], n=1, cutoff=0.0
            )
            warnings.append(f"{variable} is not a setting of Marquee; the nearest is {near[0]}")
        elif text.strip():
            values[name] = _parse(variable, name, text.strip(), fields[name].type)
    for name, value in overrides.items():
        if value is not None:
            values[name] = _convert(name, value, value, fields[name].type)
    return Settings(**values), warnings


def _read_secret(variable: str, path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{variable}={path} cannot be read: {reason}") from error


def _parse(variable: str, name: str, text: str, kind: Any) -> Any:
    raw: Any = [part.strip() for part in text.split(",") if part.strip()] if name in _LISTS else text
    if kind is bool:
        # msgspec's lax mode knows true/false/1/0; people also write yes and on
        raw = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text.lower(), text.lower())
    return _convert(variable, text, raw, kind)


def _convert(name: str, shown: Any, raw: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(raw, kind, strict=False, dec_hook=decode_path)
    except msgspec.ValidationError as error:
        reason = re.sub(r" - at `\$.*`$", "", str(error))
        raise SettingsError(f"{name}={shown!r} cannot be used: {reason}") from error


def decode_path(kind: Any, value: Any) -> Any:
    """Read a path for msgspec, which knows none (a `dec_hook`)."""
    if kind is Path:
        return Path(value).expanduser()
    raise NotImplementedError(kind)
