"""Reading and writing: drafts, prefixes, limits, closing. Over tiny random models."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from tiny import VARIANTS
from tiny_session import TinyModel, random_ids

from engine.errors import PromptTooLong
from engine.lookup import PromptLookup
from engine.options import Event, Finished, Options, PromptRead, Written
from engine.session import Session
from engine.tensors import Widths


class Tiny(TinyModel):
    """A tiny model whose sessions start fresh."""

    def session(self, context: int = 256, chunk: int = 16) -> Session:
        return Session(self.decoder, self.cache(context, chunk), None)


@pytest.fixture(scope="module", params=VARIANTS)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp(request.param), request.param, Widths(4, 8))


def written(events: list[Event]) -> list[int]:
    return [t for event in events if isinstance(event, Written) for t in event.tokens]


def write(session: Session, ids: list[int], **options: object) -> list[int]:
    return written(list(session.generate(ids, Options(**options))))  # type: ignore[arg-type]


def test_events_tell_the_story(tiny: Tiny) -> None:
    events = list(tiny.session().generate(random_ids(40), Options(max_tokens=5)))
    read = [event for event in events if isinstance(event, PromptRead)]
    assert [event.tokens for event in read] == [16, 32, 40]
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.reason, last.prompt_tokens, last.written_tokens) == ("length", 40, 5)
    assert len(written(events)) == 5


def test_greedy_is_the_argmax_after_each_token(tiny: Tiny) -> None:
    ids = random_ids(21)
    out = write(tiny.session(), ids, max_tokens=12)
    logits = tiny.session().logits(ids + out)
    assert [int(row.argmax()) for row in logits[len(ids) - 1 : -1]] == out


@pytest.mark.parametrize("settings", [{}, {"temperature": 1.0, "seed": 5, "top_k": 40}])
def test_drafts_change_nothing(tiny: Tiny, settings: dict[str, object]) -> None:
    # A prompt that repeats itself, and an answer that soon does too.
    ids = (random_ids(9) * 4)[:30]
    plain = write(tiny.session(), ids, max_tokens=120, lookup=False, **settings)
    session = tiny.session()
    events = list(session.generate(ids, Options(max_tokens=120, **settings)))  # type: ignore[arg-type]
    assert written(events) == plain


def test_drafts_that_stand_save_passes(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = random_ids(30)
    answer = write(tiny.session(), ids, max_tokens=60, lookup=False)
    # The whole answer is known beforehand: every draft is right.
    session = tiny.session()
    passes = 0
    forward = tiny.decoder.forward

    def counted(*args: object, **kwargs: object) -> torch.Tensor:
        nonlocal passes
        passes += 1
        return forward(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(tiny.decoder, "forward", counted)
    monkeypatch.setattr(
        PromptLookup,
        "draft",
        lambda self, most: answer[len(self._ids) - 30 :][: min(most, 8)],
    )
    events = list(session.generate(ids, Options(max_tokens=60)))
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert written(events) == answer
    assert finished.accepted == finished.drafted > 50
    assert passes < 15


def test_a_known_prefix_is_not_read_again(tiny: Tiny) -> None:
    session, ids = tiny.session(), random_ids(60)
    write(session, ids, max_tokens=4)
    for tail in ([], [1, 2, 3], random_ids(20, seed=9)):
        events = list(session.generate(ids + tail, Options(max_tokens=6)))
        read = next(event for event in events if isinstance(event, PromptRead))
        assert read.reused >= 59
        assert written(events) == write(tiny.session(), ids + tail, max_tokens=6)


def test_a_prefix_the_window_has_left_is_read_again(tiny: Tiny) -> None:
    """After reading far on, the sliding layers no longer hold the end of a short prefix."""
    session, ids = tiny.session(context=1200), random_ids(1000)
    write(session, ids, max_tokens=2)
    short = [*ids[:50], 7, 8]
    events = list(session.generate(short, Options(max_tokens=6)))
    assert written(events) == write(tiny.session(), short, max_tokens=6)


def test_the_same_prompt_again_reads_one_token(tiny: Tiny) -> None:
    session, ids = tiny.session(), random_ids(40)
    first = write(session, ids, max_tokens=8)
    events = list(session.generate(ids, Options(max_tokens=8)))
    assert written(events) == first
    assert next(e for e in events if isinstance(e, PromptRead)).reused == 39


def test_closing_stops_and_the_session_stays_usable(tiny: Tiny) -> None:
    session, ids = tiny.session(), random_ids(30)
    events = session.generate(ids, Options(max_tokens=100))
    for event in events:
        if isinstance(event, Written):
            break
    events.close()
    assert write(session, ids, max_tokens=9) == write(tiny.session(), ids, max_tokens=9)


def test_a_prompt_too_long_names_both_numbers(tiny: Tiny) -> None:
    with pytest.raises(PromptTooLong, match=r"257 tokens.*256"):
        next(tiny.session().generate(random_ids(257)))


def test_writing_ends_where_the_context_does(tiny: Tiny) -> None:
    events = list(tiny.session(context=32).generate(random_ids(30), Options(max_tokens=50)))
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.written_tokens) == ("length", 3)


def test_an_empty_prompt_is_refused(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="at least one token"):
        next(tiny.session().generate([]))


def test_lookup_finds_what_followed_before() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6, 1, 2, 3])
    assert lookup.draft(3) == [4, 5, 6]
    lookup.accept(9)
    assert lookup.draft(3) == []


def test_lookup_pauses_when_it_does_not_pay() -> None:
    lookup = PromptLookup([1, 2, 3] * 20)
    for _ in range(20):
        draft = lookup.draft(8)
        if not draft:
            break
        lookup.judge(len(draft), 0)
    else:
        pytest.fail("drafting went on without gain")
    pauses = [bool(lookup.draft(8)) for _ in range(100)]
    assert any(pauses), "it is tried again later"


def test_seeds_repeat(tiny: Tiny) -> None:
    options = {"temperature": 1.0, "top_p": 0.95, "max_tokens": 20}
    texts = [write(tiny.session(), random_ids(10), seed=s, **options) for s in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert all(len(t) == 20 for t in texts)
    assert not all(a == b for a, b in pairwise(texts))
