"""What the program is made of: the installed libraries, as a list and as CycloneDX.

Source: CycloneDX 1.6, JSON; package URLs as in the purl specification, type ``pypi``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from app.core.locations import resources_folder

PROGRAM = "muniment"
_LONGEST_LICENCE = 80  # some packages put the whole text there


@dataclass(frozen=True, slots=True)
class Component:
    """One library; ``needs`` are the names of those that it needs itself."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """A library in which there is a way out, and why it is not taken."""

    name: str
    can: tuple[str, ...]
    why: str


def canonical(name: str) -> str:
    """A distribution's name as it is compared (PEP 503).

    >>> canonical("PySide6_Essentials")
    'pyside6-essentials'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def components(root: str = PROGRAM) -> list[Component]:
    """The program's libraries, and theirs, by name; without those for tests, without itself."""
    found: dict[str, Component] = {}
    waiting = [root]
    while waiting:
        name = canonical(waiting.pop())
        if name in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another system, or not installed
        needs = tuple(sorted(_needs(distribution)))
        found[name] = Component(name, distribution.version, _licence(distribution), needs)
        waiting += needs
    return [found[name] for name in sorted(found) if name != canonical(root)]


def watched() -> list[Watched]:
    """The libraries of ``resources/privacy/libraries.toml``."""
    file = resources_folder() / "privacy" / "libraries.toml"
    with file.open("rb") as opened:
        entries = tomllib.load(opened)["library"]
    return [Watched(e["name"], tuple(e["can"]), e["why"]) for e in entries]


def cyclonedx(made_of: list[Component]) -> dict[str, Any]:
    """A bill of materials. Nothing in it tells of the machine or the moment: two are the same."""
    known = {component.name for component in made_of}
    program = f"pkg:pypi/{PROGRAM}@{metadata.version(PROGRAM)}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": program,
                "name": PROGRAM,
                "version": metadata.version(PROGRAM),
                "purl": program,
                "licenses": [{"expression": "AGPL-3.0-or-later"}],
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": _purl(component),
                "name": component.name,
                "version": component.version,
                "purl": _purl(component),
                "licenses": [{"license": {"name": component.licence}}],
            }
            for component in made_of
        ],
        "dependencies": [
            {
                "ref": program,
                "dependsOn": _refs(made_of, _needs(metadata.distribution(PROGRAM)) & known),
            },
            *(
                {"ref": _purl(c), "dependsOn": _refs(made_of, set(c.needs) & known)}
                for c in made_of
            ),
        ],
    }


def files_of(name: str) -> list[Path]:
    """The files of an installed library that exist."""
    distribution = metadata.distribution(name)
    places = (Path(str(distribution.locate_file(file))) for file in distribution.files or [])
    return [place for place in places if place.is_file()]


def _needs(distribution: metadata.Distribution) -> set[str]:
    named = (Requirement(text) for text in distribution.requires or [])
    return {
        canonical(need.name)
        for need in named
        if need.marker is None or need.marker.evaluate({"extra": ""})
    }


def _licence(distribution: metadata.Distribution) -> str:
    told = distribution.metadata
    for field in ("License-Expression", "License"):
        text = " ".join((told[field] or "").split()) if field in told else ""
        if text and text.casefold() != "unknown" and len(text) <= _LONGEST_LICENCE:
            return text
    classifiers = [c for c in told.get_all("Classifier") or [] if c.startswith("License ::")]
    return "; ".join(c.rpartition(" :: ")[2] for c in classifiers) or "not stated"


def _purl(component: Component) -> str:
    return f"pkg:pypi/{component.name}@{component.version}"


def _refs(made_of: list[Component], names: set[str]) -> list[str]:
    return [_purl(component) for component in made_of if component.name in names]
