"""What stands together on a page: touching cells of a grid, joined into components.

Knows boxes and masks; knows nothing of what they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.types import Box

Mask = NDArray[np.bool_]

_CELL = 3.0  # points
_MOST_CELLS = 500  # a side


def clusters(boxes: Sequence[Box], width: float, height: float, gap: float) -> list[list[int]]:
    """Groups of the boxes, by index, that are closer to one another than ``gap`` points.

    ``width`` and ``height`` are the page's. Exact to a cell of 3 points, more on large pages.
    The time goes with the number of boxes and of cells, whatever lies where.
    """
    if not boxes:
        return []
    cell = max(_CELL, max(width, height, 1.0) / _MOST_CELLS)
    columns, rows = int(width / cell) + 2, int(height / cell) + 2
    sides = np.asarray(boxes, np.float64)
    low = np.floor((sides[:, :2] - gap / 2) / cell).astype(np.int64)
    high = np.floor((sides[:, 2:] + gap / 2) / cell).astype(np.int64)
    limit = np.array([columns - 1, rows - 1])
    low, high = np.clip(low, 0, limit), np.clip(high, 0, limit)
    # The borders of all rectangles at once: sums of their corners give what each cell lies under.
    corners = np.zeros((rows + 1, columns + 1), np.int64)
    np.add.at(corners, (low[:, 1], low[:, 0]), 1)
    np.add.at(corners, (high[:, 1] + 1, high[:, 0] + 1), 1)
    np.add.at(corners, (low[:, 1], high[:, 0] + 1), -1)
    np.add.at(corners, (high[:, 1] + 1, low[:, 0]), -1)
    mask = corners.cumsum(axis=0).cumsum(axis=1)[:rows, :columns] > 0
    labels = components(mask)
    groups: dict[int, list[int]] = {}
    for index, label in enumerate(labels[low[:, 1], low[:, 0]].tolist()):
        groups.setdefault(label, []).append(index)
    return list(groups.values())


def components(mask: Mask) -> NDArray[np.int32]:
    """The cells of a mask (h, w) by the component they belong to, from 1; 0 where it is false.

    Cells touch at their sides only. Runs of each row are joined with those above them.
    """
    labels = np.zeros(mask.shape, np.int32)
    parent = [0]

    def root(label: int) -> int:
        while parent[label] != label:
            parent[label] = parent[parent[label]]
            label = parent[label]
        return label

    above: list[tuple[int, int, int]] = []
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    for y in range(mask.shape[0]):
        starts, ends = np.flatnonzero(edges[y] == 1), np.flatnonzero(edges[y] == -1)
        here: list[tuple[int, int, int]] = []
        at = 0
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            label = 0
            while at < len(above) and above[at][1] <= start:
                at += 1
            reach = at
            while reach < len(above) and above[reach][0] < end:
                other = root(above[reach][2])
                if label and other != label:
                    parent[max(label, other)] = min(label, other)
                label = min(label, other) if label else other
                reach += 1
            if not label:
                label = len(parent)
                parent.append(label)
            here.append((start, end, label))
            labels[y, start:end] = label
        above = here
    roots = np.array([root(label) for label in range(len(parent))], np.int32)
    found: NDArray[np.int32] = roots[labels]
    return found


def bounds(boxes: Sequence[Box]) -> Box:
    """The smallest box around some boxes."""
    return Box(
        min(b.x0 for b in boxes),
        min(b.y0 for b in boxes),
        max(b.x1 for b in boxes),
        max(b.y1 for b in boxes),
    )


def area(box: Box) -> float:
    """In square points; 0 for what is no rectangle."""
    return max(box.x1 - box.x0, 0.0) * max(box.y1 - box.y0, 0.0)


def common(a: Box, b: Box) -> float:
    """The area that two boxes share."""
    return area(Box(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1)))


def middle_inside(inner: Box, outer: Box) -> bool:
    """Whether the middle of one box lies in the other."""
    x, y = (inner.x0 + inner.x1) / 2, (inner.y0 + inner.y1) / 2
    return outer.x0 <= x <= outer.x1 and outer.y0 <= y <= outer.y1
