"""The list of system calls and Landlock, tried in guests; the numbers, against the kernel's own."""

from __future__ import annotations

import os
import platform
import re
import struct
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from ingest.guest import landlock, syscalls
from ingest.guest.guest import GuestDied
from ingest.guest.launch import ForkServer, Launcher, Spawner
from ingest.guest.limits import Limits
from ingest.guest.syscalls import ALLOW, ARCHITECTURES, KILL_PROCESS, NO_SUCH_CALL, REFUSE, TRAP

if sys.platform != "linux":
    pytest.skip("Linux's own measures", allow_module_level=True)
# The jobs' module is loaded here for the names of its attempts only.
from misbehaving import ENDING, REFUSED

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
TABLES = (
    syscalls.ALLOWED, syscalls.REFUSED, syscalls.ABSENT, syscalls.CHECKED, syscalls.ENDING,
)  # fmt: skip
PID = 4242


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    launcher = ForkServer(("ingest.guest.child", "misbehaving"))
    yield launcher
    launcher.close()


def run(launcher: Launcher, job: str, **more: Any) -> dict[str, Any]:
    request = {"job": f"misbehaving:{job}", "limits": Limits().to_wire(), **more}
    with launcher.start(request, b"x") as guest:
        return guest.receive(20, 1 << 20)[0]


@pytest.mark.parametrize("attempt", REFUSED)
def test_some_calls_are_refused(server: ForkServer, attempt: str) -> None:
    header = run(server, "tries", attempt=attempt)
    assert header.get("errno") in ("EPERM", "ENOSYS"), header


@pytest.mark.parametrize("attempt", ENDING)
def test_other_calls_end_the_guest_and_are_named(server: ForkServer, attempt: str) -> None:
    header = run(server, "tries", attempt=attempt)
    assert header["error"] == "DamagedFile"
    assert f"({attempt.strip()})" in header["cause"]


def test_a_guest_of_its_own_is_held_as_well() -> None:
    assert "(execve)" in run(Spawner(), "tries", attempt="execve")["cause"]
    assert run(Spawner(), "tries", attempt="read a file") == {"errno": "EPERM"}


def test_a_frame_under_way_is_not_garbled(server: ForkServer) -> None:
    with pytest.raises(GuestDied, match="system call that no reader may make"):
        run(server, "tries_half_way_through_a_frame")


def test_threads_are_held_as_well(server: ForkServer) -> None:
    assert "(clone)" in run(server, "tries_in_a_thread")["cause"]


@pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")
def test_landlock_alone_refuses_files_ports_and_signals() -> None:
    """In a copy of this process without the filter of system calls."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, _tried_under_landlock().encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    told = os.read(reading, 1000).decode()
    os.close(reading)
    assert told == "refused " * told.count("refused ")
    assert told.count("refused") >= 4


def _tried_under_landlock() -> str:
    from ingest.guest import seccomp

    seccomp.no_new_privileges()
    if why := landlock.restrict():
        return why
    attempts = [
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        lambda: list(Path("/").iterdir()),
        lambda: os.open("/tmp/muniment-landlock", os.O_CREAT | os.O_WRONLY),
        Path("/tmp/muniment-landlock-folder").mkdir,
    ]
    if landlock.abi() >= 6:
        attempts.append(lambda: os.kill(os.getppid(), 0))
    outcomes = []
    for attempt in attempts:
        try:
            attempt()
        except PermissionError:
            outcomes.append("refused ")
        except OSError as error:
            outcomes.append(f"{error} ")
        else:
            outcomes.append("worked ")
    return "".join(outcomes)


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_numbers_are_the_kernels(machine: str) -> None:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"{header} is not installed")
    text = header.read_text("utf-8")
    known = {name: int(number) for name, number in re.findall(r"__NR(?:3264)?_(\w+)\s+(\d+)", text)}
    column = ARCHITECTURES[machine][1]
    for name, numbers in chain.from_iterable(table.items() for table in TABLES):
        # Before 6.x the generic header has no fstat of its own name; it is called by its number.
        told = known.get(name)
        if name == "newfstatat" and machine == "aarch64":
            told = known["fstatat"]
        assert told == numbers[column], name


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_number_has_the_answer_of_its_table(machine: str) -> None:
    column = ARCHITECTURES[machine][1]
    answers = dict.fromkeys(range(syscalls.NEWER), TRAP)
    answers |= dict.fromkeys(range(syscalls.NEWER, 600), NO_SUCH_CALL)
    tables = (
        (syscalls.ALLOWED, ALLOW),
        (syscalls.REFUSED, REFUSE),
        (syscalls.ABSENT, NO_SUCH_CALL),
    )
    for table, answer in tables:
        answers |= {n[column]: answer for n in table.values() if n[column] is not None}
    checked = {numbers[column] for numbers in syscalls.CHECKED.values()}
    for number, answer in answers.items():
        if number not in checked:
            assert answered(machine, number) == answer, number
    assert answered(machine, 39, architecture=0x40000003) == KILL_PROCESS
    assert answered(machine, 0x40000000) == KILL_PROCESS


def checks() -> Iterator[tuple[str, tuple[int, ...], int]]:
    anonymous = 0x22
    yield "mmap", (0, 4096, 3, anonymous), ALLOW
    yield "mmap", (0, 4096, 7, anonymous), TRAP
    yield "mprotect", (0, 4096, 1), ALLOW
    yield "mprotect", (0, 4096, 4), TRAP
    yield "clone", (0x3D0F00,), ALLOW  # what glibc's threads ask for
    yield "clone", (0x7D0F00,), ALLOW  # and musl's
    yield "clone", (0x1200011,), TRAP  # fork
    yield "clone", (0x3D0F00 | 0x10000000,), TRAP
    yield "fcntl", (3, 3), ALLOW
    yield "fcntl", (3, 0), REFUSE
    yield "ioctl", (0, 0x5401), ALLOW
    yield "ioctl", (0, 0x5412), REFUSE
    yield "prctl", (15, 0), ALLOW
    yield "prctl", (0x53564D41, 0), ALLOW
    yield "prctl", (4, 1), REFUSE
    yield "kill", (PID, 6), ALLOW
    yield "kill", (PID + 1, 6), TRAP
    yield "kill", ((1 << 32) - 1, 9), TRAP
    yield "tgkill", (PID, PID, 6), ALLOW
    yield "tgkill", (1, 1, 6), TRAP
    yield "prlimit64", (0, 7, 0, 1 << 40), ALLOW
    yield "prlimit64", (0, 7, 1 << 40, 0), TRAP
    yield "prlimit64", (0, 7, 8, 0), TRAP


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(("name", "arguments", "answer"), tuple(checks()))
def test_arguments_are_looked_at(
    machine: str, name: str, arguments: tuple[int, ...], answer: int
) -> None:
    number = syscalls.CHECKED[name][ARCHITECTURES[machine][1]]
    assert number is not None
    assert answered(machine, number, *arguments) == answer


def answered(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter says, by an interpreter of the few instructions that it is made of."""
    known = syscalls.Filter(*ARCHITECTURES[machine])
    arch = known.architecture if architecture is None else architecture
    given = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, arch, 0, *given)
    steps = list(known.steps(PID))
    assert len(steps) < 4096
    at = loaded = 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        match code:
            case 0x20:
                loaded = struct.unpack_from("<I", data, value)[0]
            case 0x15:
                at += yes if loaded == value else no
            case 0x45:
                at += yes if loaded & value else no
            case 0x35:
                at += yes if loaded >= value else no
            case 0x06:
                return value
            case _:
                raise AssertionError(f"instruction {code:#x}")


def test_this_machine_is_known() -> None:
    assert platform.machine() in ARCHITECTURES
