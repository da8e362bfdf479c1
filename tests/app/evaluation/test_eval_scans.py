"""``eval scans`` on a folder made here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from app.evaluation import scans


def test_rates_and_pace(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    rows = []
    for name, source, text, truth in (
        ("a.png", "SROIE receipts", "Total 12.50", "TOTAL 12.50"),
        ("b.png", "simulated scan of x", "Some words here", "Some  words\nhere"),
    ):
        picture = Image.new("1", (700, 200), 1)
        font = ImageFont.load_default(40)
        ImageDraw.Draw(picture).text((40, 60), text, fill=0, font=font)
        picture.save(tmp_path / "images" / name)
        rows.append({"image": name, "source": source, "text": truth, "lang": "en"})
    lines = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "pages.jsonl").write_text(lines, encoding="utf-8")
    result = scans.evaluate(tmp_path)
    assert result["sources"] == {
        "receipts": {"cer_median": 0.0, "cer_worst_tenth": 0.0, "pages": 1},
        "simulated": {"cer_median": 0.0, "cer_worst_tenth": 0.0, "pages": 1},
    }
    assert result["pages_per_minute"] > 0


def test_worst_tenth_is_at_least_one_page() -> None:
    assert scans.worst_tenth([0.1, 0.5]) == 0.5
    assert scans.worst_tenth([0.0] * 18 + [0.4, 0.2]) == pytest.approx(0.3)


def test_groups() -> None:
    assert scans.source_name({"source": "OmniDocBench demo", "lang": "english"}) == "English pages"
    assert scans.source_name({"source": "OmniDocBench demo", "lang": "xx"}) == "Chinese pages"
    assert scans.source_name({"source": "Somebody's scans"}) == "Somebody's scans"
