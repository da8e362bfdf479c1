"""The OCR pool: pages through workers, and what happens when a worker dies or hangs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ingest.errors import DamagedFile, LimitExceeded
from ingest.guest.limits import Limits
from ingest.ocr.pool import OcrPool
from ingest.types import PageImage


@pytest.fixture
def pool() -> Iterator[OcrPool]:
    with OcrPool(workers=1) as pool:
        yield pool


def image(number: int, text: str) -> PageImage:
    picture = Image.new("RGB", (600, 200), "white")
    font = ImageFont.load_default(40)
    ImageDraw.Draw(picture).text((40, 60), text, fill="black", font=font)
    return PageImage(number, 300.0, 100.0, np.asarray(picture), "no text layer")


def test_pages_come_back(pool: OcrPool) -> None:
    futures = [pool.submit(image(n, f"Page number {n}")) for n in (1, 2)]
    pages = [future.result(timeout=60) for future in futures]
    assert [page.number for page in pages] == [1, 2]
    assert [page.lines[0].text for page in pages] == ["Page number 1", "Page number 2"]


def test_a_broken_worker_fails_its_page_and_is_replaced(pool: OcrPool) -> None:
    broken = PageImage(7, 300.0, 100.0, np.zeros((4, 4, 1), np.uint8), "no text layer")
    with pytest.raises(DamagedFile, match="Page 7"):
        pool.submit(broken).result(timeout=60)
    assert pool.submit(image(8, "Still here")).result(timeout=60).lines[0].text == "Still here"


def test_a_slow_page_is_given_up() -> None:
    with OcrPool(workers=1, limits=Limits(ocr_seconds=0.01)) as pool:
        future = pool.submit(image(1, "Too slow"))
        with pytest.raises(LimitExceeded, match="too long"):
            future.result(timeout=60)


def test_nothing_starts_before_the_first_page() -> None:
    pool = OcrPool(workers=2)
    pool.close()
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(image(1, "Late"))
