"""Footnotes of a DOCX file, which python-docx does not write: their part, styles and references.

After ECMA-376 part 1, 17.11. A note that is referred to again is repeated by a NOTEREF field,
since in this format a footnote has one reference only.
"""

from __future__ import annotations

from typing import Any

from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import XmlPart
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Pt

from app.core.exporting.docx_runs import add_inlines, run
from app.core.exporting.paper import Inlines

_SEPARATORS = ((-1, "separator"), (0, "continuationSeparator"))
# What may follow footnotePr in the settings, in the order of the schema.
_AFTER = ("w:endnotePr", "w:compat", "w:docVars", "w:rsids", "m:mathPr")


class Footnotes:
    """The notes of one document, referred to while it is written and attached at its end."""

    def __init__(self, document: Document, notes: tuple[Inlines, ...]) -> None:
        self._document = document
        self._notes = notes
        self._numbers: dict[int, int] = {}  # by note: what its reference shows
        text = document.styles.add_style("footnote text", WD_STYLE_TYPE.PARAGRAPH, builtin=True)
        text.base_style = document.styles["Normal"]
        text.font.size = Pt(9)
        text.paragraph_format.space_after = Pt(2)
        mark = document.styles.add_style(
            "footnote reference", WD_STYLE_TYPE.CHARACTER, builtin=True
        )
        mark.font.superscript = True
        self._text, self._mark = text.style_id, mark.style_id

    def refer(self, paragraph: Any, n: int) -> None:
        """Appends a reference to note ``n`` to a paragraph's element."""
        if n in self._numbers:
            self._refer_again(paragraph, n)
            return
        self._numbers[n] = len(self._numbers) + 1
        reference = OxmlElement("w:footnoteReference", {qn("w:id"): str(self._numbers[n])})
        for name in ("w:bookmarkStart", "w:bookmarkEnd"):
            edge = OxmlElement(name, {qn("w:id"): str(self._numbers[n])})
            if name == "w:bookmarkStart":
                edge.set(qn("w:name"), self._bookmark(n))
                paragraph.append(edge)
                paragraph.append(self._marked(reference))
            else:
                paragraph.append(edge)

    def attach(self) -> None:
        """Adds the part with the notes that were referred to."""
        if not self._numbers:
            return
        root = parse_xml(f"<w:footnotes {nsdecls('w')}/>")
        for number, kind in _SEPARATORS:
            root.append(_separator(number, kind))
        for n, number in self._numbers.items():
            root.append(self._note(number, self._notes[n - 1]))
        part = XmlPart(
            PackURI("/word/footnotes.xml"),
            CONTENT_TYPE.WML_FOOTNOTES,
            root,
            self._document.part.package,
        )
        self._document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
        self._name_separators()

    def _note(self, number: int, inlines: Inlines) -> Any:
        note = OxmlElement("w:footnote", {qn("w:id"): str(number)})
        paragraph = OxmlElement("w:p")
        properties = OxmlElement("w:pPr")
        properties.append(OxmlElement("w:pStyle", {qn("w:val"): self._text}))
        paragraph.append(properties)
        paragraph.append(self._marked(OxmlElement("w:footnoteRef")))
        paragraph.append(run(" "))
        add_inlines(paragraph, inlines, self.refer)
        note.append(paragraph)
        return note

    def _refer_again(self, paragraph: Any, n: int) -> None:
        code = OxmlElement("w:instrText", {qn("xml:space"): "preserve"})
        code.text = f" NOTEREF {self._bookmark(n)} \\h "
        for part in (_field("begin"), code, _field("separate")):
            paragraph.append(self._marked(part))
        paragraph.append(run(str(self._numbers[n]), style=self._mark))
        paragraph.append(self._marked(_field("end")))

    def _marked(self, content: Any) -> Any:
        made = run("", style=self._mark)
        made.append(content)
        return made

    def _bookmark(self, n: int) -> str:
        return f"_Note{self._numbers[n]}"

    def _name_separators(self) -> None:
        properties = OxmlElement("w:footnotePr")
        for number, _ in _SEPARATORS:
            properties.append(OxmlElement("w:footnote", {qn("w:id"): str(number)}))
        self._document.settings.element.insert_element_before(properties, *_AFTER)


def _separator(number: int, kind: str) -> Any:
    note = OxmlElement("w:footnote", {qn("w:type"): kind, qn("w:id"): str(number)})
    paragraph, made = OxmlElement("w:p"), OxmlElement("w:r")
    made.append(OxmlElement(f"w:{kind}"))
    paragraph.append(made)
    note.append(paragraph)
    return note


def _field(kind: str) -> Any:
    return OxmlElement("w:fldChar", {qn("w:fldCharType"): kind})
