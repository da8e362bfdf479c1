"""Stands in for ``engine.model`` on the far side of the service: no torch, no weights.

The prompt says how it behaves. Written.tokens count the tokens it has computed.
"""

import ctypes
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal

from engine.errors import DamagedModel, MemoryExceeded, PromptTooLong
from engine.options import (
    Event,
    Finished,
    ModelFacts,
    Options,
    PromptRead,
    SnapshotPlace,
    Written,
)
from engine.widths import KVBits

guarded = False


def guard() -> None:
    """Runs before anything heavy is imported."""
    global guarded
    assert "torch" not in sys.modules
    guarded = True


def bad_guard() -> None:
    """A guard that cannot keep its promise."""
    raise RuntimeError("no filter")


class FakeModel:
    """Echoes, counts, fails or dies."""

    def __init__(self, folder: Path, settings: tuple[object, ...]) -> None:
        notes = (str(os.getpid()), *map(str, settings), str(guarded), str("torch" in sys.modules))
        self.facts = ModelFacts(folder.name, "fake", 1, 2, 3, 4, 5, 6, 7, "none", "cpu", notes)
        self.log = folder / "log"

    def forget(self, owner: str) -> None:
        """Writes down whom."""
        self.log.with_name("forgotten").write_text(owner)

    def count(self, prompt: Any) -> int:
        """A token a character; what cannot be counted is too long."""
        if prompt == "too long":
            raise PromptTooLong("The prompt", "It has 9 tokens.", "Ask less.")
        return len(prompt)

    def generate(self, prompt: Any, options: Options) -> Generator[Event, None, None]:
        """What the prompt says."""
        yield PromptRead(len(prompt), len(prompt))
        match prompt:
            case "count":
                yield from self._count(options)
            case "flood":
                for number in range(10**9):
                    yield Written("x" * 1000, tokens=(number,))
            case "die":
                yield Written("last words")
                os._exit(7)
            case "crash":
                ctypes.string_at(0)
            case "too long":
                raise PromptTooLong("The prompt", "It has 9 tokens.", "Ask less.")
            case "value":
                raise ValueError("a prompt needs at least one token")
            case "memory":
                raise MemoryError
            case "bug":
                raise KeyError("oops")
            case "strange":
                yield Path("/")  # type: ignore[misc] # no event: the near side has to refuse it
            case _:
                yield Written(repr(prompt))
                yield Finished("end", len(prompt), 1, 0.0, 0.0)

    def _count(self, options: Options) -> Generator[Event, None, None]:
        computed = 0
        try:
            while computed < options.max_tokens:
                time.sleep(0.02)
                computed += 1
                self.log.write_text(str(computed))
                yield Written("w", tokens=(computed,))
            yield Finished("length", 1, computed, 0.0, 0.0)
        finally:
            self.log.write_text(f"stopped after {computed}")


def load(
    folder: Path,
    *,
    context: int | None,
    memory: int | None,
    device: str,
    kv: KVBits | Literal["auto"] | None,
    tables: Path | None,
    snapshots: SnapshotPlace | None,
) -> FakeModel:
    """As ``engine.model.load``."""
    match folder.name:
        case "damaged":
            raise DamagedModel(str(folder), "The file is cut short.", "Copy it again.")
        case "huge":
            raise MemoryExceeded(str(folder), "It takes 99 GB.", "Choose a smaller one.")
        case "endless":
            (folder / "loading").write_text(str(os.getpid()))
            time.sleep(60)
        case "deadly":
            os.kill(os.getpid(), 9)
    return FakeModel(folder, (context, memory, device, kv, tables, snapshots))
