"""Looking at a stored document's figures: each crop is drawn, turned upright, and embedded.

A few at a time, each few kept at once, so that what was stopped goes on where it was. Knows the
store, the renderer and the image embedder.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from ingest.errors import ReadError
from ingest.image_embedder import ImageEmbedder, Pixels
from ingest.rendering import PageRenderer
from ingest.store import Store
from ingest.types import Figure
from ingest.upright import quarter_turns, turned

_PIXELS = 512 * 512  # more than these models look at
_AT_ONCE = 8


def look_at(
    store: Store, document_id: int, numbers: Sequence[int], embedder: ImageEmbedder
) -> Generator[int, None, None]:
    """Keeps the vectors of a document's figures; yields how many are done.

    A figure that cannot be drawn is noted, so that it is not tried again and again.
    """
    document = store.document(document_id)
    turns: dict[int, int] = {}
    with PageRenderer(
        store.shown_pdf(document_id), document.password, name=document.name
    ) as renderer:
        for start in range(0, len(numbers), _AT_ONCE):
            part = numbers[start : start + _AT_ONCE]
            seen: dict[int, Pixels] = {}
            for number in part:
                figure = store.figure(document_id, number)
                if figure is None:
                    continue
                if figure.page not in turns:
                    turns[figure.page] = quarter_turns(store.page_lines(document_id, figure.page))
                pixels = _drawn(renderer, figure, turns[figure.page])
                if pixels is not None:
                    seen[number] = pixels
            vectors = dict(zip(seen, embedder.embed_images(list(seen.values())), strict=True))
            if store.document(document_id).content_hash != document.content_hash:
                return  # replaced meanwhile: these are figures of what it was
            kept = {number: vectors.get(number) for number in part}
            store.put_figure_vectors(document_id, embedder.model, kept)
            yield start + len(part)


def _drawn(renderer: PageRenderer, figure: Figure, quarters: int) -> Pixels | None:
    try:
        drawn = renderer.region(figure.page, figure.box, _PIXELS)
    except (ReadError, ValueError):
        return None
    pixels: Pixels = turned(drawn.array(), quarters)
    return pixels
