"""Writes requirements.lock: the exact versions of all that Muniment needs, and nothing else.

Run by the virtual environment's own Python (``make lock``). Starts at the project's declared
dependencies and its "dev" extra, follows what each installed distribution requires, and writes
the versions that are installed. What merely lies in the environment is left out. No addresses
and no hashes: the wheel of torch differs by platform, and the installers pin hashes.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
# The oldest Python to serve: Debian 12's.
OLDEST_PYTHON = "3.11.2"
HEADER = """\
# Exact versions of everything that Muniment runs, builds and tests with.
# Written by `make lock` from what pyproject.toml declares; installed by `make setup`.
"""


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    try:
        versions = closure([Requirement(text) for text in declared])
    except PackageNotFoundError as error:
        print(f"{error.name} is not installed in this environment. Run `make setup` first.")
        return 1
    if demanding := too_demanding(versions):
        print(f"Python {OLDEST_PYTHON} cannot run these; limit them in pyproject.toml:")
        print("\n".join(demanding))
        return 1
    lines = [f"{name}=={versions[name]}\n" for name in sorted(versions)]
    LOCK.write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"{LOCK.name}: {len(lines)} packages")
    return 0


def closure(wanted: list[Requirement]) -> dict[str, str]:
    """The installed version of every requirement and of what it needs, by normal name.

    A local version ("+cpu") is dropped: it says where a wheel came from.
    """
    versions: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(requirement, frozenset(requirement.extras)) for requirement in wanted]
    while waiting:
        requirement, extras = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        installed = distribution(name)
        versions[name] = re.sub(r"\+.*", "", installed.version)
        for text in installed.requires or []:
            needed = Requirement(text)
            environments = [{"extra": extra} for extra in ("", *extras)]
            if needed.marker is None or any(map(needed.marker.evaluate, environments)):
                waiting.append((needed, frozenset(needed.extras)))
    return versions


def too_demanding(names: Iterable[str]) -> list[str]:
    """The distributions whose installed version wants a newer Python than the oldest served."""
    wishes = {name: distribution(name).metadata["Requires-Python"] or "" for name in names}
    return [
        f"{name} wants Python {wish}"
        for name, wish in sorted(wishes.items())
        if not SpecifierSet(wish).contains(OLDEST_PYTHON)
    ]


if __name__ == "__main__":
    sys.exit(main())
