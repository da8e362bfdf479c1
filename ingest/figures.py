"""Figures: graphics of pages joined with their captions and with the text that speaks of them.

Readers say where a page shows more than text (`Page.graphics`); here it is decided what of that
is a figure, what belongs to it and what it is called. Knows pages and lines; knows nothing of
files, pixels or the store.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ingest.captions import Caption, captions_of, mentions, title_above
from ingest.clusters import area, bounds, common, middle_inside
from ingest.normalise import normalise
from ingest.types import (
    Box,
    Figure,
    FigureKind,
    Graphic,
    GraphicKind,
    Line,
    Page,
    PageBox,
    Role,
)

MOST_FIGURES = 2_000  # of a document

_NEAR_CAPTION = 70.0  # points between a graphic and its caption
_BESIDE = 34.0  # points between the panels of one figure
_PAD = 3.0  # points around what is cut out
_LEAST_SHARE = 0.008  # of the page, without a caption
_LEAST_SIDE = 30.0  # points, without a caption
_MOST_AROUND = 360  # characters of the text beside a figure
_REFERENCES = 3
_AROUND_GAP = 80.0  # points

_SIGNED = re.compile(r"\b(?:signature|signed|unterschrift|unterzeichnet|firma|signé)\b|/s/", re.I)
_STAMPED = re.compile(
    r"\b(?:received|approved|paid|copy|certified|filed|void|cancelled|draft|notary|seal|"
    r"eingegangen|bezahlt|kopie|beglaubigt|genehmigt|stempel)\b",
    re.I,
)
_CHART_WORDS = re.compile(r"\b(?:chart|graph|plot|diagram|histogram|curve|trend)s?\b", re.I)
_PROSE = 45  # characters
_LABEL_BELOW, _LABEL_BESIDE = 14.0, 22.0  # points between a drawing and the labels of its axes
_LABEL_LENGTH = 60  # characters of a row of them


@dataclass(slots=True)
class _Draft:
    """A figure of a page before the whole document is looked at."""

    box: Box
    kinds: set[GraphicKind]
    caption: Caption | None = None


def find_figures(pages: Sequence[Page]) -> list[Figure]:
    """The figures of a document, by page and from top to bottom.

    Lines inside are those of the pages; what only OCR of the crop can read is not there yet
    (see `ingest.figure_reading`).
    """
    figures = [figure for page in pages for figure in _of_page(page)][:MOST_FIGURES]
    return _with_references(figures, pages)


def _of_page(page: Page) -> list[Figure]:
    captions = captions_of(page.lines)
    drafts = _panels(page.graphics, page.lines)
    drafts = [trimmed for draft in drafts for trimmed in _trimmed(draft, captions, page.lines)]
    _give_captions(drafts, captions, page.lines)
    drafts = _with_orphans(drafts, page.lines)
    kept = [draft for draft in drafts if _is_figure(draft, page)]
    kept.sort(key=lambda draft: (draft.box.y0, draft.box.x0))
    return [_figure(draft, page) for draft in kept]


def _panels(graphics: Sequence[Graphic], lines: Sequence[Line]) -> list[_Draft]:
    """Graphics side by side at the same height are panels of one figure."""
    drafts = [_Draft(g.box, {g.kind}) for g in sorted(graphics, key=lambda g: (g.box.x0, g.box.y0))]
    merged: list[_Draft] = []
    for draft in drafts:
        for other in merged:
            if _are_panels(other, draft) and not _prose_between(other.box, draft.box, lines):
                other.box = bounds([other.box, draft.box])
                other.kinds |= draft.kinds
                break
        else:
            merged.append(draft)
    return merged


def _are_panels(left: _Draft, right: _Draft) -> bool:
    if (GraphicKind.FRAME in left.kinds) != (GraphicKind.FRAME in right.kinds):
        return False
    a, b = left.box, right.box
    level = min(a.y1, b.y1) - max(a.y0, b.y0)
    return level > 0.8 * max(a.y1 - a.y0, b.y1 - b.y0) and -5 < b.x0 - a.x1 < _BESIDE


def _prose_between(left: Box, right: Box, lines: Sequence[Line]) -> bool:
    gap = Box(left.x1 - 2, max(left.y0, right.y0), right.x0 + 2, min(left.y1, right.y1))
    return any(len(line.text) > _PROSE and middle_inside(line.box, gap) for line in lines)


def _trimmed(draft: _Draft, captions: Sequence[Caption], lines: Sequence[Line]) -> Iterable[_Draft]:
    """A box that reaches over its caption is cut there: clipped drawings seem larger than they
    are. Of two parts the one with less prose stays, both where several captions stand in it."""
    inside = sorted(
        (c for c in captions if c.is_figure and middle_inside(c.box, draft.box)),
        key=lambda c: c.box.y0,
    )
    wide = [c for c in inside if c.box.y0 > draft.box.y0 + 30 or c.box.y1 < draft.box.y1 - 30]
    if not wide:
        return [draft]
    edges = [draft.box.y0]
    for caption in wide:
        edges += [caption.box.y0, caption.box.y1]
    edges.append(draft.box.y1)
    parts = [
        Box(draft.box.x0, top, draft.box.x1, bottom)
        for top, bottom in zip(edges[::2], edges[1::2], strict=True)
        if bottom - top > _LEAST_SIDE
    ]
    parts = [_narrowed(part, wide) for part in parts]
    kept = [part for part in parts if _prose_share(part, lines) < 0.2]
    return [_Draft(part, set(draft.kinds)) for part in kept]


def _narrowed(part: Box, captions: Sequence[Caption]) -> Box:
    """As broad as the captions of one column where the box reaches into the next one."""
    near = [c for c in captions if abs(c.box.y0 - part.y1) < 2 or abs(c.box.y1 - part.y0) < 2]
    if len(near) != 1:
        return part
    caption = near[0].box
    if caption.x1 - caption.x0 < 0.25 * (part.x1 - part.x0):
        return part
    return Box(
        max(part.x0, min(caption.x0 - 12, part.x0 + 60)), part.y0,
        min(part.x1, max(caption.x1 + 12, part.x1 - 60)), part.y1,
    )  # fmt: skip


def _prose_share(box: Box, lines: Sequence[Line]) -> float:
    prose = sum(
        area(line.box)
        for line in lines
        if len(line.text) > _PROSE
        and line.role in (Role.BODY, Role.LIST)
        and middle_inside(line.box, box)
    )
    return prose / max(area(box), 1.0)


def _give_captions(
    drafts: Sequence[_Draft], captions: Sequence[Caption], lines: Sequence[Line]
) -> None:
    """Each caption goes to the nearest graphic above, below or beside it."""
    pairs = []
    for caption in captions:
        for draft in drafts:
            if not caption.is_figure and GraphicKind.FRAME in draft.kinds:
                continue  # a table that is text
            distance = _distance(draft.box, caption.box)
            if distance > _NEAR_CAPTION or _separated(draft.box, caption, lines):
                continue
            weak = 15.0 if GraphicKind.FRAME in draft.kinds else 0.0
            # Captions of figures stand below them more often than above.
            above = 6.0 if caption.is_figure and caption.box.y1 <= draft.box.y0 + 4 else 0.0
            pairs.append((distance + weak + above, id(caption), caption, draft))
    given: set[int] = set()
    for _, number, caption, draft in sorted(pairs, key=lambda pair: pair[:2]):
        if number not in given and draft.caption is None:
            draft.caption = caption
            given.add(number)


def _distance(box: Box, caption: Box) -> float:
    """Points between them; far apart where they share neither columns nor rows."""
    across = max(box.x0 - caption.x1, caption.x0 - box.x1)
    down = max(box.y0 - caption.y1, caption.y0 - box.y1)
    if across < -0.3 * min(box.x1 - box.x0, caption.x1 - caption.x0):
        return max(down, 0.0)
    if down < 0 and across < 30:
        return max(across, 0.0) + 10
    return 1e9


def _separated(box: Box, caption: Caption, lines: Sequence[Line]) -> bool:
    """Whether prose stands between a graphic and a caption."""
    top, bottom = sorted((box, caption.box), key=lambda b: b.y0)
    gap = Box(max(box.x0, caption.box.x0), top.y1, min(box.x1, caption.box.x1), bottom.y0)
    between = [
        line
        for line in lines
        if line not in caption.lines
        and len(line.text) > _PROSE
        and line.role in (Role.BODY, Role.LIST)
        and middle_inside(line.box, gap)
    ]
    return len(between) > 1


def _with_orphans(drafts: Sequence[_Draft], lines: Sequence[Line]) -> list[_Draft]:
    """Graphics without a caption that stand right beside one that has: parts of the same."""
    owners = [draft for draft in drafts if draft.caption is not None]
    kept = list(owners)
    for draft in drafts:
        if draft.caption is not None:
            continue
        owner = next((o for o in owners if _belongs(draft, o, lines)), None)
        if owner is None:
            kept.append(draft)
        else:
            owner.box = bounds([owner.box, draft.box])
            owner.kinds |= draft.kinds
    return kept


def _belongs(draft: _Draft, owner: _Draft, lines: Sequence[Line]) -> bool:
    if common(draft.box, owner.box) > 0.6 * area(draft.box):
        return True
    if GraphicKind.FRAME in draft.kinds or owner.caption is None:
        return False
    caption = owner.caption.box
    # On the owner's side of the caption, stacked or side by side.
    above = owner.box.y1 <= caption.y0 + 4
    if (above and draft.box.y1 > caption.y0 + 4) or (not above and draft.box.y0 < caption.y1 - 4):
        return False
    apart = max(
        draft.box.y0 - owner.box.y1, owner.box.y0 - draft.box.y1,
        draft.box.x0 - owner.box.x1, owner.box.x0 - draft.box.x1,
    )  # fmt: skip
    joined = bounds([draft.box, owner.box])
    return apart < _BESIDE and _prose_share(joined, lines) < 0.08


def _is_figure(draft: _Draft, page: Page) -> bool:
    if draft.caption is not None:
        return True
    if draft.kinds == {GraphicKind.FRAME}:
        return False
    wide, high = draft.box.x1 - draft.box.x0, draft.box.y1 - draft.box.y0
    if GraphicKind.INK in draft.kinds:
        return _prose_share(draft.box, page.lines) < 0.2
    if min(wide, high) < _LEAST_SIDE or area(draft.box) < _LEAST_SHARE * page.width * page.height:
        return False
    # A picture behind text is a ground that the text stands on.
    covered = sum(common(line.box, draft.box) for line in page.lines)
    if GraphicKind.DRAWING in draft.kinds:
        return _prose_share(draft.box, page.lines) < 0.25
    return covered < 0.35 * area(draft.box)


def _figure(draft: _Draft, page: Page) -> Figure:
    caption = draft.caption
    own = caption.lines if caption else ()
    if GraphicKind.DRAWING in draft.kinds:
        draft.box = _with_labels(draft.box, page.lines, own)
    inside = tuple(
        line
        for line in page.lines
        if line not in own and line.role is not Role.FURNITURE and _lies_in(line.box, draft.box)
    )
    title = title_above(draft.box, page.lines, exclude=(*own, *inside))
    boxes = [draft.box, *(line.box for line in inside), *(line.box for line in title)]
    if caption is not None and _distance(draft.box, caption.box) < _NEAR_CAPTION:
        boxes.append(caption.box)
    words = [normalise(" ".join(line.text for line in part)) for part in (title, own) if part]
    box = bounds(boxes)
    return Figure(
        page=page.number,
        box=_padded(box, page),
        kind=_kind(draft, page, inside, " ".join(words)),
        label=caption.label if caption else "",
        caption="\n".join(words),
        inside=inside,
        around=_around(box, page.lines, exclude=(*own, *inside, *title)),
    )


def _padded(box: Box, page: Page) -> Box:
    """A little larger, within the page; to hundredths, as it is stored."""
    return Box(
        round(max(box.x0 - _PAD, 0.0), 2),
        round(max(box.y0 - _PAD, 0.0), 2),
        round(min(box.x1 + _PAD, page.width), 2),
        round(min(box.y1 + _PAD, page.height), 2),
    )


def _with_labels(box: Box, lines: Sequence[Line], own: Sequence[Line]) -> Box:
    """A drawing with the labels of its axes, which stand right outside of its lines."""
    grown = box
    for line in lines:
        if line in own or line.role in (Role.FURNITURE, Role.HEADING, Role.CAPTION):
            continue
        across = max(box.x0 - line.box.x1, line.box.x0 - box.x1)
        down = max(box.y0 - line.box.y1, line.box.y0 - box.y1)
        level = across < 0 and down < _LABEL_BELOW and len(line.text) <= _LABEL_LENGTH
        beside = down < 0 and across < _LABEL_BESIDE and len(line.text) <= _LABEL_LENGTH // 2
        within = line.box.x0 > box.x0 - 40 and line.box.x1 < box.x1 + 40
        if (level or beside) and within:
            grown = bounds([grown, line.box])
    return grown


def _lies_in(inner: Box, outer: Box) -> bool:
    return common(inner, outer) > 0.6 * area(inner) or (
        middle_inside(inner, outer) and area(inner) == 0
    )


def _kind(draft: _Draft, page: Page, inside: Sequence[Line], words: str) -> FigureKind:
    """What it is: by its caption, by the words in and beside it, by how it is drawn."""
    wide, high = draft.box.x1 - draft.box.x0, draft.box.y1 - draft.box.y0
    if draft.caption is not None and not draft.caption.is_figure:
        return FigureKind.TABLE
    drawn = GraphicKind.DRAWING in draft.kinds
    if not drawn and draft.caption is None:
        near = Box(draft.box.x0 - 60, draft.box.y0 - 30, draft.box.x1 + 20, draft.box.y1 + 30)
        beside = " ".join(line.text for line in page.lines if common(line.box, near) > 0)
        if high <= 100 and wide <= 320 and wide > high and _SIGNED.search(beside):
            return FigureKind.SIGNATURE
        stamped = " ".join(line.text for line in inside)
        if max(wide, high) <= 260 and len(stamped) <= 80 and _STAMPED.search(stamped):
            return FigureKind.STAMP
    if drawn or _CHART_WORDS.search(words):
        return FigureKind.CHART
    return FigureKind.PICTURE


def _around(box: Box, lines: Sequence[Line], exclude: Sequence[Line]) -> str:
    """The lines nearest to a box in its columns, in reading order, up to a few hundred letters."""
    near = []
    for place, line in enumerate(lines):
        if line in exclude or line.role is Role.FURNITURE:
            continue
        across = max(box.x0 - line.box.x1, line.box.x0 - box.x1)
        down = max(box.y0 - line.box.y1, line.box.y0 - box.y1, 0.0)
        if across < 0 and down < _AROUND_GAP:
            near.append((down, place, line))
        elif down == 0.0 and across < 40:
            near.append((across + 40, place, line))
    taken: list[tuple[int, str]] = []
    total = 0
    for _, place, line in sorted(near, key=lambda item: item[:2]):
        total += len(line.text)
        if total > _MOST_AROUND and taken:
            break
        taken.append((place, line.text))
    return normalise(" ".join(text for _, text in sorted(taken)))


def _with_references(figures: Sequence[Figure], pages: Sequence[Page]) -> list[Figure]:
    """Figures with the lines that name them, the nearest figure of that name on each page."""
    named: dict[str, list[int]] = defaultdict(list)
    for index, figure in enumerate(figures):
        if figure.label:
            named[figure.label].append(index)
    if not named:
        return list(figures)
    found: dict[int, list[tuple[str, PageBox]]] = defaultdict(list)
    captions = {line for figure in figures for line in figure.caption.split("\n")}
    for page in pages:
        for label, text, box in mentions(page.lines):
            if label not in named or any(text in caption for caption in captions):
                continue
            nearest = min(named[label], key=lambda i: abs(figures[i].page - page.number))
            if len(found[nearest]) < _REFERENCES:
                found[nearest].append((text, PageBox(page.number, box)))
    return [
        replace(
            figure,
            references=tuple(text for text, _ in found[index]),
            reference_places=tuple(place for _, place in found[index]),
        )
        for index, figure in enumerate(figures)
    ]
