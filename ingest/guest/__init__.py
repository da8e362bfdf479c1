"""Guests: short-lived, limited child processes that parse untrusted files.

Nothing a file says runs in the program's own process. A guest gets the file's bytes as an open
descriptor, can open nothing itself, not even to read, has no network, no way to start programs, and
bounded memory and time; it answers in length-prefixed frames of JSON and raw bytes which the parent
checks field by field. A guest that dies, hangs or talks nonsense fails its own file.

``frames``     the codec of what passes between parent and child
``wire``       pages and file facts to JSON, and the strict checks on the way back
``limits``     how much a file may cost
``hardening``  what a child gives up before it looks at a byte
``syscalls``   the list of system calls that it may still make; ``seccomp`` puts it into force
``landlock``   no path, no port, no process outside, where the kernel has it
``loading``    what has to be loaded before, because nothing can be opened afterwards
``sandbox``    tries all that out, for doctor and the privacy report
``launch``     starting guests: by a small fork server, or by spawning where there is no fork
``server``     the fork server's own main loop
``child``      the first and last function of every child
``jobs``       what children do: read a file, draw pages
"""
