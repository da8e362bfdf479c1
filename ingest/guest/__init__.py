"""Guests: short-lived, limited child processes that parse untrusted files.

Nothing a file says runs in the program's own process. A guest gets the file's bytes as an open
descriptor, has no network, no way to start programs or write files, and bounded memory and time;
it answers in length-prefixed frames of JSON and raw bytes which the parent checks field by field.
A guest that dies, hangs or talks nonsense fails its own file.

``frames``     the codec of what passes between parent and child
``wire``       pages and file facts to JSON, and the strict checks on the way back
``limits``     how much a file may cost
``hardening``  what a child gives up before it looks at a byte (with ``syscalls``)
``launch``     starting guests: by a small fork server, or by spawning where there is no fork
``server``     the fork server's own main loop
``child``      the first and last function of every child
``jobs``       what children do: read a file, draw pages
"""
