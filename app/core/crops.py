"""Which places of pages a model that sees should be shown beside the text. The seam for it.

An answerer that sees takes `PassagesFound.crops` and has each drawn by `Workspace.crop`, at the
number of pixels that its own budget gives. What is chosen here is chosen by what the library
knows: figures, text that OCR was unsure of, and the place that a person pointed at. Knows
passages; knows nothing of models or pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.answers import Crop, CropReason, Scope
from ingest.clusters import bounds
from ingest.types import Box, Passage, TextSource

# Mean confidence of the OCR in a passage. Clean print is read with 0.97 and more; the value has not
# been set by a measurement of what seeing the place improves, which needs a model that sees.
DOUBTFUL = 0.95

_PAD = 6.0  # points around lines


def crops_of(
    passages: Sequence[Passage], scope: Scope | None = None, page_box: Box | None = None
) -> tuple[Crop, ...]:
    """The places to show, in the order of the passages; what was asked about comes first.

    ``page_box`` is the whole of the page that ``scope`` names.
    """
    crops: list[Crop] = []
    if scope is not None and page_box is not None:
        asked = scope.region or page_box
        crops.append(Crop(scope.document_id, scope.page, asked, CropReason.ASKED))
    for passage in passages:
        if passage.figure is not None:
            figure = passage.figure
            crops.append(Crop(passage.document_id, figure.page, figure.box, CropReason.FIGURE))
            continue
        for page in passage.pages:
            box = _doubtful(passage, page)
            if box is not None:
                crops.append(Crop(passage.document_id, page, box, CropReason.DOUBTFUL))
    return tuple(dict.fromkeys(crops))


def _doubtful(passage: Passage, page: int) -> Box | None:
    """Around a passage's lines on a page, if OCR read them and was unsure."""
    lines = [line for line in passage.lines if line.page == page]
    read = [
        (line.end - line.start, line.confidence)
        for line in lines
        if line.source is TextSource.OCR and line.confidence is not None
    ]
    letters = sum(length for length, _ in read)
    if not letters or sum(length * score for length, score in read) / letters >= DOUBTFUL:
        return None
    box = bounds([line.box for line in lines])
    return Box(max(box.x0 - _PAD, 0.0), max(box.y0 - _PAD, 0.0), box.x1 + _PAD, box.y1 + _PAD)
