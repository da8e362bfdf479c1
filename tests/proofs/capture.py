"""A network without an outside: runs a command in a network namespace and counts its packets.

``python -m tests.proofs.capture COMMAND...`` is run inside ``unshare --net``. Everything is routed
to an interface that leads nowhere, so that whoever would send, can; the capture sees the packets.
Prints ``{"code": ..., "packets": [...], "interface": ...}`` as the last line. Linux only.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

_ALL_PROTOCOLS = 3
_ADDRESSES = ("198.51.100.7/24", "2001:db8::7/64")  # RFC 5737, RFC 3849: for documents only
_PROTOCOLS = {6: "TCP", 17: "UDP", 1: "ICMP", 58: "ICMPv6"}


def main(command: Sequence[str]) -> int:
    """Makes the interface, captures, runs the command."""
    interface = _make_interface()
    packets: list[str] = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS)) as listener:
        listener.settimeout(0.2)
        ended = threading.Event()
        catcher = threading.Thread(target=_catch, args=(listener, packets, ended))
        catcher.start()
        code = subprocess.run(command).returncode
        ended.set()
        catcher.join()
    print(json.dumps({"code": code, "packets": packets, "interface": interface}))
    return 0


def _make_interface() -> str:
    """A dummy interface, or the loopback where the kernel has none; every address leads there."""
    _ip("link", "set", "lo", "up")
    name = "dummy0"
    if not _ip("link", "add", name, "type", "dummy", may_fail=True):
        name = "lo"
    for address in _ADDRESSES:
        _ip("address", "add", address, "dev", name, *(("nodad",) if ":" in address else ()))
    _ip("link", "set", name, "up")
    for family in ("-4", "-6"):
        _ip(family, "route", "add", "default", "dev", name)
    return name


def _ip(*words: str, may_fail: bool = False) -> bool:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode and not may_fail:
        raise SystemExit(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.returncode == 0


def _catch(listener: socket.socket, packets: list[str], ended: threading.Event) -> None:
    while True:
        try:
            packet = listener.recv(65_536)
        except TimeoutError:
            if ended.is_set():
                return
            continue
        if told := describe(packet):
            packets.append(told)


def describe(packet: bytes) -> str:
    """An Ethernet frame in words; nothing for what the kernel itself sends when a link comes up.

    That is: neighbour and router discovery and group membership, ICMPv6 130 to 143 (RFC 4861,
    3810), sent before any program runs.
    """
    kind, body = packet[12:14], packet[14:]
    if kind == b"\x08\x00" and len(body) >= 20:
        protocol, target = body[9], socket.inet_ntop(socket.AF_INET, body[16:20])
        ports = body[(body[0] & 15) * 4 :]
    elif kind == b"\x86\xdd" and len(body) >= 40:
        protocol, target = body[6], socket.inet_ntop(socket.AF_INET6, body[24:40])
        ports = body[40:]
        if protocol == 0 and len(ports) > 8:  # hop-by-hop options come first
            protocol, ports = ports[0], ports[8:]
        if protocol == 58 and ports and 130 <= ports[0] <= 143:
            return ""
    else:
        return f"a frame of type {kind.hex()}"
    name = _PROTOCOLS.get(protocol, str(protocol))
    port = f" port {int.from_bytes(ports[2:4], 'big')}" if protocol in (6, 17) else ""
    return f"{name} to {target}{port}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
