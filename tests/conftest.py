"""For every test: folders of its own, and no warning unheard.

No test sees the person's home, configuration or libraries, and a test fails when one of our
packages logs a warning that it did not expect (`caplog` users announce theirs with
``expected_warnings``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core import offline, policy_place

PACKAGES = ("app", "engine", "ingest")
FOLDERS = {
    "HOME": "home",
    "USERPROFILE": "home",
    "APPDATA": "home/config",
    "LOCALAPPDATA": "home/data",
    "XDG_CONFIG_HOME": "home/config",
    "XDG_DATA_HOME": "home/data",
    "XDG_CACHE_HOME": "home/cache",
    "XDG_STATE_HOME": "home/state",
}
FORGOTTEN = ("MUNIMENT_LIBRARY", "MUNIMENT_PASSPHRASE", "MUNIMENT_KEY_FILE")


class WarningRecorder(logging.Handler):
    """Keeps what our packages log at WARNING and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []
        self.expected: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def unexpected(self) -> list[str]:
        """The messages that contain none of the expected texts."""
        messages = [f"{record.name}: {record.getMessage()}" for record in self.records]
        return [m for m in messages if not any(text in m for text in self.expected)]


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for this test alone; returns it."""
    root = tmp_path_factory.mktemp("person")
    for variable, folder in FOLDERS.items():
        path = root / folder
        path.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(variable, str(path))
    for variable in FORGOTTEN:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in offline.SWITCHES.items():
        monkeypatch.setenv(variable, value)
    # Whatever the policy of this computer is, tests in this process run without one.
    monkeypatch.setattr(policy_place, "FILE", root / "no policy")
    return root / "home"


@pytest.fixture(autouse=True)
def warning_recorder() -> Iterator[WarningRecorder]:
    """Fails the test on an unexpected warning of ours."""
    recorder = WarningRecorder()
    loggers = [logging.getLogger(package) for package in PACKAGES]
    for logger in loggers:
        logger.addHandler(recorder)
    yield recorder
    for logger in loggers:
        logger.removeHandler(recorder)
    if messages := recorder.unexpected():
        pytest.fail("Unexpected warnings were logged:\n" + "\n".join(messages), pytrace=False)


@pytest.fixture
def expected_warnings(warning_recorder: WarningRecorder) -> list[str]:
    """Texts that this test expects in warnings; append to it."""
    return warning_recorder.expected
