"""Jobs that do what no job should, run in guests by the tests."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from ingest.errors import DamagedFile
from ingest.guest.child import Task
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


def raises_read_error(_: Task) -> None:
    raise DamagedFile("x", "Broken.", "Mend it.")


def raises_anything(_: Task) -> None:
    raise KeyError("oops")


def eats_memory(task: Task) -> None:
    hoard = [bytearray(64 << 20) for _ in range(1000)]
    task.channel.send({"kind": "survived", "pieces": len(hoard)})


def tries_everything(task: Task) -> None:
    """Sends which forbidden things worked."""
    worked = []
    libc = ctypes.CDLL(None)
    for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, 16, 17):
        descriptor = libc.socket(int(family), 1, 0)
        if descriptor >= 0:
            worked.append(f"socket {family}")
    attempts = {
        "program": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        "fork": os.fork,
        "write": Path(f"/tmp/muniment-{os.getpid()}").touch,
        "append": lambda: os.open("/etc/hosts", os.O_APPEND),
        "mkdir": Path(f"/tmp/muniment-folder-{os.getpid()}").mkdir,
        "unlink": Path("/tmp/muniment-not-there").unlink,
        "kill": lambda: os.kill(os.getppid(), 0),
        "limits": lambda: resource.setrlimit(resource.RLIMIT_CPU, (10, 10)),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
        except (PermissionError, ValueError):  # setrlimit answers with a ValueError
            continue
        except OSError as error:
            worked.append(f"{name}: {error}")
        else:
            worked.append(name)
    ran = []
    thread = threading.Thread(target=ran.append, args=(1,))
    thread.start()
    thread.join()
    task.channel.send(
        {
            "worked": worked,
            "threads": len(ran),
            "environment": dict(os.environ),
            "readable": Path("/etc/passwd").exists(),
        }
    )


def hangs_at_once(_: Task) -> None:
    time.sleep(600)
