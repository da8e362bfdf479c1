"""What the window takes from the pipe, and what it refuses."""

from __future__ import annotations

import pickle

import pytest

from app.core.answers import Citation, CitationStatus
from app.core.events import CitationChecked
from app.ui import wire
from app.ui.messages import Failure


class AsPython3112:
    """Pickles as an enumeration's member does on Debian 12: a call of ``getattr``."""

    def __init__(self, kind: object, name: str) -> None:
        self._call = getattr, (kind, name)

    def __reduce__(self) -> object:
        return self._call


def test_citations_arrive() -> None:
    status = CitationStatus.VERIFIED
    event = CitationChecked(Citation(1, 1, "a.pdf", 2, "Quoted.", status, ()))
    assert wire.loads(pickle.dumps(event)) == event


def test_members_of_enumerations_arrive_from_any_python() -> None:
    data = pickle.dumps(AsPython3112(CitationStatus, "REPAIRED"))
    assert wire.loads(data) is CitationStatus.REPAIRED


@pytest.mark.parametrize("kind", [Citation, Failure])
def test_no_other_attribute_is_looked_up(kind: object) -> None:
    with pytest.raises(pickle.UnpicklingError):
        wire.loads(pickle.dumps(AsPython3112(kind, "__init__")))


def test_other_modules_are_refused() -> None:
    with pytest.raises(pickle.UnpicklingError):
        wire.loads(pickle.dumps(pytest.raises))
