"""Pages as PNG files.

The part of `app.core.workspace.Workspace` that writes pictures of pages, under the rules of
`app.core.export`: what leaves is readable by whoever may read the file.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from pathlib import Path

from app.core import policy
from app.core.audit_entries import What
from app.core.export import write_file
from app.core.page_viewing import PageViewing
from ingest.types import Box


class PageExporting(PageViewing, ABC):
    """Writes pages of one store to files."""

    def export_page(
        self,
        document_id: int,
        page: int,
        path: Path,
        *,
        dpi: float = 150,
        boxes: Sequence[Box] = (),
        region: Box | None = None,
        pixels: int = 0,
    ) -> None:
        """Writes a page as a PNG file, the lines in ``boxes`` highlighted; or of a ``region`` at
        most ``pixels`` pixels. A file that is there is replaced.

        Raises:
            IngestError: there is no such page, or it cannot be drawn.
            ExportError: the file cannot be written.
            PolicyForbids: nothing may be exported.
        """
        with self.audit.refusals("export"):
            policy.check_export()
        if region is None:
            data = self.page_png(document_id, page, dpi=dpi, boxes=boxes)
        else:
            data = self.crop_png(document_id, page, region, pixels=pixels)
        named = self.audit.named(str(path.absolute()), "file")
        self.audit.record(
            What.EXPORT_WRITTEN,
            of="page",
            document=document_id,
            page=page,
            format=".png",
            **named,
        )
        write_file(path, data, replace=True)
