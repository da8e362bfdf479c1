"""Opens the OCR models that the ``rapidocr`` package bundles, on ONNX Runtime.

Only the model files are used: importing ``rapidocr`` itself would bring a downloader along. A
missing file is an error, never a download. This module does not know what the models compute.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import onnxruntime

from ingest.errors import ModelError

DETECTOR = "PP-OCRv6_det_small.onnx"
RECOGNISER = "PP-OCRv6_rec_small.onnx"

onnxruntime.disable_telemetry_events()
onnxruntime.set_default_logger_severity(3)


def model_file(name: str) -> Path:
    """The path of a bundled model; raises ``ModelError`` when it is not installed."""
    package = importlib.util.find_spec("rapidocr")
    folders = (package.submodule_search_locations or []) if package else []
    for folder in folders:
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise ModelError(
        f"OCR model {name}",
        "The rapidocr package does not contain it.",
        "Install the dependencies again (make setup).",
    )


def open_session(name: str, threads: int) -> Any:
    """An ``onnxruntime.InferenceSession`` on the CPU with ``threads`` threads of its own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Page and line sizes vary; an arena would keep the largest of each for ever.
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        str(model_file(name)), options, providers=["CPUExecutionProvider"]
    )
