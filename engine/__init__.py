"""Tokens and images in, tokens out. Knows nothing of documents.

:class:`Engine` runs a model in a process of its own; :func:`plan` says beforehand whether it fits.
Importing this package loads no torch; ``engine.model.load`` does. See ``docs/architecture.md``.
"""

from typing import TYPE_CHECKING, Any

from engine.errors import (
    BadMedia,
    BadSchema,
    DamagedModel,
    EngineBusy,
    EngineError,
    EngineStopped,
    MemoryExceeded,
    ModelError,
    PackingFailed,
    PromptTooLong,
    UnsupportedModel,
)
from engine.options import (
    Audio,
    Event,
    Finished,
    Image,
    Message,
    ModelFacts,
    Options,
    PromptRead,
    Written,
)
from engine.service import Engine
from engine.widths import KVBits, Widths

if TYPE_CHECKING:
    from engine.planner import Plan, plan

__all__ = [
    "Audio",
    "BadMedia",
    "BadSchema",
    "DamagedModel",
    "Engine",
    "EngineBusy",
    "EngineError",
    "EngineStopped",
    "Event",
    "Finished",
    "Image",
    "KVBits",
    "MemoryExceeded",
    "Message",
    "ModelError",
    "ModelFacts",
    "Options",
    "PackingFailed",
    "Plan",
    "PromptRead",
    "PromptTooLong",
    "UnsupportedModel",
    "Widths",
    "Written",
    "plan",
]


def __getattr__(name: str) -> Any:
    # The planner needs numpy, which whoever only asks for an answer does not.
    if name in ("Plan", "plan"):
        from engine import planner

        return getattr(planner, name)
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
