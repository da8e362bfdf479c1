from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats import html, mail, markdown, text
from ingest.formats.blocks import Heading, ListItem, Paragraph, Preformatted, Table


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", "Grüße, 患者, мир"),
        ("utf-8-sig", "Grüße"),
        ("utf-16", "Grüße, 患者"),
        ("utf-16-le", "Plain words in sixteen bits"),
        ("utf-16-be", "Plain words in sixteen bits"),
        ("cp1252", "Der Patient klagt über Übelkeit. Größe 180 cm, naïve café."),
        ("cp1252", "Le patient a été hospitalisé à l’hôpital, où il a reçu un traitement."),
        ("cp1250", "Pacient si stěžuje na bolesti hlavy, příliš žluťoučký kůň."),
        ("cp1251", "Пациент жалуется на головную боль в течение трёх дней."),
        ("shift_jis", "患者は三日前から頭痛を訴えている。血圧は正常です。"),
        ("gb18030", "患者主诉头痛三天，伴有恶心和呕吐。体格检查未见异常。"),
    ],
)
def test_encodings_are_found(encoding: str, content: str) -> None:
    assert text.decode(content.encode(encoding))[0] == content


@given(st.binary(max_size=300))
def test_any_bytes_decode(data: bytes) -> None:
    assert isinstance(text.decode(data)[0], str)


def test_paragraphs_headings_and_columns_of_plain_text() -> None:
    blocks = text.read(
        b"LAB VALUES\n\nFirst line\nsecond line\r\n\r\n"
        b"Name        Value   Unit\nHaemoglobin   14.2   g/dl\nLeukocytes    6.1    /nl\n\n\n"
        b"a   b\n  c    d    e\n\nResult\n======\n"
    ).blocks
    assert blocks == (
        Heading("LAB VALUES", 2),
        Paragraph("First line\nsecond line"),
        Table(
            (
                ("Name", "Value", "Unit"),
                ("Haemoglobin", "14.2", "g/dl"),
                ("Leukocytes", "6.1", "/nl"),
            ),
            header=True,
        ),
        Preformatted("a   b\n  c    d    e"),
        Heading("Result", 1),
    )


def test_markdown() -> None:
    draft = markdown.read(
        b"---\ntitle: 'The title'\nauthor: A\ndate: 2024-05-01\n---\n"
        b"# One\n\nSome *words* and `x`.\n\n"
        b"- a\n- b\n  1. c\n\n| H | I |\n|---|---|\n| 1 | 2 |\n\n```\ncode  x\n```\n\n> quoted\n\n"
        b"<script>alert(1)</script>\n"
    )
    assert (draft.title, draft.author, draft.created) == ("The title", "A", "2024-05-01")
    assert draft.blocks == (
        Heading("One", 1),
        Paragraph("Some words and x."),
        ListItem("a", "•", 0),
        ListItem("b", "•", 0),
        ListItem("c", "1.", 1),
        Table((("H", "I"), ("1", "2")), header=True),
        Preformatted("code  x"),
        Paragraph("quoted", quoted=True),
    )


def test_html_shows_what_a_browser_shows() -> None:
    draft = html.read(
        b"<html><head><title>T &amp; U</title><meta name=author content=Me>"
        b"<style>p{}</style></head><body>loose <b>text</b><!-- no -->"
        b"<div style='DISPLAY: none'>hidden</div><p hidden>hidden</p><script>x()</script>"
        b"<h2>Head<br>line</h2><p>one<br>two   three<span> four</span></p>"
        b"<ol start=3><li>x<ul><li>deep</li></ul></li><li><p>y</p><p>more</p></li></ol>"
        b"<table><tr><th>A<th>B</tr><tr><td colspan=2>c</td></tr><tr><td></td></tr></table>"
        b"<table><tr><td><table><tr><td>laid</td><td>out</td></tr></table></td></tr></table>"
        b"<blockquote>said</blockquote><img src='http://example.invalid/x.png'></body></html>"
    )
    assert (draft.title, draft.author) == ("T & U", "Me")
    assert draft.blocks == (
        Paragraph("loose text"),
        Heading("Head line", 2),
        Paragraph("one\ntwo three four"),
        ListItem("x", "3.", 0),
        ListItem("deep", "•", 1),
        ListItem("y", "4.", 0),
        Paragraph("more"),
        Table((("A", "B"), ("c", "")), header=True),
        Table((("laid", "out"),)),
        Paragraph("said", quoted=True),
    )


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_markup_is_read(markup: str | bytes) -> None:
    html.draft(markup)


def test_deep_markup_is_read() -> None:
    depth = 5_000
    draft = html.read(b"<div>" * depth + b"deep" + b"</div>" * depth)
    assert "deep" in str(draft.blocks)


MAIL = """From: Anna <a@example.org>
To: b@example.org
Subject: =?utf-8?q?Befund_M=C3=BCller?=
Date: Mon, 01 Jan 2024 10:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: multipart/alternative; boundary=C

--C
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Guten Tag,=20

der Befund ist unauff=C3=A4llig.
--C
Content-Type: text/html

<p>other</p>
--C--
--B
Content-Type: application/pdf
Content-Disposition: attachment; filename="befund.pdf"

xxx
--B--
"""


def test_mail() -> None:
    draft = mail.read(MAIL.encode())
    assert (draft.title, draft.author) == ("Befund Müller", "Anna <a@example.org>")
    assert draft.created == "2024-01-01T10:00:00+01:00"
    assert draft.blocks == (
        Heading("Befund Müller", 1),
        Paragraph(
            "From: Anna <a@example.org>\nTo: b@example.org\n"
            "Date: Mon, 01 Jan 2024 10:00:00 +0100\nSubject: Befund Müller"
        ),
        Paragraph("Guten Tag,"),
        Paragraph("der Befund ist unauffällig."),
        Heading("Attachments", 2),
        ListItem("befund.pdf"),
    )


def test_a_mail_of_html_only_in_an_unknown_charset() -> None:
    draft = mail.read(
        b"Subject: x\nContent-Type: text/html; charset=nonsense\n\n<p>gr\xfc\xdfe</p>"
    )
    assert Paragraph("grüße") in draft.blocks


@given(st.binary(max_size=300))
def test_any_bytes_are_a_mail(data: bytes) -> None:
    mail.read(b"From: a\n" + data)
