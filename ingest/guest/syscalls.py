"""What a guest may ask of the kernel, as a list (Linux, x86_64 and aarch64).

A guest has everything loaded when the filter comes, so it needs memory, time, threads, and its
open descriptors, and nothing that has a name: no file can be opened, not even for reading. Three
answers are given to the rest:

``REFUSED``  what libraries try and live without: looking for files, asking about the terminal.
``ABSENT``   calls with an older twin that is filtered, and all that are newer than this list: "no
             such call", so that a C library falls back to what it did before.
all else     ends the guest, which says on its way out what it tried (``last_words``).

The list was measured with strace over every reader's tests and evaluation documents (glibc), and
holds what glibc and musl are known to use besides.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass

# Numbers on x86_64 and on aarch64; None: does not exist there.
Numbers = tuple[int | None, int | None]

ALLOWED: dict[str, Numbers] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "lseek": (8, 62),
    "close": (3, 57),
    "fstat": (5, 80),
    "poll": (7, None),
    "ppoll": (271, 73),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "futex_waitv": (449, 449),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "getcpu": (309, 168),
    "gettid": (186, 178),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "restart_syscall": (219, 128),
    "rt_sigreturn": (15, 139),
    "rt_sigprocmask": (14, 135),
    "rt_sigaction": (13, 134),
    "sigaltstack": (131, 132),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "getrandom": (318, 278),
    "uname": (63, 160),
    "sysinfo": (99, 179),
}
REFUSED: dict[str, Numbers] = {
    "open": (2, None),
    "openat": (257, 56),
    "creat": (85, None),
    "stat": (4, None),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getcwd": (79, 17),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "arch_prctl": (158, None),
    "sched_setaffinity": (203, 122),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "get_mempolicy": (239, 236),
    "mlock": (149, 228),
}
ABSENT: dict[str, Numbers] = {
    "clone3": (435, 435),
    "openat2": (437, 437),
    "statx": (332, 291),
}
NEWER = 451  # the first number that this list knows nothing of

# Allowed with some arguments only; `_checked` says which.
MMAP, MPROTECT, CLONE = (9, 222), (10, 226), (56, 220)
FCNTL, IOCTL, PRCTL = (72, 25), (16, 29), (157, 167)
PRLIMIT64, KILL, TKILL, TGKILL = (302, 261), (62, 129), (200, 130), (234, 131)
CHECKED: dict[str, Numbers] = {
    "mmap": MMAP,
    "mprotect": MPROTECT,
    "clone": CLONE,
    "fcntl": FCNTL,
    "ioctl": IOCTL,
    "prctl": PRCTL,
    "prlimit64": PRLIMIT64,
    "kill": KILL,
    "tkill": TKILL,
    "tgkill": TGKILL,
}

# Names for what ends a guest, as far as an attacker would be expected to try them.
ENDING: dict[str, Numbers] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "sendmmsg": (307, 269),
    "recvmmsg": (299, 243),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "wait4": (61, 260),
    "waitid": (247, 95),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "pwrite64": (18, 68),
    "sendfile": (40, 71),
    "splice": (275, 76),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "chdir": (80, 49),
    "chroot": (161, 51),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "unshare": (272, 97),
    "setns": (308, 268),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "capset": (126, 91),
    "setrlimit": (160, 164),
    "setsid": (112, 157),
    "seccomp": (317, 277),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "io_uring_setup": (425, 425),
    "open_by_handle_at": (304, 265),
    "inotify_init1": (294, 26),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "mq_open": (240, 180),
    "pkey_mprotect": (329, 288),
    "personality": (135, 92),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "syslog": (103, 116),
}

_PROT_EXEC = 0x4
_CLONE_THREAD = 0x00010000
# New namespaces, and sharing with who traces it.
_CLONE_NEVER = 0x7E020000 | 0x00002000 | 0x00000080
_F_GETFD, _F_GETFL = 1, 3
_TCGETS = 0x5401
_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA = 15, 16, 0x53564D41

_LOAD, _JUMP_EQUAL, _JUMP_ANY_BIT, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
NO_SUCH_CALL = 0x00050000 | errno.ENOSYS
TRAP = 0x00030000
KILL_PROCESS = 0x80000000
_X32_BIT = 0x40000000

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

Step = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Filter:
    """The list for one kind of processor; ``column`` is its place in `Numbers`."""

    architecture: int
    column: int

    def steps(self, pid: int) -> Iterator[Step]:
        """Classic BPF over ``struct seccomp_data``: number at 0, architecture 4, arguments 16.

        Every test jumps at most over the instructions that belong to it, so the order is free;
        what is frequent comes first. ``pid`` is the guest's own, the only one it may signal.
        """
        yield from (
            (_LOAD, 0, 0, 4),
            (_JUMP_EQUAL, 1, 0, self.architecture),
            (_RETURN, 0, 0, KILL_PROCESS),
            (_LOAD, 0, 0, 0),
            (_JUMP_ANY_BIT, 0, 1, _X32_BIT),
            (_RETURN, 0, 0, KILL_PROCESS),
        )
        yield from self._answers(ALLOWED, ALLOW)
        yield from self._checked(pid)
        yield from self._answers(REFUSED, REFUSE)
        yield from self._answers(ABSENT, NO_SUCH_CALL)
        yield from (
            (_JUMP_AT_LEAST, 0, 1, NEWER),
            (_RETURN, 0, 0, NO_SUCH_CALL),
            (_RETURN, 0, 0, TRAP),
        )

    def names(self) -> dict[int, str]:
        """The calls that end a guest, as far as their names are known."""
        calls = (ENDING | CHECKED).items()
        return {n[self.column]: name for name, n in calls if n[self.column] is not None}  # type: ignore[misc]

    def _answers(self, calls: dict[str, Numbers], answer: int) -> Iterator[Step]:
        for numbers in calls.values():
            number = numbers[self.column]
            if number is not None:
                yield (_JUMP_EQUAL, 0, 1, number)
                yield (_RETURN, 0, 0, answer)

    def _checked(self, pid: int) -> Iterator[Step]:
        yield from self._case(MMAP, _any_bit(2, _PROT_EXEC, TRAP, ALLOW))
        yield from self._case(MPROTECT, _any_bit(2, _PROT_EXEC, TRAP, ALLOW))
        new_thread = (
            (_LOAD, 0, 0, _argument(0)),
            (_JUMP_ANY_BIT, 0, 2, _CLONE_THREAD),
            (_JUMP_ANY_BIT, 1, 0, _CLONE_NEVER),
            (_RETURN, 0, 0, ALLOW),
            (_RETURN, 0, 0, TRAP),
        )
        yield from self._case(CLONE, new_thread)
        yield from self._case(FCNTL, _one_of(1, (_F_GETFD, _F_GETFL), REFUSE))
        yield from self._case(IOCTL, _one_of(1, (_TCGETS,), REFUSE))
        names = (_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA)
        yield from self._case(PRCTL, _one_of(0, names, REFUSE))
        # A guest may end itself (abort does); its first thread has its process's number.
        for call in (KILL, TKILL, TGKILL):
            yield from self._case(call, _one_of(0, (pid,), TRAP))
        # Limits may be asked for, of this process (0 or its number), and not set.
        asked = (
            (_LOAD, 0, 0, _argument(2)),
            (_JUMP_EQUAL, 0, 3, 0),
            (_LOAD, 0, 0, _argument(2) + 4),
            (_JUMP_EQUAL, 0, 1, 0),
            (_RETURN, 0, 0, ALLOW),
            (_RETURN, 0, 0, TRAP),
        )
        yield from self._case(PRLIMIT64, asked)

    def _case(self, numbers: Numbers, steps: tuple[Step, ...]) -> Iterator[Step]:
        number = numbers[self.column]
        if number is not None:
            yield (_JUMP_EQUAL, 0, len(steps), number)
            yield from steps


def _argument(index: int) -> int:
    """Where the lower half of an argument lies (little endian)."""
    return 16 + 8 * index


def _any_bit(index: int, bits: int, answer: int, otherwise: int) -> tuple[Step, ...]:
    return (
        (_LOAD, 0, 0, _argument(index)),
        (_JUMP_ANY_BIT, 0, 1, bits),
        (_RETURN, 0, 0, answer),
        (_RETURN, 0, 0, otherwise),
    )


def _one_of(index: int, values: tuple[int, ...], otherwise: int) -> tuple[Step, ...]:
    tests = tuple((_JUMP_EQUAL, len(values) - n, 0, value) for n, value in enumerate(values))
    return (
        (_LOAD, 0, 0, _argument(index)),
        *tests,
        (_RETURN, 0, 0, otherwise),
        (_RETURN, 0, 0, ALLOW),
    )
