"""How much memory the system can still give. Knows no models."""

from pathlib import Path

import psutil

_GROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")
# Control groups without a limit give a number near 2^63.
_NO_LIMIT = 1 << 60


def available_memory() -> int:
    """Bytes that can be used without swapping, within the limits of a container."""
    return min([int(psutil.virtual_memory().available), *_group_room()])


def _group_room() -> list[int]:
    """Bytes left in each control group around this process (Linux; versions 1 and 2)."""
    try:
        lines = _GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    left = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            names = ("memory.max", "memory.current")
            mount = _MOUNT
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            mount = _MOUNT / "memory"
        else:
            continue
        folder = mount / path.lstrip("/")
        for group in (folder, *folder.parents):
            room = _room(group, *names)
            if room is not None:
                left.append(room)
            if group == mount:
                break
    return left


def _room(group: Path, limit: str, usage: str) -> int | None:
    """What the group's processes may still take; cached files give way and do not count."""
    try:
        most = int((group / limit).read_text())
        used = int((group / usage).read_text())
        kept = [line.split() for line in (group / "memory.stat").read_text().splitlines()]
    except (OSError, ValueError):
        return None
    if most >= _NO_LIMIT:
        return None
    cached = sum(int(number) for name, number in kept if name in ("inactive_file", "active_file"))
    return max(0, most - used + cached)
