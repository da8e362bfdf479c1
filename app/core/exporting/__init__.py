"""Answers as files for other programs: `paper` is what a file says, a writer for each format."""
