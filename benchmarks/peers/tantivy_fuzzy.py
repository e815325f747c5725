"""tantivy, a search library in Rust like Lucene: fuzzy term queries, through its Python package."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.protocol import Built, Corpus, count_bytes, fold, read_people
from benchmarks.subject import Person, SearchReply, SuggestReply


class Tantivy:
    """Each word as it is, with one or with two letters wrong, in this order; ties by popularity."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="marquee-tantivy-"))
        self._schema: Any = None
        self._searcher: Any = None

    def build(self, corpus: Corpus) -> Built:
        import tantivy

        shutil.rmtree(self._folder)
        self._folder.mkdir()
        started = time.perf_counter()
        fields = tantivy.SchemaBuilder()
        fields.add_text_field("nconst", stored=True, tokenizer_name="raw")
        fields.add_text_field("name", stored=True, tokenizer_name="raw")
        fields.add_text_field("key", tokenizer_name="whitespace", index_option="freq")
        self._schema = fields.build()
        index = tantivy.Index(self._schema, str(self._folder))
        # One thread and most popular first: of equal scores, the document that came first comes first.
        writer = index.writer(heap_size=256_000_000, num_threads=1)
        for nconst, name, _ in read_people(corpus):
            writer.add_document(tantivy.Document(nconst=nconst, name=name, key=fold(name)))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher = index.searcher()
        return Built(time.perf_counter() - started, count_bytes(self._folder))

    def search(self, q: str, limit: int) -> SearchReply:
        import tantivy

        words = [(tantivy.Occur.Should, self._word(word)) for word in fold(q).split()]
        return SearchReply(self._find(tantivy.Query.boolean_query(words), limit) if words else [])

    def suggest(self, prefix: str, limit: int) -> SuggestReply:
        import tantivy

        *words, last = fold(prefix).split() or [""]
        if not last:
            return SuggestReply()
        clauses = [(tantivy.Occur.Must, self._word(word)) for word in words]
        clauses.append((tantivy.Occur.Must, self._word(last, unfinished=True)))
        return SuggestReply(self._find(tantivy.Query.boolean_query(clauses), limit))

    def server_pids(self) -> list[int]:
        return []

    def close(self) -> None:
        self._searcher = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _word(self, word: str, unfinished: bool = False) -> Any:
        from tantivy import Query

        # As many letters wrong as Elasticsearch's AUTO allows.
        most = 0 if len(word) < 3 else 1 if len(word) < 6 else 2
        near = [
            Query.const_score_query(
                Query.fuzzy_term_query(self._schema, "key", word, distance=edits, prefix=unfinished),
                float(3 - edits),
            )
            for edits in range(most + 1)
        ]
        return Query.disjunction_max_query(near)

    def _find(self, query: Any, limit: int) -> list[Person]:
        hits = self._searcher.search(query, limit, count=False).hits
        documents = [(score, self._searcher.doc(address)) for score, address in hits]
        return [Person(each.get_first("nconst"), each.get_first("name"), score) for score, each in documents]
