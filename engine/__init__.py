"""Tokens and images in, tokens out. Knows nothing of documents.

Importing this package loads no torch; see ``docs/architecture.md``.
"""
