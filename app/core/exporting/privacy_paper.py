"""The privacy report as a paper."""

from __future__ import annotations

from app.core.exporting.paper import Block, Facts, Heading, Inlines, Paper, Paragraph, Span, Table
from app.core.privacy import Report, State, verdict

_WORDS = {State.KEPT: "kept", State.BROKEN: "BROKEN", State.NOTE: ""}
_WIDTHS = (2.3, 3.6, 0.5)


def paper_of_report(report: Report) -> Paper:
    """The whole report; its bill of materials is the last table."""
    blocks: list[Block] = [
        Facts((("Made", (report.made,)), ("In short", (verdict(report),)))),
        Paragraph(
            (Span("“kept”: tried or read just before, and as promised. No word: a fact only."),),
            quiet=True,
        ),
    ]
    for section in report.sections:
        blocks.append(Heading(section.title))
        rows = tuple(
            (_cell(f.name), _cell(f.detail), (Span(_WORDS[f.state], bold=True),))
            for f in section.findings
        )
        if rows:
            blocks.append(Table(rows, header=False, widths=_WIDTHS))
    blocks.append(Heading("Libraries"))
    head: tuple[Inlines, ...] = tuple(
        (Span(name, bold=True),) for name in ("Name", "Version", "Licence")
    )
    listed = [(_cell(c.name), _cell(c.version), _cell(c.licence)) for c in report.components]
    blocks.append(Table((head, *listed), widths=(2.0, 1.0, 3.0)))
    return Paper("Muniment privacy report", tuple(blocks), made=report.made)


def _cell(text: str) -> Inlines:
    return (Span(text),)
