"""Chooses the next token from the logits. Knows ids only: no model, no text.

The order is the one of ``transformers``: repetition penalty, allowed tokens, temperature, top-k,
top-p, min-p. One random number is drawn for each choice, whatever the settings, so that a seed
gives the same text with drafts and without. A whole vocabulary is never sorted unless its
probabilities are so flat that top-p asks for it.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.options import Options

# Top-p looks at so many of the likeliest tokens first, then at sixteen times as many.
_FIRST_LOOK = 256


class Sampler:
    """One answer's choices; the repetition penalty covers ``prompt`` and all that was accepted."""

    def __init__(self, options: Options, prompt: Sequence[int]) -> None:
        self._options = options
        self._random = torch.Generator()
        if options.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(options.seed)
        self._penalised = options.repetition_penalty != 1
        self._seen: dict[int, None] = dict.fromkeys(prompt) if self._penalised else {}
        self._seen_ids: Tensor | None = None

    def pick(self, logits: Tensor, allowed: Tensor | None = None) -> int:
        """The next token, from ``logits`` [vocabulary], left as they are.

        ``allowed`` [vocabulary, or fewer], bool, names the tokens there are to choose from; ids
        past its end are not allowed. Equal logits at temperature 0 give the lowest id. Raises
        ValueError if nothing is allowed, and ArithmeticError if the logits are not numbers.
        """
        logits = logits.detach().float()
        if self._penalised:
            logits = self._penalise(logits)
        if allowed is not None:
            logits = _restrict(logits, allowed)
        if self._options.temperature == 0:
            best = int(logits.argmax())
            _check(float(logits[best]))
            return best
        likely, ids = self._candidates(logits)
        # Inverse of the cumulative distribution, in float64: the last bin is never overshot.
        heights = likely.cumsum(0)
        draw = torch.rand(1, generator=self._random, dtype=torch.float64) * heights[-1]
        place = int(torch.searchsorted(heights, draw, right=True))
        if place == len(likely):  # rounded up to the very top: the last that has a chance is meant
            place = int(torch.nonzero(likely)[-1])
        return place if ids is None else int(ids[place])

    def accept(self, token: int) -> None:
        """``token`` has been written; the repetition penalty covers it from now on."""
        if self._penalised and token not in self._seen:
            self._seen[token] = None
            self._seen_ids = None

    def _penalise(self, logits: Tensor) -> Tensor:
        """Keskar et al. 2019 (CTRL), in the form of ``transformers``: seen tokens once each."""
        if self._seen_ids is None:
            known = [token for token in self._seen if 0 <= token < logits.shape[0]]
            self._seen_ids = torch.tensor(known, dtype=torch.long, device=logits.device)
        penalty = self._options.repetition_penalty
        scores = logits[self._seen_ids]
        scores = torch.where(scores < 0, scores * penalty, scores / penalty)
        return logits.index_copy(0, self._seen_ids, scores)

    def _candidates(self, logits: Tensor) -> tuple[Tensor, Tensor | None]:
        """Weights (float64, on the CPU, not normalised) and their ids; None means all, in order."""
        options = self._options
        top = float(logits.max())
        _check(top)
        vocabulary = logits.shape[0]
        scale = min(1 / options.temperature, 1e30)  # what is steeper is greedy in float32 anyway
        if 0 < options.top_k < vocabulary:
            values, ids = logits.topk(options.top_k)
            weights = _weights(values, top, scale)
            total = float(weights.sum(dtype=torch.float64))
        elif options.top_p < 1:
            total = float(_weights(logits, top, scale).sum(dtype=torch.float64))
            count = min(_FIRST_LOOK, vocabulary)
            while True:
                values, ids = logits.topk(count)
                weights = _weights(values, top, scale)
                if count == vocabulary or float(weights.sum()) >= options.top_p * total:
                    break
                count = min(count * 16, vocabulary)
        elif options.min_p > 0:
            ids = torch.nonzero(logits >= top + math.log(options.min_p) / scale).flatten()
            return _weights(logits[ids], top, scale).cpu().double(), ids.cpu()
        else:
            return _weights(logits, top, scale).cpu().double(), None
        weights = weights.cpu().double()
        ids = ids.cpu()
        if options.top_p < 1:
            # Kept as long as what is likelier does not reach top_p; the likeliest always is.
            before = weights.cumsum(0) - weights
            kept = before < options.top_p * total
            kept[0] = True
            weights, ids = weights[kept], ids[kept]
        if options.min_p > 0:
            kept = weights >= options.min_p  # the likeliest weighs 1
            weights, ids = weights[kept], ids[kept]
        return weights, ids


def _weights(values: Tensor, top: float, scale: float) -> Tensor:
    """exp((value - top) / temperature): 1 for the likeliest, 0 for the forbidden."""
    return values.sub(top).mul_(scale).exp_()


def _restrict(logits: Tensor, allowed: Tensor) -> Tensor:
    forbidden = torch.ones(logits.shape[0], dtype=torch.bool, device=logits.device)
    count = min(logits.shape[0], allowed.shape[0])
    forbidden[:count] = ~allowed[:count].to(logits.device)
    return logits.masked_fill(forbidden, -math.inf)


def _check(best: float) -> None:
    if math.isnan(best) or best == math.inf:
        raise ArithmeticError("The model's logits are not numbers.")
    if best == -math.inf:
        raise ValueError("No token is allowed.")
