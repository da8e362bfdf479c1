"""requirements.lock holds exact versions of all that pyproject.toml declares, and no addresses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==", 1) for line in lines if not line.startswith("#"))


def test_every_line_is_a_name_and_an_exact_version() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    exact = re.compile(r"#.*|[a-z0-9-]+==[0-9][0-9a-z.]*")
    assert [line for line in lines if not exact.fullmatch(line)] == []


def test_what_is_declared_is_locked_within_its_limits() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    versions = locked()
    for requirement in map(Requirement, declared):
        version = versions.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not locked; run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"
