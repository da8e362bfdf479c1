"""``python -m app``: the command line, as ``muniment``."""

from app.cli import main

main()
