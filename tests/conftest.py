"""What the tests share: a real engine, an index prefix of this run's own, and a running service.

The engine is MARQUEE_ELASTICSEARCH_URL where that is set, else a container where a Docker engine answers,
else the managed local node. Where none can be had, every test that needs one fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from marquee.catalog.sources import open_sample
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.progress import SILENT
from marquee.reindex.pipeline import reindex
from marquee.settings import Settings, read_settings
from tests.redis_server import run_redis

# On the PYTHONPATH of a process it puts faults there.
FAULTS = Path(__file__).parent / "faults"
ENGINE_IMAGE = "docker.elastic.co/elasticsearch/elasticsearch:8.18.0"


# A process is not to be left alone with a long file while the other one idles, so these come first; what
# watches the clock most closely, and is short, comes last, when no cluster starts beside it.
FIRST = ("test_cluster", "relevance", "test_deployment", "test_node_managed")
LAST = ("unit",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files by FIRST and LAST, which name files and folders."""

    def rank(item: pytest.Item) -> int:
        names = (Path(item.path).stem, Path(item.path).parent.name)
        first = [place for place, name in enumerate(FIRST) if name in names]
        return first[0] if first else len(FIRST) + any(name in names for name in LAST)

    items.sort(key=rank)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def _docker_answers() -> bool:
    import docker

    try:
        return bool(docker.from_env(timeout=5).ping())
    except docker.errors.DockerException:
        return False


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    settings, _ = read_settings()
    with ExitStack() as stack:
        if not settings.elasticsearch_url and _docker_answers():
            from testcontainers.community.elasticsearch import ElasticSearchContainer

            container = ElasticSearchContainer(ENGINE_IMAGE, mem_limit="2g")
            container.with_env("ES_JAVA_OPTS", "-Xms1g -Xmx1g").with_env("discovery.type", "single-node")
            stack.enter_context(container)
            host, port = container.get_container_host_ip(), container.get_exposed_port(container.port)
            yield Endpoint(urls=(f"http://{host}:{port}",))
        else:
            yield stack.enter_context(open_endpoint(settings))


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with an index prefix that no other run has."""
    return read_settings(
        {}, index_prefix=f"test-{uuid.uuid4().hex[:12]}", home=tmp_path_factory.mktemp("home")
    )[0]


@pytest.fixture(scope="session")
async def cluster(endpoint: Endpoint, settings: Settings, anyio_backend: str) -> AsyncIterator[Cluster]:
    async with Cluster(endpoint) as cluster:
        yield cluster
        await remove_indexes(cluster, settings.index_prefix)


async def remove_indexes(cluster: Cluster, prefix: str) -> None:
    """Delete every index of a prefix and of those that begin with it (tests derive theirs from the run's)."""
    found = list(await cluster.request("GET", f"/{prefix}*", params={"filter_path": "*.aliases"}))
    # Each call is a new state of the cluster, of which an address of 4 KB names so many.
    for first in range(0, len(found), 40):
        await cluster.request("DELETE", "/" + ",".join(found[first : first + 40]))


@pytest.fixture(scope="session")
async def sample(cluster: Cluster, settings: Settings) -> str:
    """Index the packaged sample once; the id of the generation that is live then."""
    return (await reindex(settings, cluster, open_sample(), SILENT)).generation


def engine_environ(settings: Settings, endpoint: Endpoint) -> dict[str, str]:
    """The environment of a process that uses these settings and this engine, and nothing of the shell's."""
    urls = ",".join(endpoint.urls)
    if endpoint.username:
        urls = urls.replace("://", f"://{endpoint.username}:{endpoint.password}@")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEE_")}
    return environ | {
        "MARQUEE_ELASTICSEARCH_URL": urls,
        "MARQUEE_INDEX_PREFIX": settings.index_prefix,
        "MARQUEE_HOME": str(settings.home),
    }


@contextmanager
def run_service(
    settings: Settings,
    endpoint: Endpoint,
    extra: Mapping[str, str] | None = None,
    stderr: IO[Any] | None = None,
) -> Iterator[str]:
    """Run `marquee serve` as a process of its own; yield its address. `extra` goes into its environment."""
    environ = engine_environ(settings, endpoint) | dict(extra or {})
    command = [sys.executable, "-m", "marquee", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
        try:
            assert process.stdout is not None
            address = next((line for line in process.stdout if "http://" in line), None)
            assert address is not None, "the service ended before it told its address"
            yield "http://" + address.split("http://")[1].split("/")[0].strip()
        finally:
            process.terminate()
            assert process.wait(timeout=15) == 0, "the service did not end well"


@pytest.fixture(scope="session")
def service_url(settings: Settings, endpoint: Endpoint, sample: str) -> Iterator[str]:
    """A running service over the sample."""
    with run_service(settings, endpoint) as url:
        yield url


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """An empty Redis."""
    with run_redis(tmp_path) as url:
        yield url


def write_tsv(folder: Path, name: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Write one dataset file, uncompressed."""
    text = "\n".join("\t".join(row) for row in [HEADERS[name], *rows]) + "\n"
    (folder / f"{name}.tsv").write_text(text)


HEADERS: dict[str, tuple[str, ...]] = {
    "name.basics": (
        "nconst", "primaryName", "birthYear", "deathYear", "primaryProfession", "knownForTitles"
    ),
    "title.basics": (
        "tconst", "titleType", "primaryTitle", "originalTitle", "isAdult", "startYear", "endYear",
        "runtimeMinutes", "genres",
    ),
    "title.principals": ("tconst", "ordering", "nconst", "category", "job", "characters"),
    "title.ratings": ("tconst", "averageRating", "numVotes"),
}  # fmt: skip
