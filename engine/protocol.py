"""What the two sides of the engine's pipe say to each other: plain data, without torch.

The far side handles files from elsewhere. So the near side takes from the pipe only the kinds of
four light modules, and unpickling imports nothing else.
"""

import io
import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

from engine.errors import BadMedia
from engine.options import (
    MOST_PART_BYTES,
    MOST_PROMPT_BYTES,
    Event,
    Message,
    ModelFacts,
    Options,
    SnapshotPlace,
)
from engine.widths import KVBits

Prompt = str | tuple[int, ...] | tuple[Message, ...]

_MODULES = frozenset({"engine.errors", "engine.options", "engine.protocol", "engine.widths"})
_BUILTINS = frozenset({"ValueError", "set", "frozenset"})


@dataclass(frozen=True)
class Load:
    """Near to far, first of all: the model to load, with what, after which guard.

    ``factory`` and ``guard`` are import paths, ``package.module:function``. ``kv``, ``tables`` and
    ``snapshots`` are those of :func:`engine.model.load`.
    """

    folder: str
    context: int | None
    memory: int | None
    device: str
    factory: str
    guard: str | None
    kv: KVBits | Literal["auto"] | None = "auto"
    tables: str | None = None
    snapshots: SnapshotPlace | None = None


@dataclass(frozen=True)
class Generate:
    """Near to far: write after this prompt."""

    request: int
    prompt: Prompt
    options: Options


@dataclass(frozen=True)
class Count:
    """Near to far: how many tokens is this prompt? Answered by Counted."""

    request: int
    prompt: Prompt


@dataclass(frozen=True)
class Forget:
    """Near to far: what was read of this owner is to leave memory. Answered by Ended."""

    request: int
    owner: str


@dataclass(frozen=True)
class Cancel:
    """Near to far: nobody reads this request's answer any more."""

    request: int


@dataclass(frozen=True)
class Counted:
    """Far to near: the prompt has so many tokens."""

    request: int
    tokens: int


@dataclass(frozen=True)
class Loaded:
    """Far to near: the model is ready."""

    facts: ModelFacts


@dataclass(frozen=True)
class Said:
    """Far to near: an event of a request."""

    request: int
    event: Event


@dataclass(frozen=True)
class Ended:
    """Far to near: the request is over, written to its end or cancelled."""

    request: int


@dataclass(frozen=True)
class Failed:
    """Far to near: the request has failed, or the loading (0)."""

    request: int
    error: Exception


def check_sizes(prompt: Prompt) -> None:
    """Raises BadMedia if images or audio are too much to be handed over."""
    messages = [part for part in prompt if isinstance(part, Message)]
    sources = [media.source for message in messages for media in message.media]
    sizes = [len(source) for source in sources if isinstance(source, bytes)]
    for number, size in enumerate(sizes, start=1):
        if size > MOST_PART_BYTES:
            raise BadMedia(
                f"Image or audio {number} of the prompt",
                f"It has {size:,} bytes, more than {MOST_PART_BYTES:,}.",
                "Make it smaller.",
            )
    if sum(sizes) > MOST_PROMPT_BYTES:
        raise BadMedia(
            "The prompt",
            f"Its images and audio have {sum(sizes):,} bytes, more than {MOST_PROMPT_BYTES:,}.",
            "Ask over fewer of them.",
        )


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known = module in _MODULES or (module == "builtins" and name in _BUILTINS)
        if not known or "." in name:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


def send(connection: Connection, message: object) -> None:
    """Sends one message; OSError if nobody listens."""
    connection.send_bytes(pickle.dumps(message, protocol=5))


def receive(connection: Connection) -> object:
    """Waits for one message.

    EOFError or OSError if the other side is gone, pickle.UnpicklingError for a kind that is not
    of this protocol.
    """
    message: object = _Reader(io.BytesIO(connection.recv_bytes())).load()
    return message
