"""Pictures of pages in, ``Page`` objects out; nothing is downloaded and no file is opened."""
