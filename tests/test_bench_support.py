"""The fit that the probability of an answer comes from, and its picture."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from app.core.support import Calibration, Features
from tests.bench.support import Example, curve, fit, fitted, report

DOCS = Path(__file__).resolve().parents[1] / "docs"


def made(count: int = 600) -> list[Example]:
    """Questions about thirty documents whose answers follow a known logistic function."""
    rng = np.random.default_rng(3)
    truth = Calibration(-4.0, 8.0, -3.0, -1.0, 0.0, 0.0)
    found = []
    for n in range(count):
        features = Features(
            float(rng.uniform(0, 1)), float(rng.integers(2)), float(rng.integers(2)), 0.0, 0.0
        )
        answerable = bool(rng.uniform() < truth.probability(features))
        found.append(Example(("reports", "contracts")[n % 2], f"{n % 30}", answerable, features))
    return [*found, Example("reports", "0", False, None)]


def test_newtons_method_finds_the_coefficients() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4000, 2))
    likely = 1 / (1 + np.exp(-(0.5 + rows @ np.array([2.0, -1.0]))))
    answers = (rng.uniform(size=4000) < likely).astype(float)
    assert fit(rows, answers, np.ones(4000)) == pytest.approx([0.5, 2.0, -1.0], abs=0.15)


def test_every_document_is_judged_by_the_others() -> None:
    found = made()
    coefficients, judged = fitted(found)
    assert coefficients["strength"] == pytest.approx(8.0, abs=1.5)
    assert coefficients["years"] == pytest.approx(-3.0, abs=0.8)
    assert judged[-1] == 0.0  # nothing to quote
    rows = curve(found, judged)
    assert rows[0]["answerable"]["reports"] == 0.0
    assert rows[0]["unanswerable"]["reports"] == 0.0
    middle = rows[50]
    refused = middle["unanswerable"]["reports and contracts"]
    assert refused > 60 > 30 > middle["answerable"]["reports and contracts"]
    assert rows[100]["answerable"]["reports"] == 100.0


def test_the_program_has_the_coefficients_that_were_fitted() -> None:
    kept = json.loads((DOCS / "support-figures.json").read_text())["coefficients"]
    for name, value in kept.items():
        assert getattr(Calibration(), name) == pytest.approx(value, abs=0.05)


def test_the_picture_shows_what_is_kept() -> None:
    drawing = runpy.run_path(str(DOCS / "plot_support.py"))
    kept = json.loads((DOCS / "support-figures.json").read_text())
    assert drawing["plot"](kept) == (DOCS / "images" / "refusals.svg").read_text("utf-8")
    ElementTree.fromstring(drawing["plot"](kept))
    assert set(report(made())) == set(kept)
