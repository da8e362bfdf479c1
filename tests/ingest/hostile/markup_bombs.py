"""Text, Markdown and HTML that cost far more than their size, or ask for files from outside."""

from __future__ import annotations

_OUTSIDE = b"""<!DOCTYPE html [<!ENTITY a SYSTEM "file:///etc/passwd">]><html><head>
<link rel=stylesheet href=file:///etc/passwd><style>@import "file:///etc/passwd";
body { background: url(file:///etc/passwd) } </style><meta http-equiv=refresh
content="0;url=file:///etc/passwd"><base href=file:///etc/></head><body>x&a;
<img src=file:///etc/passwd><iframe src=file:///etc/passwd></iframe><object data=file:///etc/passwd>
</object><embed src=passwd><script src=file:///etc/passwd></script></body></html>"""


def bombs() -> dict[str, bytes]:
    """By file name."""
    head = b"<html><body>"
    return {
        "outside.html": _OUTSIDE,
        "deep-div.html": head + b"<div>" * 50_000 + b"x",
        "deep-inline.html": head + b"<b>" * 50_000 + b"x",
        "deep-list.html": head + b"<ul>" * 20_000 + b"<li>x",
        "deep-table.html": head + b"<table><tr><td>" * 20_000 + b"x",
        "deep-quote.html": head + b"<blockquote>" * 20_000 + b"x",
        "wide-table.html": head + b"<table><tr>" + b"<td colspan=9999999>x" * 5_000,
        "attributes.html": head + b"<p " + b" ".join(b"a%d=1" % n for n in range(100_000)) + b">x",
        "styles.html": b"<html><head><style>"
        + b"div " * 500 + b"{color:red}" + b"".join(b".c%d>p{color:red}" % n for n in range(3_000))
        + b"</style></head><body>" + b"<div>" * 200 + b"<p class=c1>x</p>" * 2_000,
        "entities.html": head + b"&amp;" * 100_000,
        "comments.html": b"<!-- -->" * 200 + b"<!--" * 200_000 + b"x",
        "quotes.md": b">" * 50_000 + b" x",
        "brackets.md": b"[" * 20_000 + b"x",
        "links.md": b"[a](" * 50_000,
        "emphasis.md": b"*a **b " * 3_000,
        "ticks.md": b"`" * 3 + b"".join(b"`" * n + b" " for n in range(1, 200)),
        "lists.md": b"".join(b" " * 2 * n + b"* x\n" for n in range(1_000)),
        "pipes.md": b"|" * 5_000 + b"\n" + b"|-" * 5_000 + b"|\n" + b"|x" * 5_000,
        "newlines.txt": b"x" + b"\n" * 2_000_000,
        "blank-lines.txt": b"x\n" + b" \n" * 500_000 + b"y",
        "spaces.txt": b"x" + b" " * 5_000_000 + b"y",
        "one-word.txt": b"x" * 500_000,
        "marks.txt": ("e" + "\u0301" * 50_000).encode(),
        "sideways.txt": ("\u202e" * 200_000 + "x").encode(),
        "nulls.txt": b"x\x00" * 10 + b"x" * 200_000,
        "dashes.txt": b"a  b\n" * 3 + b"-" * 50_000 + b"\n" + b"  " * 200_000,
    }  # fmt: skip
