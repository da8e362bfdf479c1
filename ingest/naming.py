"""What a collection may be called."""

from __future__ import annotations

from ingest.errors import StoreError


def name_problem(name: str) -> str:
    """Why a new collection may not be called so; empty when it may."""
    if not name.strip():
        return "The collection's name is empty."
    if any(separator in name for separator in "/\\"):
        return "A collection's name may not hold a slash: it is a name, not a folder."
    return ""


def check_name(name: str) -> None:
    """Raises `StoreError` when a new collection may not be called so."""
    if problem := name_problem(name):
        raise StoreError(f"collection {name!r}", problem, "Choose another name.")
