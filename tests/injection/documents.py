"""All attacks, to be run through any part of the program: ``for attack in ATTACKS``.

`Attack` says what each tries and what must not come of it.
"""

from __future__ import annotations

from tests.injection.attack import FACT, LIE, ORDER, PROBE, QUESTION, Attack
from tests.injection.pdf_attacks import PDF_ATTACKS
from tests.injection.text_attacks import TEXT_ATTACKS

ATTACKS = (*PDF_ATTACKS, *TEXT_ATTACKS)

__all__ = ["ATTACKS", "FACT", "LIE", "ORDER", "PROBE", "QUESTION", "Attack"]
