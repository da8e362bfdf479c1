"""Tokens and images in, tokens out. Knows nothing of documents.

:class:`Engine` runs a model in a process of its own; :func:`plan` says beforehand whether it fits.
Importing this package loads no torch; ``engine.model.load`` does. See ``docs/architecture.md``.
"""

from engine.errors import (
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
    Event,
    Finished,
    Message,
    ModelFacts,
    Options,
    PromptRead,
    Written,
)
from engine.planner import Plan, plan
from engine.service import Engine
from engine.widths import KVBits, Widths

__all__ = [
    "BadSchema",
    "DamagedModel",
    "Engine",
    "EngineBusy",
    "EngineError",
    "EngineStopped",
    "Event",
    "Finished",
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
