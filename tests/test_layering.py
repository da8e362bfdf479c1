"""Imports run one way: app.ui -> app.core -> {engine, ingest}; and the window stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "transformers", "sentence_transformers", "lancedb", "pymupdf", "onnxruntime")
PROBE = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
if "--all" in sys.argv:
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by_importing(package: str, *options: str) -> set[str]:
    """The top-level modules in memory after ``import package`` in a fresh interpreter."""
    result = subprocess.run(
        [sys.executable, "-c", PROBE, package, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout))


def test_import_contracts_hold() -> None:
    command = "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports_command())"
    result = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_whole_window_loads_nothing_heavy() -> None:
    assert not loaded_by_importing("app.ui", "--all") & set(HEAVY)


def test_the_command_line_starts_without_the_database() -> None:
    """The window is started through it, and never needs one."""
    assert "apsw" not in loaded_by_importing("app.cli")


@pytest.mark.parametrize("package", ["app", "app.core", "app.core.events", "app.cli"])
def test_the_shell_starts_light(package: str) -> None:
    assert not loaded_by_importing(package) & {*HEAVY, "PySide6"}


@pytest.mark.parametrize("package", ["engine", "ingest"])
def test_naming_a_lower_package_loads_no_model_code(package: str) -> None:
    loaded = loaded_by_importing(package)
    assert not loaded & {"torch", "transformers", "PySide6", "app"}
