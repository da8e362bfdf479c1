"""E-mail (EML): the header lines a person reads, the text, and the names of attachments."""

from __future__ import annotations

import email
import email.policy
import email.utils
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

from ingest.formats import html, text
from ingest.formats.blocks import Block, Draft, Heading, ListItem, Paragraph
from ingest.formats.detect import Kind

_SHOWN = ("From", "To", "Cc", "Bcc", "Reply-To", "Date", "Subject")


class _Lenient(email.policy.EmailPolicy):
    """Headers as the standard policy parses them; of one that it gives up on, the first part.

    It raises various errors on broken parameters, which would cost the whole message.
    """

    def header_fetch_parse(self, name: str, value: str) -> Any:
        for shorter in (value, value.partition(";")[0]):
            try:
                return super().header_fetch_parse(name, shorter)
            except (ValueError, AttributeError, TypeError, LookupError, RecursionError):
                continue
        return super().header_fetch_parse(name, "")


_POLICY = _Lenient()


def read(data: bytes) -> Draft:
    """The draft of one message. Attachments are named, not opened."""
    message = email.message_from_bytes(data, policy=_POLICY)
    if not isinstance(message, EmailMessage):
        raise TypeError("the policy makes EmailMessage objects")
    subject = _field(message, "Subject")
    blocks: list[Block] = [Heading(subject, 1)] if subject else []
    lines = [f"{name}: {value}" for name in _SHOWN if (value := _field(message, name))]
    if lines:
        blocks.append(Paragraph("\n".join(lines)))
    body = _body(message)
    blocks += body.blocks
    warnings = body.warnings
    if names := _attachments(message):
        blocks.append(Heading("Attachments", 2))
        blocks += [ListItem(name) for name in names]
        warnings += ("Attachments are listed by name; add them as files to search them.",)
    return Draft(
        Kind.EML.value,
        tuple(blocks),
        title=subject,
        author=_field(message, "From"),
        created=_date(message),
        warnings=warnings,
        unseen=body.unseen,
    )


def _field(message: EmailMessage, name: str) -> str:
    try:
        value = message.get(name)
    except (ValueError, IndexError, AttributeError, TypeError):
        # The standard parser gives up on some broken fields; the rest is still worth reading.
        return ""
    return " ".join(str(value).split()) if value is not None else ""


def _date(message: EmailMessage) -> str:
    try:
        return email.utils.parsedate_to_datetime(_field(message, "Date")).isoformat()
    except (ValueError, TypeError):
        return ""


def _body(message: EmailMessage) -> Draft:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return Draft(Kind.EML.value, (), warnings=("The message has no text.",))
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset()
    warnings: tuple[str, ...] = ()
    try:
        decoded = content.decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        decoded, warnings = text.decode(content)
    if part.get_content_type() == "text/html":
        return replace(html.draft(decoded), warnings=warnings)
    return Draft(Kind.EML.value, tuple(text.blocks(decoded)), warnings=warnings)


def _attachments(message: EmailMessage) -> list[str]:
    names = []
    for part in message.iter_attachments():
        name = part.get_filename() or f"({part.get_content_type()})"
        names.append(" ".join(name.split()))
    return names
