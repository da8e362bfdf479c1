"""Renders a model's own chat template, with what people wrote kept apart from its control tokens.

Templates come with models and are not trusted: they run in jinja2's immutable sandbox, set up as
``transformers`` sets it up. Message contents are data. A control token spelled in one is replaced
by a placeholder before rendering, so that neither the template nor the tokenizer can take it for
a real one. Images and audio are handed to the template as parts; it writes a placeholder for each.
Knows no tokenizer.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from engine.errors import DamagedModel, UnsupportedModel
from engine.options import Image, Message

# Unicode noncharacters, kept for uses inside a program: no text that is exchanged holds them.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_PLACEHOLDER = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")

# A piece of a rendered chat: its text, and whether control tokens in it are mere text.
Piece = tuple[str, bool]


class ChatTemplate:
    """One model's template. ``source`` is the jinja text, ``subject`` the file it came from."""

    def __init__(self, source: str, subject: str = "The chat template") -> None:
        self._subject = subject
        environment = _environment()
        try:
            self._template = environment.from_string(source)
            tree = environment.parse(source)
        except TemplateError as error:
            raise DamagedModel(
                subject,
                f"The chat template cannot be read ({error}).",
                "Copy the model again.",
            ) from error
        strings = [node.data for node in tree.find_all(nodes.TemplateData)]
        constants = [node.value for node in tree.find_all(nodes.Const)]
        strings += [value for value in constants if isinstance(value, str)]
        self._literals = "\0".join(strings)

    def writes(self, token: str) -> bool:
        """Whether the template holds ``token`` as it stands in one of its own strings."""
        return token in self._literals

    def render(
        self,
        messages: Sequence[Message],
        thinking: bool,
        control: Collection[str],
        variables: Mapping[str, str],
    ) -> list[Piece]:
        """The conversation up to where the assistant begins to write, in pieces.

        ``control`` are the tokens that contents must not smuggle in, ``variables`` the names of
        special tokens (``bos_token``). Raises UnsupportedModel if the template refuses.
        """
        placeholders: list[str] = []
        pattern = _any_of(control)

        def put_aside(match: re.Match[str]) -> str:
            placeholders.append(match[0])
            return f"{_OPEN}{len(placeholders) - 1}{_CLOSE}"

        def content_of(message: Message) -> str | list[dict[str, str]]:
            if not message.media:
                return pattern.sub(put_aside, message.text)
            return [
                {"type": "text", "text": pattern.sub(put_aside, part)}
                if isinstance(part, str)
                else {"type": "image" if isinstance(part, Image) else "audio"}
                for part in message.parts
            ]

        turns = [{"role": message.role, "content": content_of(message)} for message in messages]
        try:
            chat = self._template.render(
                messages=turns,
                tools=None,
                documents=None,
                add_generation_prompt=True,
                enable_thinking=thinking,
                **variables,
            )
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise UnsupportedModel(
                self._subject,
                f"The chat template refuses this conversation ({error}).",
                "Begin a new conversation, or use another model.",
            ) from error
        return list(_pieces(chat, placeholders))


def split_control(text: str, control: Collection[str]) -> list[Piece]:
    """``text`` in pieces, each control token spelled in it being a piece of mere text."""
    pieces: list[Piece] = []
    place = 0
    for match in _any_of(control).finditer(text):
        pieces += [(text[place : match.start()], False), (match[0], True)]
        place = match.end()
    pieces.append((text[place:], False))
    return [piece for piece in pieces if piece[0]]


def _pieces(chat: str, placeholders: Sequence[str]) -> Iterator[Piece]:
    for place, part in enumerate(_PLACEHOLDER.split(chat)):
        if place % 2 == 0:
            if part:
                yield part, False
        else:
            yield placeholders[int(part)], True


def _any_of(control: Collection[str]) -> re.Pattern[str]:
    """Matches the longest token first, and the marks of placeholders, so that none is forged."""
    longest_first = sorted({*control, _OPEN, _CLOSE}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)))


class _Generation(Extension):
    """``{% generation %}`` marks training targets in templates; here it only renders its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The body between the two tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _SafeNamespace(Namespace):
    """``namespace()`` without underscored names, through which sandboxes are left."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        names = dict(*args[1:], **kwargs)
        for name in names:
            _refuse_underscore(name)
        Namespace.__init__(args[0], names)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_underscore(name)
        super().__setitem__(name, value)


class _SafeDict:
    """``dict`` as a template may use it: to make one, not to reach the type."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        """``dict.fromkeys``."""
        return dict.fromkeys(*args)


def _refuse_underscore(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"A template's namespace cannot hold {name!r}.")


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    functions: dict[str, Callable[..., Any]] = {
        "raise_exception": _raise_exception,
        "strftime_now": _strftime_now,
        "namespace": _SafeNamespace,
        "dict": _SafeDict(),
    }
    environment.globals.update(functions)
    environment.filters["tojson"] = _to_json
    return environment


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.now().strftime(pattern)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Unlike jinja2's own, escapes no HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
