"""LanceDB, loaded as this program needs it: quietly, quickly, on every processor.

What must be set before LanceDB is imported is set here, so that the rest imports it from here.
"""

from __future__ import annotations

import importlib.util
import os
import sys

# Its log of every table that is created says nothing to a person.
os.environ.setdefault("LANCEDB_LOG", "error")
# By itself it leaves two processors to a disk that is not there, and hands out work in pieces so
# large that one thread may get them all: a full-text index is built twice as fast on two.
os.environ.setdefault("LANCE_CPU_THREADS", str(os.cpu_count() or 1))
os.environ.setdefault("LANCE_DEFAULT_BATCH_SIZE", "1024")

# LanceDB wants some data types of this package, whose own ``__init__`` loads a REST client with
# them: half of the time that importing LanceDB takes, for servers that this program never asks.
_CLIENT = "lance_namespace_urllib3_client"
if _CLIENT not in sys.modules and (_found := importlib.util.find_spec(_CLIENT)):
    sys.modules[_CLIENT] = importlib.util.module_from_spec(_found)

from lancedb import connect  # noqa: E402 - what stands above comes first
from lancedb.index import FTS  # noqa: E402
from lancedb.query import BooleanQuery, MatchQuery, Occur  # noqa: E402

__all__ = ["FTS", "BooleanQuery", "MatchQuery", "Occur", "connect"]
