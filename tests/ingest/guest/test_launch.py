from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.guest.frames import FrameError
from ingest.guest.guest import Guest, GuestDied, GuestTimedOut
from ingest.guest.launch import ForkServer, Launcher, Spawner
from ingest.guest.limits import Limits

unix = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux's own measures")
PRELOAD = ("ingest.guest.child", "misbehaving")


def request(job: str, **limits: Any) -> dict[str, Any]:
    return {"job": f"misbehaving:{job}", "limits": Limits(**limits).to_wire()}


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < deadline, "the guest is still running"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    server = ForkServer(PRELOAD)
    yield server
    server.close()


class LauncherContract:
    """What every launcher does."""

    @pytest.fixture
    def launcher(self) -> Launcher:
        raise NotImplementedError

    def run(self, launcher: Launcher, job: str, source: int | bytes = b"x", **limits: Any) -> Any:
        with launcher.start(request(job, **limits), source) as guest:
            return guest.receive(20, 1 << 30)

    def test_bytes_arrive_whole(self, launcher: Launcher) -> None:
        data = os.urandom(3_000_000)
        header, body = self.run(launcher, "echo", data)
        assert header["size"] == len(data)
        assert body == data

    def test_an_open_file_arrives_whole(self, launcher: Launcher, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"content" * 100_000)
        descriptor = os.open(path, os.O_RDONLY)
        os.lseek(descriptor, 5, os.SEEK_SET)
        _, body = self.run(launcher, "echo", descriptor)
        os.close(descriptor)
        assert body == path.read_bytes()

    @unix
    @pytest.mark.parametrize(("job", "how"), [("segfault", "SIGSEGV"), ("killed", "SIGKILL")])
    def test_a_death_says_how(self, launcher: Launcher, job: str, how: str) -> None:
        with pytest.raises(GuestDied, match=how):
            self.run(launcher, job)

    def test_leaving_without_a_word_is_a_death(self, launcher: Launcher) -> None:
        with pytest.raises(GuestDied, match="status 7"):
            self.run(launcher, "leaves")

    def test_a_hang_is_ended(self, launcher: Launcher) -> None:
        with launcher.start(request("hangs"), b"x") as guest:
            pid = guest.receive(20, 0)[0]["pid"]
            began = time.monotonic()
            with pytest.raises(GuestTimedOut):
                guest.receive(0.2, 0)
            assert time.monotonic() - began < 5
        wait_until_gone(pid)

    def test_closing_ends_the_guest(self, launcher: Launcher) -> None:
        guest: Guest = launcher.start(request("hangs"), b"x")
        pid = guest.receive(20, 0)[0]["pid"]
        guest.close()
        guest.close()
        wait_until_gone(pid)

    @pytest.mark.parametrize("job", ["garbage", "endless_header", "endless_body"])
    def test_no_frame_is_an_error(self, launcher: Launcher, job: str) -> None:
        with pytest.raises(FrameError):
            self.run(launcher, job)

    def test_errors_are_told(self, launcher: Launcher) -> None:
        header, _ = self.run(launcher, "raises_read_error")
        assert (header["error"], header["cause"]) == ("DamagedFile", "Broken.")
        header, _ = self.run(launcher, "raises_anything")
        assert header["error"] == "DamagedFile"
        assert "KeyError" in header["cause"]

    @linux
    def test_memory_is_limited(self, launcher: Launcher) -> None:
        header, _ = self.run(launcher, "eats_memory", memory_bytes=300 << 20)
        assert header["error"] == "LimitExceeded"

    @linux
    def test_processor_time_is_limited(self, launcher: Launcher) -> None:
        with pytest.raises(GuestDied) as caught:
            self.run(launcher, "spins", seconds=0.0, seconds_per_page=0.0)
        assert caught.value.exceeded

    @linux
    def test_what_readers_need_works(self, launcher: Launcher) -> None:
        header, _ = self.run(launcher, "behaves")
        assert (header["threads"], header["random"], header["limits"]) == (1, 4, 64)
        assert "HOME" in os.environ
        assert "HOME" not in header["environment"]
        assert header["system_calls"]
        assert header["landlock"] or header["missing"]

    def test_two_threads_at_once(self, launcher: Launcher) -> None:
        results: list[bytes] = []

        def work(letter: bytes) -> None:
            for _ in range(3):
                results.append(self.run(launcher, "echo", letter * 1000)[1])

        threads = [threading.Thread(target=work, args=(letter,)) for letter in (b"a", b"b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [b"a" * 1000] * 3 + [b"b" * 1000] * 3


@unix
class TestForkServer(LauncherContract):
    @pytest.fixture
    def launcher(self, fork_server: ForkServer) -> Launcher:
        return fork_server

    def test_a_killed_server_is_replaced(self) -> None:
        server = ForkServer(PRELOAD)
        guest = server.start(request("hangs"), b"x")
        pid = guest.receive(20, 0)[0]["pid"]
        assert server._process is not None
        os.kill(server._process.pid, signal.SIGKILL)
        with pytest.raises(GuestDied):
            guest.receive(20, 0)
        guest.close()
        wait_until_gone(pid)
        assert self.run(server, "echo", b"again")[1] == b"again"
        server.close()

    def test_closing_ends_server_and_guests(self) -> None:
        server = ForkServer(PRELOAD)
        guest = server.start(request("hangs"), b"x")
        pid = guest.receive(20, 0)[0]["pid"]
        assert server._process is not None
        process = server._process.pid
        server.close()
        assert not is_running(process)
        wait_until_gone(pid)
        guest.close()

    def test_nothing_is_left_when_the_program_is_killed(self, tmp_path: Path) -> None:
        program = tmp_path / "program.py"
        program.write_text(
            "import os, signal, sys\n"
            f"sys.path[:] = {sys.path!r}\n"
            "from ingest.guest.launch import ForkServer\n"
            "from ingest.guest.limits import Limits\n"
            f"server = ForkServer({PRELOAD!r})\n"
            "request = {'job': 'misbehaving:hangs', 'limits': Limits().to_wire()}\n"
            "pid = server.start(request, b'x').receive(60, 0)[0]['pid']\n"
            "print(pid, server._process.pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        ended = subprocess.run([sys.executable, program], capture_output=True, check=False)
        for pid in map(int, ended.stdout.split()):
            wait_until_gone(pid)
        assert len(ended.stdout.split()) == 2

    def test_a_guest_starts_quickly(self, fork_server: ForkServer) -> None:
        self.run(fork_server, "echo")
        began = time.monotonic()
        for _ in range(5):
            self.run(fork_server, "echo")
        assert (time.monotonic() - began) / 5 < 0.25


class TestSpawner(LauncherContract):
    @pytest.fixture
    def launcher(self) -> Launcher:
        return Spawner()
