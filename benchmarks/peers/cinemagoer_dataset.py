"""cinemagoer on IMDb's files: what Python users pick for IMDb data. Its import into SQLite, its search."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.protocol import Built, Corpus, PeerError, count_bytes
from benchmarks.subject import Person, SearchReply, SuggestReply


class CinemagoerDataset:
    """`search_person` of the access system "s3"; it completes nothing."""

    def __init__(self, everything: bool = False) -> None:
        """Say whether titles, principals and ratings are imported, too: a search needs the names alone."""
        self._everything = everything
        self._folder = Path(tempfile.mkdtemp(prefix="marquee-cinemagoer-"))
        self._uri = f"sqlite:///{self._folder / 'imdb.db'}"
        self._local = threading.local()

    def build(self, corpus: Corpus) -> Built:
        from imdb.parser.s3.importer import import_dir

        files = self._folder / "files"
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir()
        for path in Path(corpus.folder).glob("*.tsv.gz"):
            if self._everything or path.name.startswith("name.basics"):
                (files / path.name).symlink_to(path)
        started = time.perf_counter()
        import_dir(str(files), self._uri)
        took_s = time.perf_counter() - started
        shutil.rmtree(files)
        self._local = threading.local()
        return Built(took_s, count_bytes(self._folder))

    def search(self, q: str, limit: int) -> SearchReply:
        found = self.find(q, limit)
        return SearchReply([Person(f"nm{int(each.personID):07}", each["name"]) for each in found[:limit]])

    def suggest(self, prefix: str, limit: int) -> SuggestReply:  # noqa: ARG002
        raise PeerError("cinemagoer completes nothing")

    def server_pids(self) -> list[int]:
        return []

    def close(self) -> None:
        self._local = threading.local()
        shutil.rmtree(self._folder, ignore_errors=True)

    def find(self, q: str, limit: int) -> list[Any]:
        """Return the people that cinemagoer finds; nobody for a name without a soundex.

        For a name of no Latin letters it sends SQLite a condition of no terms, and fails.
        """
        from imdb import IMDbDataAccessError

        try:
            return list(self.access().search_person(q, results=limit))
        except IMDbDataAccessError as error:
            if "incomplete input" in str(error):
                return []
            raise

    def access(self) -> Any:
        """Return the calling thread's access system: a connection of SQLite belongs to its thread."""
        if not hasattr(self._local, "access"):
            from imdb import Cinemagoer

            self._local.access = Cinemagoer("s3", uri=self._uri)
        return self._local.access
