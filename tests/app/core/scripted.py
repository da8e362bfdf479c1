"""Stands in for the engine: writes what the test says, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from engine.options import Event, Finished, Message, ModelFacts, Options, PromptRead, Written

FACTS = ModelFacts(
    "scripted", "gemma4", 1, 2, 3, 8000, 8000, 6, 7, "none", "cpu", fingerprint="ab" * 32
)
Prompt = Sequence[Message] | Sequence[int] | str


class Scripted:
    """A writer whose answers are functions of the prompt; a token is four characters."""

    def __init__(self, *answers: str | Callable[[str], str], facts: ModelFacts = FACTS) -> None:
        self._answers = list(answers)
        self._facts = facts
        self.prompts: list[str] = []
        self.messages: list[Any] = []
        self.options: list[Options] = []
        self.closed = 0
        self.forgotten: list[str] = []

    def facts(self) -> ModelFacts:
        """What it pretends to be."""
        return self._facts

    def count(self, prompt: Prompt) -> int:
        """A token is four characters."""
        return len(text_of(prompt)) // 4

    def forget(self, owner: str) -> None:
        """Writes down whom."""
        self.forgotten.append(owner)

    def close(self) -> None:
        """Nothing to end."""

    def generate(self, prompt: Prompt, options: Options) -> Generator[Event, None, None]:
        """The next answer, a few characters at a time."""
        text = text_of(prompt)
        self.prompts.append(text)
        self.messages.append(prompt)
        self.options.append(options)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        said = answer(text) if callable(answer) else answer
        try:
            yield PromptRead(len(text) // 4, len(text) // 4)
            for at in range(0, len(said), 3):
                yield Written(said[at : at + 3])
            yield Finished("end", len(text) // 4, len(said) // 4, 1.0, 1.0)
        finally:
            self.closed += 1


def text_of(prompt: Prompt) -> str:
    """The prompt's words."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(m.text for m in prompt if isinstance(m, Message))


def put_in(workspace: Any, writer: Scripted) -> None:
    """Lets the writer answer in a workspace, as a chosen model would."""
    workspace.language._for_now = Path(__file__)
    workspace.language.engine = lambda: writer
