"""What a PDF would like to do when it is opened: nothing of it is done, and it is told.

A guest that made any of the system calls this takes would be ended for it, see
``tests/ingest/guest/test_syscalls.py``; here, each file is read to its end all the same.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ingest.reading import FileRead, PageRenderer, read_file
from tests.ingest.hostile.pdf_bombs import deflated, page, stream
from tests.unguarded import need_no_guard

SCRIPT = b"app.alert('ran'); this.exportDataObject({cName:'x', nLaunch:2});"
ADDRESS = b"http://127.0.0.1:%d/"
ATTACHED = b"The secret of the attachment"


def action(entries: bytes, *more: bytes) -> bytes:
    """A page that does something when it is opened, closed, shown, and when it is clicked on."""
    doing = b"<<%s>>" % entries
    return page(
        b"", b"",
        b"<</Type/Annot/Subtype/Link/Rect[0 0 595 842]/A %s/AA<</PV %s/E %s>>>>" % ((doing,) * 3),
        *more,
        catalog=b"/OpenAction %s/AA<</WC %s/WS %s/DS %s>>" % ((doing,) * 4),
        on_page=b"/Annots[6 0 R]/AA<</O %s/C %s>>" % (doing, doing),
    )  # fmt: skip


def attached(data: bytes, name: bytes = b"invoice.txt") -> bytes:
    """An attachment of the document and of the page, opened when the document is."""
    return page(
        b"", b"",
        b"<</Type/Filespec/F(%s)/UF(%s)/EF<</F 7 0 R>>>>" % (name, name),
        stream(data, b"/Type/EmbeddedFile/Filter/FlateDecode"),
        b"<</Type/Annot/Subtype/FileAttachment/Rect[0 0 9 9]/FS 6 0 R>>",
        catalog=b"/Names<</EmbeddedFiles<</Names[(%s) 6 0 R]>>>>"
        b"/OpenAction<</S/GoToE/T<</R/C/N(%s)>>>>" % (name, name),
        on_page=b"/Annots[8 0 R]",
    )  # fmt: skip


def xfa() -> bytes:
    form = (
        b'<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/"><!DOCTYPE a [<!ENTITY b SYSTEM '
        b'"file:///etc/passwd">]><template><script contentType="application/x-javascript">'
        b"xfa.host.gotoURL('http://127.0.0.1:9/')</script>&b;</template></xdp:xdp>"
    )
    return page(b"", b"", stream(form), catalog=b"/AcroForm<</XFA 6 0 R/Fields[]>>")


def from_outside(path: bytes) -> bytes:
    """Contents, a picture, a font and a form that lie in another file."""
    beside = b"/F<</Type/Filespec/F(%s)>>/FFilter/FlateDecode" % path
    picture = (
        b"/Type/XObject/Subtype/Image/Width 9/Height 9/BitsPerComponent 8/ColorSpace/DeviceRGB"
    )
    reference = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Ref<</F(%s)/Page 0>>" % path
    return page(
        b"/I Do /R Do BT /F1 12 Tf 72 700 Td (Harmless) Tj ET",
        b"/XObject<</I 6 0 R/R 7 0 R>>",
        stream(b"", picture + beside),
        stream(b"", reference + beside),
    )


FILES = {
    "script": action(b"/S/JavaScript/JS(%s)" % SCRIPT.replace(b"(", b"\\(").replace(b")", b"\\)")),
    "launch": action(b"/S/Launch/F(/bin/sh)/Win<</F(cmd.exe)/P(/c calc)>>/Unix(touch ran)"),
    "other-file": action(b"/S/GoToR/F(/etc/passwd)/D[0/Fit]"),
    "movie": action(b"/S/Rendition/OP 0/R<</S/MR/C<</S/MCD/CT(video/mp4)/D(/etc/passwd)>>>>"),
    "import": action(b"/S/ImportData/F(/etc/passwd)"),
    "xfa": xfa(),
    "outside": from_outside(b"/etc/passwd"),
    "attached": attached(deflated(1, 1, ATTACHED + b" ")),
    "attached-bomb": attached(deflated(300, 2), b"bomb.zip"),
}
WARNED = {
    "script": "JavaScript", "launch": "", "attached": "attach", "attached-bomb": "attach",
}  # fmt: skip


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def port(asked: list[str]) -> int:
    """A web server on this machine that notes who asks it for anything."""
    need_no_guard()

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

        do_POST = do_GET

    server = HTTPServer(("127.0.0.1", 0), Noting)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def read_and_draw(data: bytes, folder: Path) -> FileRead:
    path = folder / "file.pdf"
    path.write_bytes(data)
    last = list(read_file(path))[-1]
    assert isinstance(last, FileRead)
    with PageRenderer(data) as renderer:
        assert renderer.render(1, 72).width == 595
    path.unlink()
    assert list(folder.iterdir()) == [], "something was written"
    return last


@pytest.mark.parametrize("name", FILES)
def test_it_is_read_and_nothing_is_done(name: str, tmp_path: Path) -> None:
    read = read_and_draw(FILES[name], tmp_path)
    text = " ".join(line.text for page in read.pages for line in page.lines)
    assert "Harmless" in text
    for never in ("root:", ATTACHED.decode(), "ran"):
        assert never not in text
    warnings = " ".join(read.info.warnings)
    assert WARNED.get(name, "") in warnings


@pytest.mark.parametrize("kind", ["URI", "SubmitForm", "fonts"])
def test_no_address_is_asked(kind: str, port: int, asked: list[str], tmp_path: Path) -> None:
    address = ADDRESS % port
    forms = {
        "URI": action(b"/S/URI/URI(%s)" % address),
        "SubmitForm": action(b"/S/SubmitForm/F<</FS/URL/F(%s)>>/Flags 4" % address),
        "fonts": from_outside(address),
    }
    read_and_draw(forms[kind], tmp_path)
    assert asked == []
