"""PDF pages through PyMuPDF: `read_document` yields pages in order, `file_info` what the file
says about itself."""

from ingest.pdf.info import file_info
from ingest.pdf.reader import read_document

__all__ = ["file_info", "read_document"]
