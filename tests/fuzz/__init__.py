"""Coverage-guided fuzzing of the parent's protocol and of our own parsers.

``python -m tests.fuzz NAME --seconds N`` runs one target with atheris (``pip install -e .[fuzz]``;
a tool for developers, not part of the program). Every target states which errors are an answer;
any other exception, a hang or a crash is a finding. Inputs that were findings lie in ``kept`` and
run with the ordinary tests.

``target``     what a target is, and the list of them
``protocol``   frames, and what a guest says in them
``pages``      what the program makes of pages that a guest sent
``documents``  readers of text formats, which run in guests
``stored``     what lies in a library: bodies, records, keys, snapshots
``models``     files of models and recordings
``child``      the process that atheris runs in
"""
