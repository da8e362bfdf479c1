"""Jobs that do what no job should, run in guests by the tests."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest.errors import DamagedFile
from ingest.guest import jobs
from ingest.guest.child import Task
from ingest.guest.frames import encode
from ingest.types import FileInfo

OPENED = {"kind": "opened", "info": {}}


def echo(task: Task) -> None:
    task.channel.send({"size": len(task.data), "request": task.request}, task.data)


def segfault(_: Task) -> None:
    ctypes.string_at(0)


def killed(_: Task) -> None:
    signal.raise_signal(signal.SIGKILL)


def leaves(_: Task) -> None:
    os._exit(7)


def hangs(task: Task) -> None:
    task.channel.send({"pid": os.getpid()})
    time.sleep(600)


def spins(_: Task) -> None:
    while True:
        pass


def garbage(task: Task) -> None:
    os.write(task.channel._writing, b"\x00\xffthis is no frame" * 100)


def endless_header(task: Task) -> None:
    os.write(task.channel._writing, b"MUN1\xff\xff\xff\xff" + b"\x00" * 8)


def endless_body(task: Task) -> None:
    os.write(task.channel._writing, b"MUN1\x00\x00\x00\x02" + b"\xff" * 8 + b"{}")


def wrong_fields(task: Task) -> None:
    task.channel.send({"kind": "opened", "info": {"media_type": 3}})


def pages_out_of_order(task: Task) -> None:
    from ingest.guest.wire import info_to_wire

    task.channel.send({"kind": "opened", "info": info_to_wire(FileInfo("application/pdf", 2))})
    page = {"number": 2, "width": 1.0, "height": 1.0, "lines": [], "unreadable": "",
            "graphics": [], "hurried": False}  # fmt: skip
    task.channel.send({"kind": "page", "page": page})
    task.channel.receive(0)


def invents_an_error(task: Task) -> None:
    task.channel.send({"kind": "error", "error": "StoreError", "cause": "", "remedy": ""})


def says_too_much(task: Task) -> None:
    """Page after page, each within the limits of a page."""
    _open(task, 50)
    for number in range(1, 51):
        line = [["x" * 900, [0.0, 0.0, 9.0, 9.0], "body", 0, 0, "text", None]]
        task.channel.send({"kind": "page", "page": _page(number) | {"lines": line}})
    task.channel.send({"kind": "done"})


def says_too_many_values(task: Task) -> None:
    text = b'{"a":[' + b"[]," * 5_000_000 + b"0]}"
    task.channel._write(memoryview(b"MUN1" + struct.pack(">IQ", len(text), 0) + text))


def says_more_pages_than_it_said(task: Task) -> None:
    _open(task, 1)
    for number in (1, 2):
        task.channel.send({"kind": "page", "page": _page(number)})


def sends_too_many_pixels(task: Task) -> None:
    _open(task, 1)
    image = {"number": 1, "width": 9.0, "height": 9.0, "rows": 20_000, "columns": 20_000,
             "reason": "", "layered": False, "fallback": None}  # fmt: skip
    task.channel.send({"kind": "image", "image": image}, bytes(1_000))


def sends_another_rendition(task: Task) -> None:
    """Something that is no PDF, to be kept and drawn later."""
    _open(task, 1)
    task.channel.send({"kind": "page", "page": _page(1)})
    task.channel.send({"kind": "done"}, b"MZ" + bytes(100))


def drips(task: Task) -> None:
    """A byte now and then, so that something always comes."""
    for byte in encode({"kind": "opened", "info": {}}) * 100:
        os.write(task.channel._writing, bytes([byte]))
        time.sleep(0.05)


def sends_pictures(task: Task) -> None:
    _open(task, 6)
    for number in range(1, 7):
        image = {"number": number, "width": 9.0, "height": 9.0, "rows": 100, "columns": 100,
                 "reason": "", "layered": False, "fallback": None}  # fmt: skip
        task.channel.send({"kind": "image", "image": image}, bytes(30_000))
    task.channel.send({"kind": "done"})


def _open(task: Task, pages: int) -> None:
    from ingest.guest.wire import info_to_wire

    info = info_to_wire(FileInfo("application/pdf", pages))
    task.channel.send({"kind": "opened", "info": info})


def _page(number: int) -> dict[str, Any]:
    return {"number": number, "width": 9.0, "height": 9.0, "lines": [], "unreadable": "",
            "graphics": [], "hurried": False, "unseen": []}  # fmt: skip


def warm_up() -> None:
    jobs.warm_up()


def watched(task: Task) -> None:
    """Reads the file, and fails if anything was opened or imported on the way."""
    opened: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir", "ctypes.dlopen", "socket.__new__"):
            opened.append(f"{event} {arguments[0]}")

    before = set(sys.modules)
    sys.addaudithook(hook)
    jobs.read(task)
    late = sorted(set(sys.modules) - before)
    if opened or late:
        raise DamagedFile("x", f"It opened {opened}, it loaded {late}.", "Load it before.")


def raises_read_error(_: Task) -> None:
    raise DamagedFile("x", "Broken.", "Mend it.")


def raises_anything(_: Task) -> None:
    raise KeyError("oops")


def eats_memory(task: Task) -> None:
    hoard = [bytearray(64 << 20) for _ in range(1000)]
    task.channel.send({"kind": "survived", "pieces": len(hoard)})


def tries(task: Task) -> None:
    """Tries what the request names: a forbidden thing. Sends how that went, if it goes on."""
    attempt = ATTEMPTS[task.request["attempt"]]
    try:
        outcome = attempt()
    except OSError as error:
        task.channel.send({"errno": errno.errorcode[error.errno or 0]})
    else:
        task.channel.send({"worked": str(outcome)})


def tries_half_way_through_a_frame(task: Task) -> None:
    os.write(task.channel._writing, b"MUN1\x00\x00\x00\x02")
    task.channel._sending = True
    os.fork()


def tries_in_a_thread(task: Task) -> None:
    thread = threading.Thread(target=os.fork)
    thread.start()
    thread.join()
    task.channel.send({"worked": "fork"})


def behaves(task: Task) -> None:
    """What has to work: threads, memory, time, and no variables of a person's."""
    ran = []
    thread = threading.Thread(target=ran.append, args=(1,))
    thread.start()
    thread.join()
    bytearray(50 << 20)
    time.sleep(0.001)
    random = os.urandom(4)
    task.channel.send(
        {
            "threads": len(ran),
            "random": len(random),
            "limits": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "environment": dict(os.environ),
            "system_calls": task.measures.system_calls,
            "landlock": task.measures.landlock,
            "missing": list(task.measures.missing),
        }
    )


def _call(name: str, *arguments: Any) -> Any:
    """A function of the C library, so that nothing of Python's stands before the kernel."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = getattr(libc, name)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result


def _executable_memory() -> object:
    return mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def _made_executable() -> object:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    place = libc.mmap(None, ctypes.c_size_t(4096), 3, 0x22, -1, ctypes.c_long(0))
    return _call("mprotect", ctypes.c_void_p(place), ctypes.c_size_t(4096), 5)


# Each is answered with an error number: "no permission", or "no such call".
REFUSED: dict[str, Callable[[], object]] = {
    "read a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "read a library": lambda: os.open(os.__file__, os.O_RDONLY),
    "list a folder": lambda: list(Path("/").iterdir()),
    "look at a file": Path("/etc/passwd").stat,
    "read a link": Path("/proc/self/exe").readlink,
    "write": lambda: os.open(f"/tmp/muniment-{os.getpid()}", os.O_WRONLY | os.O_CREAT),
    "append": lambda: os.open("/etc/hosts", os.O_APPEND),
    "a terminal": lambda: fcntl.ioctl(0, termios.TIOCSTI, b"x"),
    "flags": lambda: fcntl.fcntl(0, fcntl.F_SETFL, os.O_ASYNC),
    "be traced": lambda: _call("prctl", 4, 1, 0, 0, 0),
    "a newer call": lambda: _call("syscall", 470, 0, 0, 0),
    "clone3": lambda: _call("syscall", 435, 0, 0),
}
# Each ends the guest, which names the call.
ENDING: dict[str, Callable[[], object]] = {
    "socket": lambda: _call("socket", 2, 1, 0),
    "socket ": lambda: _call("socket", 1, 1, 0),
    "socketpair": socket.socketpair,
    "execve": lambda: os.execv(sys.executable, [sys.executable]),
    "clone": os.fork,
    "kill": lambda: os.kill(os.getppid(), 0),
    "prlimit64": lambda: resource.setrlimit(resource.RLIMIT_CPU, (10, 10)),
    "mmap": _executable_memory,
    "mprotect": _made_executable,
    "ptrace": lambda: _call("ptrace", 0, 0, 0, 0),
    "unshare": lambda: _call("unshare", 0x10000000),
    "memfd_create": lambda: os.memfd_create("x"),
    "pipe2": os.pipe,
    "io_uring_setup": lambda: _call("syscall", 425, 1, 0),
    "bpf": lambda: _call("syscall", 321, 0, 0, 0),
    "number 440": lambda: _call("syscall", 440, 0, 0, 0, 0, 0),
}
ATTEMPTS = REFUSED | ENDING


def hangs_at_once(_: Task) -> None:
    time.sleep(600)
