"""The command line: the same core without a window. ``docs/cli.md`` describes what it prints.

`program` holds the options of the whole and the way out; each other module of commands adds
its own to ``program.app`` when it is imported here, in the order that ``--help`` lists them.
"""

from app.core import offline

offline.enforce()

# The guard above comes before every other import, on purpose.
from app.cli import library, asking, transcribing, conversations, tables  # noqa: E402, F401, I001
from app.cli import following, models, snapshots, audit, policy  # noqa: E402, F401
from app.cli import keys, privacy, checks  # noqa: E402, F401
from app.cli import backups  # noqa: E402, F401
from app.cli.program import app, main  # noqa: E402

__all__ = ["app", "main"]
