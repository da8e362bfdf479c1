"""The fresh process of the search benchmark: unlocks the library and asks it."""

from __future__ import annotations

from app.core import offline

offline.enforce()

import contextlib  # noqa: E402 - the guard comes first
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from datetime import date  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from app.core.preload import Preload  # noqa: E402
from app.core.vault import Passphrase  # noqa: E402
from app.core.workspace import Workspace  # noqa: E402


def main(folder: Path, what: str) -> None:
    if what == "--warm":
        preload = Preload()
        preload.embedder()
        with unlocked(folder, preload) as (_, result):
            print(json.dumps(result))
        return
    with unlocked(folder) as (workspace, result):
        result["chunks"] = workspace_chunks(workspace)
        result.update(memory())
        result.update(measure(workspace, int(what)))
    print(json.dumps(result))


@contextlib.contextmanager
def unlocked(
    folder: Path, preload: Preload | None = None
) -> Iterator[tuple[Workspace, dict[str, Any]]]:
    """The library after its first search, and how long that took."""
    started = time.perf_counter()
    processor = time.process_time()
    with Workspace.open(folder, Passphrase("a bench of oak"), preload=preload) as workspace:
        if not workspace.search("agreement of the parties on payment", "bench"):
            raise SystemExit("the first search found nothing")
        yield (
            workspace,
            {
                "first_result_at": time.time(),
                "unlock_to_first_result_seconds": round(time.perf_counter() - started, 2),
                "unlock_to_first_result_processor_seconds": round(
                    time.process_time() - processor, 2
                ),
            },
        )


def memory() -> dict[str, int]:
    from tests.bench.common import memory_of

    return {"megabytes": round(memory_of(os.getpid()) / 1e6)}


def workspace_chunks(workspace: Workspace) -> int:
    return sum(document.chunks for document in workspace.documents("bench"))


def measure(workspace: Workspace, queries: int) -> dict[str, Any]:
    from tests.bench.common import spread
    from tests.bench.search import Writer

    writer = Writer(11)
    questions = [writer.question() for _ in range(queries)]
    bare = bare_hybrid(workspace)
    embedder = workspace.embedder
    times: dict[str, list[float]] = {name: [] for name in ("hybrid", "lancedb", "embedding")}
    for question in questions[:5]:
        workspace.search(question, "bench")
        bare(question, embedder.embed_query(question))
    for question in questions:
        seconds, _ = timed(workspace.search, question, "bench")
        times["hybrid"].append(seconds)
        seconds, vector = timed(embedder.embed_query, question)
        times["embedding"].append(seconds)
        seconds, _ = timed(bare, question, vector)
        times["lancedb"].append(seconds)
    result: dict[str, Any] = {
        "hybrid": spread(times["hybrid"]),
        "of_it_embedding": spread(times["embedding"]),
        "lancedb_hybrid_without_embedding": spread(times["lancedb"]),
    }
    result["ratio"] = round(
        result["lancedb_hybrid_without_embedding"]["p50_ms"] / result["hybrid"]["p50_ms"], 2
    )
    typed = [q[:end] for q in questions[: queries // 4] for end in range(3, len(q), 4)]
    result["as_you_type"] = spread([timed(workspace.search, q, "bench", k=8)[0] for q in typed])
    some = [document.id for document in workspace.documents("bench")][::50]
    fewer = questions[: queries // 2]
    result["in_some_documents"] = spread(
        [timed(workspace.search, q, "bench", documents=some)[0] for q in fewer]
    )
    result["by_date"] = spread(
        [timed(workspace.search, q, "bench", since=date(2010, 1, 1))[0] for q in fewer]
    )
    return result


def timed(work: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    value = work(*arguments, **options)
    return time.perf_counter() - started, value


def bare_hybrid(workspace: Workspace) -> Callable[[str, Any], object]:
    """The same rows in a LanceDB table as its documentation makes one."""
    import lancedb
    import pyarrow as pa
    from lancedb.index import FTS
    from lancedb.rerankers import RRFReranker

    store = workspace._store
    parts = []
    for rows in store.index_rows(store.collection("bench").id):
        width = rows.vectors.shape[1]
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.vectors.ravel()), width)
        texts = [stored.chunk.search_text for stored in store.chunks(rows.chunk_ids)]
        parts.append(pa.table({"chunk_id": rows.chunk_ids, "text": texts, "vector": vectors}))
    table = lancedb.connect("memory://").create_table("bench", pa.concat_tables(parts))
    table.create_index("text", config=FTS())
    reranker = RRFReranker()

    def query(words: str, vector: Any) -> object:
        hybrid = table.search(query_type="hybrid").vector(vector).text(words)
        return hybrid.rerank(reranker).limit(10).to_arrow()

    return query


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
