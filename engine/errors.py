"""What can go wrong in the engine, each with its cause and what to do about it.

EngineError
├── ModelError            the model folder or file cannot be used
│   ├── UnsupportedModel  a kind of model, file or number format the engine does not run
│   └── DamagedModel      a file is cut short, or a tensor is missing or has another shape
├── MemoryExceeded        it would not fit, said before anything is loaded
├── PromptTooLong         more tokens than the context holds
├── BadMedia              an image or audio in a prompt cannot be read
├── BadSchema             the JSON schema is wrong, or holds what cannot be followed
├── PackingFailed         the packed model could not be written
├── EngineBusy            it is still writing another answer
└── EngineStopped         the child process that ran the model has ended
"""


class EngineError(Exception):
    """Base of all. ``cause`` says what is wrong, ``remedy`` what to do, in whole sentences."""

    def __init__(self, subject: str, cause: str, remedy: str) -> None:
        super().__init__(f"{subject}: {cause} {remedy}")
        self.subject = subject
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.subject, self.cause, self.remedy)


class ModelError(EngineError):
    """The model cannot be used."""


class UnsupportedModel(ModelError):
    """A kind of model, file or number format that the engine does not run."""


class DamagedModel(ModelError):
    """A file is cut short, or a tensor is missing or has another shape."""


class MemoryExceeded(EngineError):
    """The model or the context would not fit into the memory there is."""


class PromptTooLong(EngineError):
    """More tokens than the context holds."""


class BadMedia(EngineError):
    """An image or audio in a prompt is damaged, too large, or of a kind that is not read."""


class BadSchema(EngineError):
    """The JSON schema is wrong, or holds what cannot be followed."""


class PackingFailed(EngineError):
    """The packed model could not be written; nothing of it was left behind."""


class EngineBusy(EngineError):
    """It is still writing another answer."""


class EngineStopped(EngineError):
    """The child process that ran the model has ended."""
