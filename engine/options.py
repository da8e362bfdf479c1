"""What a caller asks of the engine and what it hears back: plain data, picklable, without torch."""

from dataclasses import dataclass, field
from typing import Any, Literal

Reason = Literal["end", "stop", "length"]


# Of one image or audio file, and of all in a prompt.
MOST_PART_BYTES, MOST_PROMPT_BYTES = 1 << 26, 1 << 28


@dataclass(frozen=True)
class Image:
    """A picture in a message: an image file's bytes, or the path where one lies.

    ``tokens`` is the most soft tokens it may take, one of ``ModelFacts.image_budgets``; None takes
    the model's usual number. More show finer print and take longer.
    """

    source: bytes | str = field(repr=False)
    tokens: int | None = None


@dataclass(frozen=True)
class Audio:
    """Speech in a message: a WAV file's bytes or path, 16 kHz, mono, PCM.

    At most ``ModelFacts.audio_seconds`` long.
    """

    source: bytes | str = field(repr=False)


Part = str | Image | Audio


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; ``role`` is system, user or assistant.

    ``content`` is a text, or texts, images and audio in the order in which they are read.
    """

    role: Literal["system", "user", "assistant"]
    content: str | tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The content as parts."""
        return (self.content,) if isinstance(self.content, str) else tuple(self.content)

    @property
    def text(self) -> str:
        """The texts among them, as one."""
        return "".join(part for part in self.parts if isinstance(part, str))

    def first(self, characters: int | None) -> "Message":
        """Up to so many characters of its text, with what is shown before the text goes on."""
        if characters is None:
            return self
        if isinstance(self.content, str):
            return Message(self.role, self.content[:characters])
        found: list[Part] = []
        for part in self.parts:
            if isinstance(part, str):
                if characters <= 0:
                    break
                part, characters = part[:characters], characters - len(part)
            found.append(part)
        return Message(self.role, tuple(found))

    @property
    def media(self) -> "tuple[Image | Audio, ...]":
        """The parts that are no text."""
        return tuple(part for part in self.parts if not isinstance(part, str))


@dataclass(frozen=True)
class Keep:
    """What of a prompt is worth keeping on disk: its first part, up to the end of a document.

    ``owner`` names whose it is, so that it is deleted with it. Kept are the messages before
    ``message`` and its first ``characters``; of a plain text its first characters, of token ids so
    many of them. None takes all of them.
    """

    owner: str
    message: int = 0
    characters: int | None = None


@dataclass(frozen=True)
class SnapshotPlace:
    """A folder for what has been read, the key its files are encrypted with (32 bytes), and the
    most bytes they may take; those used least recently go first."""

    folder: str
    key: bytes = field(repr=False)
    budget: int = 10 << 30


@dataclass(frozen=True)
class Options:
    """How to write.

    temperature 0 is greedy. top_k 0, top_p 1, min_p 0 and repetition_penalty 1 switch those off.
    ``stop`` strings end the answer and are not part of it. ``schema`` is a JSON schema the answer
    must follow. ``lookup`` drafts from the prompt; it changes the speed and never what is written
    greedily. ``keep`` says what of the prompt is read once for all; it needs a model opened with a
    place for snapshots.
    """

    max_tokens: int = 1024
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    thinking: bool = False
    schema: dict[str, Any] | None = None
    lookup: bool = True
    keep: Keep | None = None

    def __post_init__(self) -> None:
        checks = {
            "max_tokens must be at least 1": self.max_tokens >= 1,
            "temperature must not be negative": self.temperature >= 0,
            "top_k must not be negative": self.top_k >= 0,
            "top_p must be above 0 and at most 1": 0 < self.top_p <= 1,
            "min_p must be from 0 to 1": 0 <= self.min_p <= 1,
            "repetition_penalty must be above 0": self.repetition_penalty > 0,
            "stop strings must not be empty": all(self.stop),
        }
        for rule, kept in checks.items():
            if not kept:
                raise ValueError(rule)


@dataclass(frozen=True)
class PromptRead:
    """So many of the prompt's tokens have been read.

    ``reused`` came from what was read before, ``restored`` of them from disk. ``note`` says what a
    person should know of what is kept on disk: that it was damaged, or could not be written.
    """

    tokens: int
    of: int
    reused: int = 0
    restored: int = 0
    note: str = ""


@dataclass(frozen=True)
class Written:
    """A piece of text, whole characters only. ``thought`` tells thinking from the answer.

    ``tokens`` are the ids it came from; a piece may have none yet (held back) or several (a draft).
    """

    text: str
    thought: bool = False
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class Finished:
    """The end: why, and how much it took. Times in seconds."""

    reason: Reason
    prompt_tokens: int
    written_tokens: int
    prefill_seconds: float
    decode_seconds: float
    drafted: int = 0
    accepted: int = 0


DEFAULTS = Options()
Event = PromptRead | Written | Finished


@dataclass(frozen=True)
class ModelFacts:
    """What a loaded model is: for showing, without torch.

    ``kv`` is the width of keys and values on global layers: ``exact``, or as ``k3v3``.
    ``fingerprint`` tells its files from any others, ``weights`` is their width. ``chat`` says
    whether it was made for conversations; other models go on with a text. ``image_budgets`` are
    the numbers of soft tokens that an image may take at most, the usual one first; empty where the
    model does not see. ``audio_seconds`` is 0 where it does not hear.
    """

    name: str
    family: str
    layers: int
    hidden: int
    vocabulary: int
    context: int
    longest_context: int
    weight_bytes: int
    cache_bytes: int
    kernels: str
    device: str
    notes: tuple[str, ...] = field(default=())
    kv: str = "exact"
    image_budgets: tuple[int, ...] = ()
    audio_seconds: int = 0
    fingerprint: str = ""
    weights: str = ""
    chat: bool = True
