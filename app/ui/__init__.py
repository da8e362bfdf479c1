"""The window. Imports Qt and the core's plain data; never torch, transformers or lancedb."""
