"""Pictures on a scan: where there is ink, dense and large, that no line of text covers.

A scan is one image, so its figures, stamps and signatures show only in its pixels. Knows pixels
and the boxes of lines; knows nothing of files or of OCR.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.clusters import area, common, components
from ingest.types import Box, Graphic, GraphicKind, Line

Pixels = NDArray[np.uint8]

_CELL = 4.0  # points
_FINE = 4  # pixels of a cell's side that are looked at
_DARKER = 45  # grey levels below its surroundings: ink
_INKED = 0.10  # of a cell
_PAPER = 8  # cells; the ground is the brightest within a square of them
_BRIDGE = 3  # cells without ink that a drawing's parts may stand apart
_EDGE = 3  # cells at the page's edge: shadows and punch holes
_SLACK = 1.5  # points around a line
_LEAST_WIDE, _LEAST_HIGH = 44.0, 18.0  # points: a signature
_LEAST_CELLS = 14
_STRIP = 14  # times as long as broad: the edge of the paper
_WORDS = 0.3  # of a region: with more lines of text in it, it may be a table or a text box
_DRAWN = 0.2  # of a region's cells: with fewer beside the rules, it is a form's or a table's frame
_RULE = 36  # pixels of a straight stroke: as many points
_MOST = 20


def ink_regions(
    pixels: Pixels, width: float, height: float, lines: Sequence[Line]
) -> tuple[Graphic, ...]:
    """The regions of ink on a page that are no text, the largest first.

    Args:
        pixels: the page, (h, w) grey or (h, w, 3) RGB, at any resolution from 50 dots an inch.
        width: of the page, in points; ``height`` likewise.
        lines: the text that was read on it.
    """
    columns, rows = max(int(width / _CELL), 1), max(int(height / _CELL), 1)
    grey = _reduced(pixels, rows * _FINE, columns * _FINE)
    ink = _ground(grey, rows, columns) - grey > _DARKER
    _wipe(ink, width, height, lines)
    free = ink & ~_ruled(ink)
    cells = ink.reshape(rows, _FINE, columns, _FINE).mean(axis=(1, 3)) > _INKED
    freed = free.reshape(rows, _FINE, columns, _FINE).mean(axis=(1, 3)) > _INKED
    cells[:_EDGE], cells[-_EDGE:], cells[:, :_EDGE], cells[:, -_EDGE:] = False, False, False, False
    labels = components(_grown(cells, _BRIDGE))
    labels[~cells] = 0
    found: list[Graphic] = []
    if not cells.any():
        return ()
    ys, xs = np.nonzero(labels)
    order = np.argsort(labels[ys, xs], kind="stable")
    ys, xs = ys[order], xs[order]
    starts = np.flatnonzero(np.diff(labels[ys, xs], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(ys)], strict=True):
        if end - start < _LEAST_CELLS:
            continue
        box = Box(
            float(xs[start:end].min()) * width / columns,
            float(ys[start:end].min()) * height / rows,
            float(xs[start:end].max() + 1) * width / columns,
            float(ys[start:end].max() + 1) * height / rows,
        )
        wide, high = box.x1 - box.x0, box.y1 - box.y0
        if wide < _LEAST_WIDE or high < _LEAST_HIGH or wide > _STRIP * high or high > _STRIP * wide:
            continue
        words = sum(common(line.box, box) for line in lines)
        drawn = int(freed[ys[start:end], xs[start:end]].sum())
        lone = words < _WORDS * area(box) and drawn >= max(_LEAST_CELLS, _DRAWN * (end - start))
        found.append(Graphic(box, GraphicKind.INK if lone else GraphicKind.FRAME))
    found.sort(key=lambda graphic: area(graphic.box), reverse=True)
    return tuple(found[:_MOST])


def _ruled(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The ink that belongs to long straight strokes along the page's sides: a table's rules."""
    ruled = np.zeros_like(ink)
    for axis in (0, 1):
        # Opening with a straight line: what is left of runs shorter than it is nothing.
        shrunk = ink
        step = 1
        length = 1
        while length < _RULE:
            step = min(length, _RULE - length)
            shrunk = shrunk & _moved(shrunk, step, axis)
            length += step
        grown = shrunk
        length = 1
        while length < _RULE:
            step = min(length, _RULE - length)
            grown = grown | _moved(grown, -step, axis)
            length += step
        ruled |= grown
    return ruled


def _moved(mask: NDArray[np.bool_], step: int, axis: int) -> NDArray[np.bool_]:
    """What lies ``step`` further along an axis; nothing beyond the edge."""
    moved = np.zeros_like(mask)
    to: list[slice] = [slice(None)] * 2
    come: list[slice] = [slice(None)] * 2
    to[axis] = slice(None, -step) if step > 0 else slice(-step, None)
    come[axis] = slice(step, None) if step > 0 else slice(None, step)
    moved[tuple(to)] = mask[tuple(come)]
    return moved


def _reduced(pixels: Pixels, rows: int, columns: int) -> NDArray[np.int16]:
    """Grey levels at another size; where it shrinks, the darkest of a few samples counts."""
    high, wide = pixels.shape[:2]
    steps = max(1, min(4, high // rows)), max(1, min(4, wide // columns))
    ys = (np.arange(rows * steps[0]) * high) // (rows * steps[0])
    xs = (np.arange(columns * steps[1]) * wide) // (columns * steps[1])
    part = pixels[ys[:, None], xs]
    grey = part if part.ndim == 2 else part[:, :, 1]
    small = grey.reshape(rows, steps[0], columns, steps[1])
    reduced: NDArray[np.int16] = small.mean(axis=(1, 3)).astype(np.int16)
    return reduced


def _ground(grey: NDArray[np.int16], rows: int, columns: int) -> NDArray[np.int16]:
    """The level of the paper around each pixel: the brightest nearby, so that shadows are none."""
    bright = grey.reshape(rows, _FINE, columns, _FINE).max(axis=(1, 3))
    for axis in (0, 1):
        shifted = [bright]
        for step in (1, 2, 4):
            last = shifted[-1]
            shifted.append(
                np.maximum(last, np.maximum(_shift(last, step, axis), _shift(last, -step, axis)))
            )
        bright = shifted[-1]
    ground: NDArray[np.int16] = np.repeat(np.repeat(bright, _FINE, axis=0), _FINE, axis=1)
    return ground


def _shift(values: NDArray[np.int16], step: int, axis: int) -> NDArray[np.int16]:
    """Values moved along an axis, the edge repeated."""
    count = values.shape[axis]
    places = np.clip(np.arange(count) - step, 0, count - 1)
    moved: NDArray[np.int16] = np.take(values, places, axis=axis)
    return moved


def _wipe(ink: NDArray[np.bool_], width: float, height: float, lines: Sequence[Line]) -> None:
    """Takes the ink of text away."""
    high, wide = ink.shape
    for line in lines:
        x0, y0, x1, y1 = line.box
        ink[
            max(int((y0 - _SLACK) * high / height), 0) : int((y1 + _SLACK) * high / height) + 1,
            max(int((x0 - _SLACK) * wide / width), 0) : int((x1 + _SLACK) * wide / width) + 1,
        ] = False


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The mask, spread by so many cells to every side."""
    grown = mask
    for axis in (0, 1):
        spread = grown.copy()
        for step in range(1, by // 2 + 2):
            head, tail = [slice(None)] * 2, [slice(None)] * 2
            head[axis], tail[axis] = slice(step, None), slice(None, -step)
            spread[tuple(head)] |= grown[tuple(tail)]
            spread[tuple(tail)] |= grown[tuple(head)]
        grown = spread
    return grown
