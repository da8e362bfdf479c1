"""Where a computer's policy is, and whether it can be trusted: only an administrator writes it.

Nothing that a user sets changes the place: no option, no environment variable. Linux and macOS
have a file, which has to belong to root, in a folder that does too, and which nobody else may
write; Windows has a registry key that only administrators may write. Tests put other values into
`FILE` and `OWNERS` of this module.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from app.core.policy_settings import SETTINGS, PolicyError, flat

REGISTRY_KEY = r"Software\Policies\Muniment"
FILE = Path(
    "/Library/Application Support/Muniment/policy.toml"
    if sys.platform == "darwin"
    else "/etc/muniment/policy.toml"
)
OWNERS = frozenset({0})
_MOST_BYTES = 1 << 20


def place() -> str:
    """Where the policy is read from, for people."""
    return rf"HKLM\{REGISTRY_KEY}" if sys.platform == "win32" else str(FILE)


def read_values() -> Mapping[str, object] | None:
    """The policy's values by the settings' names; None where there is no policy.

    Raises:
        PolicyError: it cannot be read, is no TOML, or others than an administrator may write it.
    """
    if sys.platform == "win32":
        return _of_registry(_registry_values())
    data = read_trusted(FILE)
    return None if data is None else parsed(data, str(FILE))


def parsed(data: bytes, where: str) -> dict[str, object]:
    """A policy file's content as values by the settings' names.

    Raises:
        PolicyError: it is no TOML in UTF-8, or has a section that no setting has.
    """
    try:
        return flat(tomllib.loads(data.decode("utf-8")), where)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(
            where, f"It is no TOML file: {error}.", "Correct it; `muniment policy check` helps."
        ) from error


def read_trusted(path: Path) -> bytes | None:
    """The content of a file that only an administrator may write; None where there is none.

    Raises:
        PolicyError: it cannot be read, or it or its folder may be written by others.
    """
    try:
        folder = path.parent.lstat()
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        if error.errno == errno.ELOOP:
            raise _untrusted(path, "It is a link.", "Put the file itself there.") from None
        raise _unreadable(path, error) from error
    try:
        problem = write_problem(path, folder, os.fstat(descriptor))
        if problem:
            raise _untrusted(
                path,
                problem,
                f"As root: chown root {path.parent} {path}; chmod go-w {path.parent} {path}",
            )
        data = _content(descriptor)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    if len(data) > _MOST_BYTES:
        raise PolicyError(str(path), "It is larger than 1 MiB.", "Put a policy there.")
    return data


def write_problem(path: Path, folder: os.stat_result, file: os.stat_result) -> str:
    """Why others than an administrator could change a file; empty when they cannot."""
    if not stat.S_ISREG(file.st_mode):
        return "It is no regular file."
    for what, state in ((path, file), (path.parent, folder)):
        if stat.S_ISLNK(state.st_mode):
            return f"{what} is a link."
        if state.st_uid not in OWNERS:
            return f"{what} does not belong to root."
        if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"Others than root may write {what}."
    return ""


def _content(descriptor: int) -> bytes:
    data = b""
    while len(data) <= _MOST_BYTES and (part := os.read(descriptor, _MOST_BYTES + 1)):
        data += part
    return data


def _unreadable(where: object, error: OSError) -> PolicyError:
    return PolicyError(
        str(where),
        f"The policy of this computer cannot be read: {error.strerror}.",
        "Ask its administrator to make it readable for all users.",
    )


def _untrusted(path: Path, cause: str, remedy: str) -> PolicyError:
    return PolicyError(str(path), f"This policy cannot be relied on. {cause}", remedy)


# A value, or of a list the values of its key.
RegistryValues = Mapping[str, object]


def _of_registry(values: RegistryValues | None) -> dict[str, object] | None:
    """Registry values under the names of a file. Numbers stand for true and false.

    Raises:
        PolicyError: a value that no setting has.
    """
    if values is None:
        return None
    known = {setting.registry.casefold(): setting for setting in SETTINGS}
    found: dict[str, object] = {}
    for name, value in values.items():
        setting = known.get(name.casefold())
        if setting is None:
            raise PolicyError(
                rf"HKLM\{REGISTRY_KEY}",
                f"It has an unknown value, “{name}”.",
                f"Take it out. There are: {', '.join(s.registry for s in SETTINGS)}.",
            )
        if isinstance(setting.default, bool) and value in (0, 1):
            value = bool(value)
        elif isinstance(setting.default, str) and isinstance(value, list):
            value = "\n".join(map(str, value))  # a text of several lines
        found[setting.name] = value
    return found


if sys.platform == "win32":
    import winreg

    def _registry_values() -> RegistryValues | None:
        access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, REGISTRY_KEY, 0, access) as key:
                return _values_below(key, access)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(rf"HKLM\{REGISTRY_KEY}", error) from error

    def _values_below(key: winreg.HKEYType, access: int) -> RegistryValues:
        keys, values, _ = winreg.QueryInfoKey(key)
        found: dict[str, object] = {}
        for number in range(values):
            name, value, _ = winreg.EnumValue(key, number)
            if name:
                found[name] = value
        for number in range(keys):
            name = winreg.EnumKey(key, number)
            with winreg.OpenKey(key, name, 0, access) as below:
                count = winreg.QueryInfoKey(below)[1]
                found[name] = [winreg.EnumValue(below, n)[1] for n in range(count)]
        return found
