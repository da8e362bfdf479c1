"""``eval retrieval``: nDCG@10 on a corpus with relevance judgements (BEIR's layout).

Each text of the corpus is a one-page document of its title and text; a document's rank is that of
its first passage. The texts go through chunker, embedder, store and search like any other.
"""

from __future__ import annotations

import csv
import math
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console

from app.core.ingestion import sizes_for
from app.evaluation.library import read_rows
from ingest.chunker import chunk_pages
from ingest.embedder import Embedder, open_embedder
from ingest.memory_index import MemoryIndex
from ingest.search import Searcher
from ingest.store import NewDocument, Store
from ingest.types import Box, Line, Page, Role

_DEPTH = 10
_STEP = 256
_WIDTH, _LINE = 500.0, 12.0


def evaluate_retrieval(folder: Path, console: Console) -> dict[str, Any]:
    """nDCG@10 and recall@10 over the queries that have judgements."""
    corpus = read_rows(folder / "corpus.jsonl")
    queries = {row["_id"]: row["text"] for row in read_rows(folder / "queries.jsonl")}
    relevant = judgements(folder / "qrels.tsv")
    embedder = open_embedder()
    with tempfile.TemporaryDirectory(prefix="muniment-eval-") as name:
        store = Store(Path(name), bytes(32))
        collection = store.add_collection("corpus").id
        put_texts(store, collection, corpus, embedder, console)
        index = MemoryIndex(dimension=embedder.dimension)
        index.build(collection, store.index_rows(collection))
        searcher = Searcher(store, index, embedder)
        names = {d.id: d.name for d in store.documents(collection)}
        gains, recalls = [], []
        for query, judged in relevant.items():
            if query not in queries:
                continue
            passages = searcher.search(collection, queries[query], k=5 * _DEPTH)
            ranking = list(dict.fromkeys(names[p.document_id] for p in passages))[:_DEPTH]
            gains.append(ndcg(ranking, judged))
            positive = {d for d, grade in judged.items() if grade > 0}
            recalls.append(len(positive & set(ranking)) / (len(positive) or 1))
        store.close()
    count = len(gains) or 1
    return {
        "ndcg@10": round(sum(gains) / count, 4),
        "recall@10": round(sum(recalls) / count, 4),
        "queries": len(gains),
        "texts": len(corpus),
    }


def ndcg(ranking: list[str], judged: dict[str, int]) -> float:
    """Normalised discounted cumulative gain of a ranking (Järvelin and Kekäläinen 2002)."""
    gain = sum(judged.get(d, 0) / math.log2(i + 2) for i, d in enumerate(ranking))
    best = sorted(judged.values(), reverse=True)[: len(ranking) or 1]
    ideal = sum(grade / math.log2(i + 2) for i, grade in enumerate(best))
    return gain / ideal if ideal else 0.0


def judgements(path: Path) -> dict[str, dict[str, int]]:
    """Grades by query and document, of a file with a heading and tabs."""
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            judged[row["query-id"]][row["corpus-id"]] = int(row["score"])
    return judged


def put_texts(
    store: Store,
    collection: int,
    corpus: list[dict[str, Any]],
    embedder: Embedder,
    console: Console,
) -> None:
    """Stores texts as documents of one page, named by their ``_id``."""
    for start in range(0, len(corpus), _STEP):
        _put(store, collection, corpus[start : start + _STEP], embedder)
        console.print(f"{min(start + _STEP, len(corpus))} of {len(corpus)} texts")


def _put(store: Store, collection: int, rows: list[dict[str, Any]], embedder: Embedder) -> None:
    documents = []
    for row in rows:
        page = _page(row["text"])
        chunks = chunk_pages(
            [page], row.get("title", ""), embedder.count_tokens, sizes_for(embedder)
        )
        documents.append((row, page, chunks))
    texts = [chunk.search_text for _, _, chunks in documents for chunk in chunks]
    vectors = embedder.embed(texts)
    at = 0
    for row, page, chunks in documents:
        own = vectors[at : at + len(chunks)]
        at += len(chunks)
        new = NewDocument(
            name=row["_id"],
            title=row.get("title", ""),
            path=row["_id"],
            media_type="text/plain",
            content_hash=row["_id"],
            size=len(row["text"]),
            modified="",
            password="",
            warnings=(),
            pages=[page],
            chunks=chunks,
            vectors=own,
            model=embedder.model,
            original=b"",
            rendition=None,
        )
        store.put(collection, new)


def _page(text: str) -> Page:
    lines = tuple(
        Line(part, Box(0.0, i * _LINE, _WIDTH, (i + 1) * _LINE), Role.BODY)
        for i, part in enumerate(filter(None, (p.strip() for p in text.split("\n"))))
    )
    return Page(1, _WIDTH, max(1, len(lines)) * _LINE, lines)
