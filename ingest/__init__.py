"""Files become pages, chunks, vectors and a searchable store.

Knows nothing of answers, of models that write, or of windows.
"""
