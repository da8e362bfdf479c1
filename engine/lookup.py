"""Prompt lookup: drafts the next tokens from where the last few stood before. Knows no model.

After Saxena, "Prompt Lookup Decoding" (2023): an answer that quotes repeats runs of its prompt, so
the tokens that followed the same three tokens before are a good guess for what follows now. The
guess is verified by the model in one pass; it can only change the speed.
"""

from collections.abc import Sequence

_RUN = 3
_MOST = 8
# After this many steps without gain, drafting pauses for as many tokens, then is tried again.
_PATIENCE = 6
_PAUSE = 48


class PromptLookup:
    """Everything read or written so far, indexed by runs of three tokens."""

    def __init__(self, prompt: Sequence[int], most: int = _MOST) -> None:
        self._ids: list[int] = []
        self._next: dict[tuple[int, ...], int] = {}
        self._most = self._length = most
        self._misses = 0
        self._pause = 0
        self.drafted = 0
        self.accepted = 0
        for token in prompt:
            self.accept(token)

    def accept(self, token: int) -> None:
        """Adds a token that stands."""
        # The run before the token is indexed only now, so that a run never finds itself.
        if len(self._ids) >= _RUN:
            self._next[tuple(self._ids[-_RUN:])] = len(self._ids)
        self._ids.append(token)

    def draft(self, most: int) -> list[int]:
        """At most ``most`` tokens that may follow; none if nothing is known or it does not pay."""
        if self._pause:
            self._pause -= 1
            return []
        at = self._next.get(tuple(self._ids[-_RUN:]))
        if at is None:
            return []
        return self._ids[at : at + min(self._length, most)]

    def judge(self, drafted: int, accepted: int) -> None:
        """How a draft fared. Short drafts follow bad ones; too many bad ones make a pause."""
        self.drafted += drafted
        self.accepted += accepted
        if accepted == drafted:
            self._length = min(self._most, self._length * 2)
        else:
            self._length = max(2, accepted + 1)
        # Verifying costs about half a step more than writing one token: two in three must stand.
        self._misses = 0 if accepted * 3 >= drafted * 2 else self._misses + 1
        if self._misses >= _PATIENCE:
            self._misses, self._pause, self._length = 0, _PAUSE, 2
