"""The proofs' own parts: what a trace and a packet say, and the list of libraries."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from app.core.components import Watched
from tests.proofs import capture, inventory, traces

TRACE = """\
10 socket(AF_UNIX, SOCK_STREAM, 0) = 3<socket:[1]>
10 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = -1 EACCES (Permission denied)
11 connect(4<socket:[2]>, {sa_family=AF_INET6, sin6_port=htons(53)}, 28) = 0
10 openat(AT_FDCWD</w>, "/etc/resolv.conf", O_RDONLY|O_CLOEXEC) = 3</etc/resolv.conf>
10 openat(AT_FDCWD</w>, "a b", O_WRONLY|O_CREAT, 0666) = 3</w/a b>
10 openat(AT_FDCWD</w>, "gone", O_WRONLY|O_CREAT, 0666) = -1 EROFS (Read-only file system)
12 openat(AT_FDCWD</w>, "/lib/x.db", O_RDWR <unfinished ...>
10 mkdir("/home/p/.cache", 0777) = 0
12 <... openat resumed>|O_CREAT, 0644) = 5</lib/x.db>
10 renameat2(AT_FDCWD</w>, "/lib/t", 7</lib>, "u", 0) = 0
10 io_uring_setup(8, {flags=0}) = -1 ENOSYS (Function not implemented)
10 openat(AT_FDCWD</w>, "/dev/null", O_RDWR) = 3</dev/null<char 1:3>>
10 sendto(3<socket:[1]>, "AF_INETnot", 10, 0, NULL, 0) = 10
10 +++ exited with 0 +++
"""


@pytest.fixture
def seen(tmp_path: Path) -> traces.Seen:
    (tmp_path / "t").write_text(TRACE)
    return traces.read(tmp_path / "t")


def test_sockets_and_names_are_seen_also_when_refused(seen: traces.Seen) -> None:
    assert [line[:13] for line in seen.sockets][:2] == ["10 socket(AF_", "11 connect(4<"]
    assert "EACCES" in seen.sockets[0]
    assert len(seen.names) == 1


def test_files_written_are_seen_with_their_place(seen: traces.Seen) -> None:
    assert set(seen.written) == {"/w/a b", "/home/p/.cache", "/lib/x.db", "/lib/t", "/lib/u"}
    allowed = [Path("/lib"), Path("/home/p/.cache/app")]
    assert set(seen.outside(allowed)) == {"/w/a b"}
    assert "/lib/x.db" in seen.outside([Path("/li")])


def test_a_line_that_is_not_understood_is_no_silence(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("10 socket(AF_INET something else\n")
    with pytest.raises(ValueError, match="not understood"):
        traces.read(tmp_path / "t")


def test_packets_are_told_and_the_kernels_own_are_not() -> None:
    head = bytes(12)
    udp = struct.pack("!HHHH", 1000, 53, 8, 0)
    v4 = (
        head
        + b"\x08\x00"
        + bytes([0x45])
        + bytes(8)
        + bytes([17])
        + bytes(6)
        + bytes([192, 0, 2, 1])
    )
    assert capture.describe(v4 + udp) == "UDP to 192.0.2.1 port 53"
    v6 = head + b"\x86\xdd" + bytes(6) + bytes([58, 1]) + bytes(16) + bytes(15) + b"\x01"
    assert capture.describe(v6 + bytes([135, 0])) == ""  # neighbour solicitation
    assert capture.describe(v6 + bytes([128, 0])) == "ICMPv6 to ::1"
    joined = head + b"\x86\xdd" + bytes(6) + bytes([0, 1]) + bytes(32) + bytes([58]) + bytes(7)
    assert capture.describe(joined + bytes([143])) == ""
    assert capture.describe(head + b"\x08\x06") == "a frame of type 0806"


def test_a_library_that_learns_to_report_is_noticed(tmp_path: Path) -> None:
    found = [inventory.Found("a", ("network", "telemetry"), "a.py")]
    assert inventory.problems(found, [Watched("a", ("network",), "")]) == [
        "a can telemetry, which libraries.toml does not say (a.py)"
    ]
    assert not inventory.problems(found, [Watched("a", ("network", "telemetry"), "")])
    for name, content, can in (
        ("m.py", b"import os\nimport requests\n", {"network"}),
        ("n.py", b"# we import requests\n", set()),
        ("o.so", b"\0getaddrinfo\0Telemetry\0", {"network", "telemetry"}),
        ("p.txt", b"telemetry", set()),
    ):
        (tmp_path / name).write_bytes(content)
        assert set(inventory._can(tmp_path / name)) == can
