"""The guard in a process of its own: what it refuses, whom it reaches, and that it is first."""

from __future__ import annotations

import ast
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.core import offline
from tests.unguarded import need_no_guard

ROOT = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")

# Past Python's hook: the C library itself.
RAW = """
import ctypes, errno, json
libc = ctypes.CDLL(None, use_errno=True)
def raw(family, kind=1):
    descriptor = libc.socket(family, kind, 0)
    return "open" if descriptor >= 0 else errno.errorcode[ctypes.get_errno()]
"""
GUARD = "from app.core import offline; state = offline.enforce()\n"


def ran(code: str, **options: Any) -> Any:
    """What the code prints as JSON, run in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@linux
def test_the_kernel_refuses_every_family_but_one() -> None:
    families = {"inet": 2, "inet6": 10, "netlink": 16, "packet": 17, "bluetooth": 31, "vsock": 40}
    found = ran(RAW + GUARD + f"print(json.dumps({{n: raw(f) for n, f in {families}.items()}}))")
    assert found == dict.fromkeys(families, "EACCES")
    assert ran(RAW + GUARD + "print(json.dumps([raw(1), raw(2 | 1 << 32)]))") == ["open", "EACCES"]


@linux
def test_without_the_guard_a_socket_opens() -> None:
    """The control: on a machine that refuses sockets anyway, the tests here would show nothing."""
    need_no_guard()
    assert ran(RAW + "print(json.dumps([raw(2), raw(10, 2)]))")[0] == "open"


@linux
def test_io_uring_and_other_ways_in_are_closed() -> None:
    code = (
        RAW
        + GUARD
        + (
            "n = libc.syscall(425, 1, ctypes.byref(ctypes.create_string_buffer(240)))\n"
            "print(json.dumps([n, errno.errorcode[ctypes.get_errno()]]))"
        )
    )
    assert ran(code) == [-1, "ENOSYS"]


@linux
def test_threads_that_ran_before_are_caught_too() -> None:
    code = (
        RAW
        + (
            "import threading\n"
            "go, found = threading.Event(), []\n"
            "def late():\n"
            "    go.wait(); found.append(raw(2))\n"
            "thread = threading.Thread(target=late); thread.start()\n"
        )
        + GUARD
        + "go.set(); thread.join(); print(json.dumps(found))"
    )
    assert ran(code) == ["EACCES"]


@linux
def test_children_cannot_take_it_off() -> None:
    child = RAW + "print(json.dumps(raw(2)))"
    code = GUARD + (
        f"import subprocess, sys; child = {child!r}\n"
        "print(subprocess.run([sys.executable, '-I', '-c', child], capture_output=True,"
        " text=True, env={}).stdout)"
    )
    assert ran(code) == "EACCES"


@linux
def test_python_says_why() -> None:
    code = GUARD + (
        "import json, socket, urllib.request, webbrowser\n"
        "tries = {'socket': lambda: socket.socket(),"
        " 'name': lambda: socket.getaddrinfo('example.org', 443),"
        " 'address': lambda: urllib.request.urlopen('https://example.org'),"
        " 'browser': lambda: webbrowser.GenericBrowser('true').open('x')}\n"
        "said = {}\n"
        "for name, call in tries.items():\n"
        "    try: call(); said[name] = 'done'\n"
        "    except offline.OfflineError as error: said[name] = str(error)\n"
        "print(json.dumps(said))"
    )
    said = ran(code)
    assert all(text.startswith("Muniment ") for text in said.values()), said


@linux
def test_pairs_and_local_sockets_still_work() -> None:
    code = GUARD + (
        "import json, socket\n"
        "a, b = socket.socketpair(); a.send(b'x')\n"
        "print(json.dumps(b.recv(1).decode()))"
    )
    assert ran(code) == "x"


@linux
def test_a_network_socket_from_outside_is_not_taken() -> None:
    need_no_guard()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as handed:
        number = handed.fileno()
        done = subprocess.run(
            [sys.executable, "-c", GUARD],
            cwd=ROOT,
            pass_fds=[number],
            capture_output=True,
            text=True,
        )
    assert done.returncode != 0
    assert f"Descriptor {number} is a network socket" in done.stderr


@linux
def test_attempts_show_the_refusal_and_its_absence() -> None:
    need_no_guard()
    code = (
        "import json\nfrom dataclasses import asdict\nfrom app.core import offline\n"
        "before = [asdict(a) for a in offline.attempts()]\nno = offline.self_test()\n"
        "offline.enforce()\nafter = [asdict(a) for a in offline.attempts()]\n"
        "print(json.dumps([before, no, after, offline.self_test()]))"
    )
    before, no, after, yes = ran(code)
    assert not no and yes
    assert not before[0]["refused"] and "could be opened" in before[0]["detail"]
    assert all(attempt["refused"] for attempt in after)


def test_switches_are_set_and_what_would_report_is_gone() -> None:
    told = dict.fromkeys((*offline.REMOVED, *offline.SWITCHES), "somewhere")
    code = GUARD + "import json, os; print(json.dumps(dict(os.environ)))"
    found = ran(code, env={**os.environ, **told})
    assert offline.SWITCHES.items() <= found.items()
    assert not set(offline.REMOVED) & set(found)


@linux
def test_a_processor_without_a_filter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline.platform, "machine", lambda: "riscv64")  # type: ignore[attr-defined]
    with pytest.raises(offline.OfflineError, match="riscv64"):
        offline._install_filter()


def test_the_filter_jumps_only_within_itself() -> None:
    for processor in offline._PROCESSORS.values():
        program = offline.filter_program(processor.token, processor.socket)
        steps = list(struct.iter_unpack("=HBBI", program))
        for place, (code, yes, no, _) in enumerate(steps):
            if code & 0x07 == 0x05:
                assert place + 1 + max(yes, no) < len(steps)
        assert steps[-1][0] == 0x06


# Who starts a process of the program, and where the guard stands in it.
ENTRIES = {
    "app/cli/__init__.py": None,
    "app/ui/main.py": "main",
    "app/ui/background.py": "main",
}


@pytest.mark.parametrize(("file", "function"), ENTRIES.items())
def test_the_guard_comes_before_everything(file: str, function: str | None) -> None:
    tree: Any = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    body = tree.body
    if function is not None:
        body = next(n for n in body if isinstance(n, ast.FunctionDef) and n.name == function).body
    body = [n for n in body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
    if function is None:
        assert ast.unparse(body[0]) == "from app.core import offline"
        body = body[1:]
    assert ast.unparse(body[0]) == "offline.enforce()"


def test_no_library_is_loaded_before_the_guard_stands() -> None:
    """Importing the entry points brings the standard library, our own modules, and Qt's core."""
    code = (
        "import json, sys\nbefore = set(sys.modules)\n"
        "from app.core import offline\n"
        "real, seen = offline.enforce, []\n"
        "def watched():\n"
        "    seen.append(sorted({n.partition('.')[0] for n in set(sys.modules) - before}))\n"
        "    return real()\n"
        "offline.enforce = watched\nimport app.cli\nprint(json.dumps(seen[0]))"
    )
    loaded = set(ran(code))
    assert loaded - set(sys.stdlib_module_names) <= {"app"}, loaded
