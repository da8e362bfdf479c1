"""Measures the program on folders of documents with gold answers."""
