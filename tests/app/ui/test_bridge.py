"""The bridge against a real process: answers, streams, cancelling, errors, crash and restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import fake_library
import pytest
from pytestqt.qtbot import QtBot

from app.core.events import BatchFinished, DocumentAdded, FileStarted
from app.ui.bridge import Bridge
from app.ui.messages import UNASKED, Failure, Open

WAIT = 20_000


@pytest.fixture
def live(qtbot: QtBot, tmp_path: Path) -> Iterator[Bridge]:
    bridge = Bridge(target=fake_library.main)
    with qtbot.waitSignal(bridge.opened, timeout=WAIT):
        bridge.open_library(Open(tmp_path, "right"))
    yield bridge
    bridge.close()


def test_value_comes_back(live: Bridge, qtbot: QtBot) -> None:
    values: list[object] = []
    live.call("collections", on_value=values.append)
    qtbot.waitUntil(lambda: bool(values), timeout=WAIT)
    assert values[0][0].name == "Patients"  # type: ignore[index]


def test_calls_made_before_the_library_is_open_are_answered(qtbot: QtBot, tmp_path: Path) -> None:
    bridge = Bridge(target=fake_library.main)
    values: list[object] = []
    bridge.call("collections", on_value=values.append)
    bridge.open_library(Open(tmp_path, "right"))
    qtbot.waitUntil(lambda: bool(values), timeout=WAIT)
    bridge.close()
    assert (tmp_path / "closed").exists()


def test_stream_arrives_in_order_and_ends(live: Bridge, qtbot: QtBot) -> None:
    events: list[object] = []
    ended: list[bool] = []
    live.call(
        "add",
        [Path("a.pdf"), Path("b.pdf")],
        "Patients",
        on_event=events.append,
        on_finished=ended.append,
    )
    qtbot.waitUntil(lambda: bool(ended), timeout=WAIT)
    assert isinstance(events[0], FileStarted)
    assert events[-1] == BatchFinished(2, 0, 0, 0, 0)
    assert ended == [False]


def test_cancel_closes_the_generator(live: Bridge, qtbot: QtBot, tmp_path: Path) -> None:
    ended: list[bool] = []
    paths = [Path(f"{n}.pdf") for n in range(500)]
    request = live.call("add", paths, "Patients", on_finished=ended.append)
    with qtbot.waitSignal(live.event_received, timeout=WAIT):
        pass
    live.cancel(request)
    qtbot.waitUntil(lambda: bool(ended), timeout=WAIT)
    assert ended == [True]
    assert (tmp_path / "add-closed").exists()


def test_addition_does_not_hold_up_a_page(live: Bridge, qtbot: QtBot) -> None:
    ended: list[bool] = []
    values: list[object] = []
    request = live.call(
        "add", [Path(f"{n}.pdf") for n in range(500)], "P", on_finished=ended.append
    )
    live.call("render_page", 1, 1, dpi=20.0, on_value=values.append)
    qtbot.waitUntil(lambda: bool(values), timeout=WAIT)
    assert not ended
    live.cancel(request)
    qtbot.waitUntil(lambda: bool(ended), timeout=WAIT)


def test_error_of_our_own_keeps_cause_and_remedy(live: Bridge, qtbot: QtBot) -> None:
    failures: list[Failure] = []
    live.call("search", "fail", "Patients", on_failed=failures.append)
    qtbot.waitUntil(lambda: bool(failures), timeout=WAIT)
    assert failures == [Failure("a.pdf", "It is broken.", "Repair it.", "DamagedFile")]


def test_failure_that_nobody_takes_reaches_the_one_place(live: Bridge, qtbot: QtBot) -> None:
    with qtbot.waitSignal(live.failure_unhandled, timeout=WAIT) as caught:
        live.call("search", "surprise", "Patients")
    assert "ValueError: unforeseen" in caught.args[0].cause
    assert caught.args[0].remedy


def test_unknown_method_is_refused(live: Bridge, qtbot: QtBot) -> None:
    failures: list[Failure] = []
    live.call("__class__", on_failed=failures.append)
    qtbot.waitUntil(lambda: bool(failures), timeout=WAIT)
    assert "knows no such request" in failures[0].cause


def test_crash_fails_what_was_pending_and_restarts(live: Bridge, qtbot: QtBot) -> None:
    failures: list[Failure] = []
    stops: list[Failure] = []
    live.background_stopped.connect(stops.append)
    with qtbot.waitSignal(live.background_restarted, timeout=WAIT):
        live.call("search", "crash", "Patients", on_failed=failures.append)
    assert len(failures) == len(stops) == 1
    assert "(7)" in stops[0].cause
    values: list[object] = []
    live.call("collections", on_value=values.append)
    qtbot.waitUntil(lambda: bool(values), timeout=WAIT)


def test_killed_process_restarts(live: Bridge, qtbot: QtBot) -> None:
    process = live._process
    assert process is not None
    with qtbot.waitSignals([live.background_stopped, live.background_restarted], timeout=WAIT):
        process.kill()
    assert live.is_open


def test_wrong_key_is_told_and_a_second_try_works(qtbot: QtBot, tmp_path: Path) -> None:
    bridge = Bridge(target=fake_library.main)
    crashes: list[object] = []
    bridge.background_stopped.connect(crashes.append)
    bridge.start()
    waiting = bridge._process
    with qtbot.waitSignal(bridge.open_failed, timeout=WAIT) as caught:
        bridge.open_library(Open(tmp_path, "wrong"))
    assert caught.args[0].kind == "WrongKey"
    with qtbot.waitSignal(bridge.opened, timeout=WAIT):
        bridge.open_library(Open(tmp_path, "right"))
    assert bridge._process is waiting  # what it has loaded serves every try
    qtbot.wait(200)
    assert not crashes
    assert bridge.is_open
    bridge.close()


def test_a_process_that_dies_while_waiting_is_replaced(qtbot: QtBot, tmp_path: Path) -> None:
    bridge = Bridge(target=fake_library.main)
    bridge.start()
    assert bridge._process is not None
    bridge._process.kill()
    qtbot.waitUntil(lambda: bridge._process is None or bridge._reader is None, timeout=WAIT)
    with qtbot.waitSignal(bridge.opened, timeout=WAIT):
        bridge.open_library(Open(tmp_path, "right"))
    bridge.close()


def test_closing_is_prompt(qtbot: QtBot, tmp_path: Path) -> None:
    never_opened = Bridge(target=fake_library.main)
    never_opened.start()
    never_opened.close()
    busy = Bridge(target=fake_library.main)
    with qtbot.waitSignal(busy.opened, timeout=WAIT):
        busy.open_library(Open(tmp_path, "right"))
    with qtbot.waitSignal(busy.event_received, timeout=WAIT):
        busy.call("add", [Path(f"{n}.pdf") for n in range(500)], "Patients")
    busy.call("search", "stuck", "Patients")
    started = time.monotonic()
    busy.close()
    assert time.monotonic() - started < 2
    assert (tmp_path / "closed").exists()


def test_followed_folder_sends_unasked_and_starts_anew(qtbot: QtBot, tmp_path: Path) -> None:
    bridge = Bridge(target=fake_library.main_that_follows)
    added: list[str] = []
    failures: list[Failure] = []

    def note(request: int, event: object) -> None:
        if request == UNASKED and isinstance(event, DocumentAdded):
            added.append(event.path)

    bridge.event_received.connect(note)
    bridge.failure_unhandled.connect(failures.append)
    bridge.open_library(Open(tmp_path, "right"))
    qtbot.waitUntil(lambda: added == ["/x/ward/new.pdf"], timeout=WAIT)
    bridge.call("follow", "Patients", "/x/other")
    qtbot.waitUntil(lambda: len(added) == 2, timeout=WAIT)
    # The first one ended with an error, which nobody asked for and somebody must see.
    assert [failure.subject for failure in failures] == ["Followed folders"]
    bridge.close()


def test_messages_of_unknown_kinds_load_no_module(live: Bridge, qtbot: QtBot) -> None:
    with qtbot.waitSignal(live.failure_unhandled, timeout=WAIT) as caught:
        live.call("page_lines", 1, 1)
    assert "fractions.Fraction" in caught.args[0].cause


def test_after_many_crashes_it_gives_up_and_says_so(live: Bridge, qtbot: QtBot) -> None:
    stops: list[Failure] = []
    live.background_stopped.connect(stops.append)
    for _ in range(3):
        with qtbot.waitSignal(live.background_restarted, timeout=WAIT):
            live.call("search", "crash", "Patients", on_failed=lambda _failure: None)
    with qtbot.waitSignal(live.background_stopped, timeout=WAIT):
        live.call("search", "crash", "Patients", on_failed=lambda _failure: None)
    assert "several times" in stops[-1].remedy
    failures: list[Failure] = []
    live.call("collections", on_failed=failures.append)
    qtbot.waitUntil(lambda: failures == [stops[-1]], timeout=WAIT)
