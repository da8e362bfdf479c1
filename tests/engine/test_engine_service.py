"""The engine in its child process, with a model that only pretends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import (
    DamagedModel,
    EngineBusy,
    EngineError,
    EngineStopped,
    MemoryExceeded,
    PromptTooLong,
)
from engine.options import (
    Finished,
    Keep,
    Message,
    Options,
    PromptRead,
    SnapshotPlace,
    Written,
)
from engine.service import Engine
from engine.snapshot_folder import SnapshotFolder
from engine.widths import KVBits

FAKE = "tests.engine.fake_model"


def _engine(folder: Path, **settings: object) -> Engine:
    settings.setdefault("factory", f"{FAKE}:load")
    return Engine(folder, **settings)  # type: ignore[arg-type]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with _engine(tmp_path) as made:
        yield made


def _pid(engine: Engine) -> int:
    return int(engine.facts().notes[0])


def _until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def _echo(engine: Engine, prompt: str = "Hello") -> str:
    return "".join(event.text for event in engine.generate(prompt) if isinstance(event, Written))


def test_facts_and_settings_cross(tmp_path: Path) -> None:
    with _engine(
        tmp_path, context=100, memory=2**33, device="cpu", guard=f"{FAKE}:guard", tables=tmp_path
    ) as engine:
        facts = engine.facts()
        assert facts.name == tmp_path.name
        given = ("100", str(2**33), "cpu", "auto", str(tmp_path), "None")
        assert facts.notes[1:] == (*given, "True", "False")
        assert int(facts.notes[0]) != os.getpid()


def test_the_place_for_snapshots_crosses_and_an_owner_is_forgotten(tmp_path: Path) -> None:
    place = SnapshotPlace(str(tmp_path / "snapshots"), b"k" * 32, 10**6)
    path = SnapshotFolder(place).path("document 1", b"")
    path.parent.mkdir()
    with _engine(tmp_path, snapshots=place) as engine:
        path.write_bytes(b"before the child is there")
        engine.forget("document 1")
        assert not path.exists()
        assert engine.facts().notes[6] == str(place)
        path.write_bytes(b"")
        engine.forget("document 2")
        assert path.exists()
        assert (tmp_path / "forgotten").read_text() == "document 2"
        assert _echo(engine) == "'Hello'"


def test_forgetting_ends_an_answer_over_it_and_no_other(tmp_path: Path) -> None:
    with _engine(tmp_path) as engine:
        options = Options(max_tokens=1000, keep=Keep("document 1"))
        events = engine.generate("count", options)
        next(events)
        engine.forget("document 2")
        next(events)
        engine.forget("document 1")
        with pytest.raises(EngineStopped, match="closed"):
            list(events)
        assert _echo(engine) == "'Hello'"
        events = engine.generate("count", Options(max_tokens=3, keep=Keep("document 1")))
        next(events)
        engine.forget("document 2")
        assert isinstance(list(events)[-1], Finished)
        _until(lambda: (tmp_path / "forgotten").exists())
        assert _echo(engine) == "'Hello'"


def test_the_width_of_keys_and_values_crosses(tmp_path: Path) -> None:
    for kv in (KVBits(4, 3), KVBits.parse("k3v3+k4v3@4+k4v4@14"), None):
        with _engine(tmp_path, kv=kv) as engine:
            assert engine.facts().notes[4] == str(kv)


@pytest.mark.parametrize(
    "prompt", ["Hello", [1, 2, 3], [Message("system", "é"), Message("user", "\ud800")]]
)
def test_events_come_in_order(engine: Engine, prompt: str | list[int] | list[Message]) -> None:
    events = list(engine.generate(prompt, Options(schema={"type": "object"}, stop=("a",))))
    shown = prompt if isinstance(prompt, str) else tuple(prompt)
    assert events == [
        PromptRead(len(prompt), len(prompt)),
        Written(repr(shown)),
        Finished("end", len(prompt), 1, 0.0, 0.0),
    ]


def test_one_child_serves_all_requests(engine: Engine) -> None:
    pid = _pid(engine)
    for number in range(3):
        assert _echo(engine, str(number)) == repr(str(number))
    assert _pid(engine) == pid


def test_closing_stops_within_one_token(engine: Engine, tmp_path: Path) -> None:
    answer = engine.generate("count", Options(max_tokens=10_000))
    seen = 0
    for event in answer:
        if isinstance(event, Written):
            seen = event.tokens[0]
            if seen == 5:
                break
    start = time.monotonic()
    answer.close()
    assert time.monotonic() - start < 1
    log = tmp_path / "log"
    _until(lambda: log.read_text().startswith("stopped"))
    # One may have been sent already, and one was being computed.
    assert int(log.read_text().split()[-1]) <= seen + 2
    assert _echo(engine) == "'Hello'"


def test_a_forgotten_flood_does_not_block_the_next_request(engine: Engine) -> None:
    pid = _pid(engine)
    answer = engine.generate("flood")
    assert isinstance(next(answer), PromptRead)
    time.sleep(0.3)  # the pipe fills up
    answer.close()
    assert _echo(engine) == "'Hello'"
    assert _pid(engine) == pid


def test_a_second_request_is_refused(engine: Engine) -> None:
    first = engine.generate("count", Options(max_tokens=1000))
    next(first)
    with pytest.raises(EngineBusy, match="still writing"):
        next(engine.generate("Hello"))
    first.close()
    assert _echo(engine) == "'Hello'"


@pytest.mark.parametrize(
    ("prompt", "kind", "says"),
    [
        ("too long", PromptTooLong, r"The prompt: It has 9 tokens\. Ask less\."),
        ("value", ValueError, "at least one token"),
        ("memory", MemoryExceeded, "no more memory"),
        ("bug", EngineError, r"KeyError: 'oops'"),
    ],
)
def test_errors_cross_as_themselves(
    engine: Engine, prompt: str, kind: type[Exception], says: str
) -> None:
    pid = _pid(engine)
    with pytest.raises(kind, match=says) as caught:
        list(engine.generate(prompt))
    assert type(caught.value) is kind
    assert _echo(engine) == "'Hello'"
    assert _pid(engine) == pid


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("damaged", DamagedModel, r"damaged: The file is cut short\. Copy it again\."),
        ("huge", MemoryExceeded, "99 GB"),
        ("deadly", EngineStopped, r"signal 9, SIGKILL.*smaller model"),
    ],
)
def test_what_goes_wrong_with_loading(
    tmp_path: Path, name: str, kind: type[Exception], says: str
) -> None:
    with _engine(tmp_path / name) as engine:
        for _ in range(2):
            with pytest.raises(kind, match=says):
                engine.facts()
            with pytest.raises(kind, match=says):
                list(engine.generate("Hello"))


def test_a_guard_that_fails_keeps_the_model_from_loading(tmp_path: Path) -> None:
    with (
        _engine(tmp_path, guard=f"{FAKE}:bad_guard") as engine,
        pytest.raises(EngineError, match="no filter"),
    ):
        engine.facts()


@pytest.mark.parametrize(
    ("prompt", "says"), [("die", "exit code 7"), ("crash", "signal 11, SIGSEGV")]
)
def test_a_child_that_ends_by_itself(engine: Engine, prompt: str, says: str) -> None:
    pid = _pid(engine)
    with pytest.raises(EngineStopped, match=rf"{says}.*Ask again"):
        list(engine.generate(prompt))
    assert _echo(engine) == "'Hello'"
    assert _pid(engine) != pid


def test_a_killed_child(engine: Engine) -> None:
    pid = _pid(engine)
    answer = engine.generate("count", Options(max_tokens=1000))
    next(answer)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineStopped, match="SIGKILL"):
        list(answer)
    assert _echo(engine) == "'Hello'"
    os.kill(_pid(engine), signal.SIGKILL)
    time.sleep(0.1)  # killed while nothing was asked of it
    assert _echo(engine) == "'Hello'"


@pytest.mark.parametrize("end", [Engine.stop_loading, Engine.close], ids=["stop", "close"])
def test_loading_can_be_stopped_from_another_thread(
    tmp_path: Path, end: Callable[[Engine], None]
) -> None:
    folder = tmp_path / "endless"
    folder.mkdir()
    engine = _engine(folder)
    ended: list[EngineError] = []

    def load() -> None:
        try:
            engine.facts()
        except EngineError as error:
            ended.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    _until((folder / "loading").exists, 20)
    _until(lambda: (folder / "loading").read_text() != "")
    end(engine)
    thread.join(5)
    assert not thread.is_alive()
    assert [type(error) for error in ended] == [EngineStopped]
    assert _gone(int((folder / "loading").read_text()))
    engine.stop_loading()  # nothing to stop any more


def test_closing_the_engine_ends_an_answer_in_another_thread(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    pid = _pid(engine)
    caught: list[EngineStopped] = []

    def read() -> None:
        try:
            list(engine.generate("count", Options(max_tokens=10_000)))
        except EngineStopped as error:
            caught.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    _until(lambda: (tmp_path / "log").exists())
    engine.close()
    thread.join(5)
    assert "was closed" in caught[0].cause
    assert _gone(pid)
    assert _echo(engine) == "'Hello'"
    engine.close()
    engine.close()


def test_what_is_no_message_is_not_taken(engine: Engine) -> None:
    with pytest.raises(EngineStopped, match=r"not understood.*PosixPath"):
        list(engine.generate("strange"))
    assert _echo(engine) == "'Hello'"


PARENT = f"""
import sys, time
from engine.service import Engine
engine = Engine({{folder!r}}, factory="{FAKE}:load")
print(engine.facts().notes[0], flush=True)
answer = engine.generate("count")
next(answer)
{{end}}
"""


@pytest.mark.parametrize("end", ["time.sleep(60)", "sys.exit()", "1 / 0"])
def test_the_child_does_not_survive_its_parent(tmp_path: Path, end: str) -> None:
    code = PARENT.format(folder=str(tmp_path), end=end)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if "sleep" in end:
            _until(lambda: (tmp_path / "log").exists())
            parent.kill()
    _until(lambda: _gone(pid))


def test_an_engine_that_is_forgotten_takes_its_child_along(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    pid = _pid(engine)
    del engine
    _until(lambda: _gone(pid))


def test_importing_the_service_loads_no_torch() -> None:
    code = (
        "import sys, engine.service, engine.worker, engine.protocol\n"
        "assert not {'torch', 'transformers', 'numpy', 'tokenizers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
