"""SQLite's FTS5 with its trigram tokenizer: a full-text index in one file, without a server."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.peers.protocol import Built, Corpus, PeerError, count_bytes, fold, read_people
from benchmarks.subject import Person, SearchReply, SuggestReply

RANKED = 50
"""Best by bm25, of whom the more popular come first where the rank is the same."""

_SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, nconst TEXT, name TEXT, popularity INTEGER);
CREATE VIRTUAL TABLE grams USING fts5(key, content='', tokenize='trigram');
CREATE VIRTUAL TABLE words USING fts5(key, content='', prefix='1 2 3 4 5');
"""
_BY_GRAMS = """
SELECT nconst, name FROM (
    SELECT rowid AS id, rank AS place FROM grams WHERE grams MATCH ? ORDER BY rank LIMIT ?
) JOIN people USING (id) ORDER BY place, popularity DESC LIMIT ?
"""
# Rows are numbered by popularity, so that the first ones are the most popular and nothing must be sorted.
_BY_START = """
SELECT nconst, name FROM (SELECT rowid AS id FROM words WHERE words MATCH ? ORDER BY rowid LIMIT ?)
JOIN people USING (id) ORDER BY id
"""


class Fts5:
    """Any trigram of the query, ranked by bm25; completion by prefixes of words, then by trigrams."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="marquee-fts5-"))
        self._path = self._folder / "people.db"
        self._local = threading.local()

    def build(self, corpus: Corpus) -> Built:
        self._path.unlink(missing_ok=True)
        self._local = threading.local()
        started = time.perf_counter()
        connection = sqlite3.connect(self._path)
        try:
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            raise PeerError(f"SQLite {sqlite3.sqlite_version}: {error}") from error
        people = [(at, *person) for at, person in enumerate(read_people(corpus))]
        keys = [(at, fold(name)) for at, _, name, _ in people]
        with connection:
            connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", people)
            for table in ("grams", "words"):
                connection.executemany(f"INSERT INTO {table} (rowid, key) VALUES (?, ?)", keys)  # noqa: S608
                connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608
        connection.close()
        return Built(time.perf_counter() - started, count_bytes(self._folder))

    def search(self, q: str, limit: int) -> SearchReply:
        return SearchReply(self._find(fold(q), limit))

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        words = fold(prefix).split()
        if not words:
            return SuggestReply()
        match = " AND ".join(f'"{word}"' for word in words[:-1]) + (" AND " if words[1:] else "")
        found = self._ask(_BY_START, (f'{match}"{words[-1]}"*', limit))
        if len(found) < limit:
            known = {each.nconst for each in found}
            found += [each for each in self._find(" ".join(words), limit) if each.nconst not in known]
        return SuggestReply(found[:limit])

    def server_pids(self) -> list[int]:
        return []

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _find(self, key: str, limit: int) -> list[Person]:
        grams = dict.fromkeys(key[at : at + 3] for at in range(len(key) - 2))
        if not grams:
            return []
        return self._ask(_BY_GRAMS, (" OR ".join(f'"{gram}"' for gram in grams), RANKED, limit))

    def _ask(self, statement: str, parameters: tuple[object, ...]) -> list[Person]:
        if not hasattr(self._local, "connection"):
            self._local.connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        return [Person(*row) for row in self._local.connection.execute(statement, parameters)]
