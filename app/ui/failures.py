"""Errors in the plain form that crosses from the background process to the window."""

from __future__ import annotations

from app.ui.messages import Failure
from ingest.errors import IngestError


def failure_of(error: BaseException, subject: str) -> Failure:
    """The plain form of an error; errors of our own trees bring subject, cause and remedy."""
    # Not at the top: the window starts without the engine, of which it only sees failures.
    from engine.errors import EngineError

    kind = type(error).__name__
    if isinstance(error, IngestError | EngineError):
        return Failure(error.subject, error.cause, error.remedy, kind)
    return Failure(
        subject,
        f"An unexpected error: {kind}: {error}",
        "Try it again. If it stays, report it with this text; nothing that was saved is lost.",
        kind,
    )
