"""Says whether what the program needs is here: for the person who installed it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from app.core import fips, offline, policy, policy_place, process_guard, vault
from app.core.locations import check_is_library, check_library_folder
from ingest.errors import IngestError
from ingest.guest.guest import GuestError


def examine(library: Path) -> list[dict[str, Any]]:
    """Each check's ``name``, whether it is ``ok``, and a ``detail`` that explains it."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("program", _program),
        ("offline guard", _guard),
        ("process", _process),
        ("policy", _policy),
        ("embedding model", _embedding),
        ("OCR", _ocr),
        ("reader", _reader),
        ("reader's limits", _sandbox),
        ("library", lambda: _library(library)),
        ("answering", _answering),
    ]
    findings = []
    for name, check in checks:
        try:
            findings.append({"name": name, "ok": True, "detail": check()})
        except (IngestError, GuestError, offline.OfflineError, ImportError, OSError) as error:
            findings.append({"name": name, "ok": False, "detail": str(error)})
    return findings


def _program() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Muniment {metadata.version('muniment')}, Python {python}, {platform.platform()}"


def _guard() -> str:
    state = offline.enforce()
    if state.kernel_filter and not offline.self_test():
        raise offline.OfflineError("The kernel let a network socket be opened.")
    if state.kernel_filter:
        return "the kernel refuses network sockets to this program and its children (tried)"
    return f"Python refuses network sockets; {state.reason}"


def _process() -> str:
    state = process_guard.enforce()
    if state.no_core_dumps and not process_guard.self_test():
        raise offline.OfflineError("The system would still dump or trace this process.")
    held = "no core dumps" if state.no_core_dumps else ""
    if state.not_dumpable:
        held += ", not readable by the user's other programs (tried)"
    parts = [held, f"temporary files in {state.temporary}", state.reason]
    return "; ".join(part for part in parts if part)


def _policy() -> str:
    changed = policy.changed_settings(policy.current())
    vault.policy_escrow()  # nothing opens without the key that it names
    if not changed:
        return "none is set on this computer"
    return f"{policy_place.place()} sets {', '.join(changed)}; see `muniment policy explain`"


def _embedding() -> str:
    from ingest.embedder import open_embedder

    embedder = open_embedder()
    vector = embedder.embed_query("a test")
    return f"{embedder.model}, {len(vector)} numbers, {embedder.backend}"


def _ocr() -> str:
    import numpy as np

    from ingest.ocr.pool import OcrPool
    from ingest.types import PageImage

    with OcrPool() as pool:
        white = np.full((64, 64, 3), 255, np.uint8)
        pool.submit(PageImage(1, 64.0, 64.0, white, "a test", None)).result(60)
    return "RapidOCR's bundled models load"


def _reader() -> str:
    from ingest.reading import page_sizes

    sizes = page_sizes(_ONE_PAGE)
    return f"a guest process read a test page of {sizes[0][0]:.0f} by {sizes[0][1]:.0f} points"


def _sandbox() -> str:
    from ingest.guest.sandbox import sandbox_report

    report = sandbox_report()
    if report.tried and not report.holds:
        raise offline.OfflineError(report.sentence())
    return report.sentence()


def _library(library: Path) -> str:
    check_library_folder(library)
    check_is_library(library)
    if not vault.has_keys(library):
        return f"none at {library} yet"
    info = vault.describe(library)
    kinds = ", ".join(protector.kind for protector in info.protectors)
    claim = fips.statement(info.fips, fips.state())
    return f"{library}, protected by {kinds}; {claim}"


def _answering() -> str:
    return "no model is installed: answers are made of the documents' own sentences"


_ONE_PAGE = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
