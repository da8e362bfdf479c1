"""What PyMuPDF raises on broken files, in one place."""

from __future__ import annotations

import pymupdf

PDF_ERRORS: tuple[type[Exception], ...] = (
    pymupdf.mupdf.FzErrorBase,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
)
DRAWING_ERRORS: tuple[type[Exception], ...] = (*PDF_ERRORS, MemoryError)
