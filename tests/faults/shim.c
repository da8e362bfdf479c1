/* Counts, fails, cuts short or records what one process changes on the disk.
 *
 * Preloaded (LD_PRELOAD) by the fault tests. Python and SQLite reach the disk through these calls
 * of the C library, and keys.json, backups and the vault all do, which a VFS of SQLite would not
 * see. Nothing happens until `fault_arm`; from then on every call of this process, not of its
 * children, that changes something below one of the roots is an operation with a number.
 *
 * KILL   SIGKILL at operation `nth`: before it, after it, or, of a write, half-way.
 * FAIL   operations `nth` to `nth` + `span` - 1 fail with `error`; of the first write half is done.
 *        With ENOSPC only those that may need room: writing, growing, creating.
 * RECORD all operations go to `record`, with their data, for `power.py`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#undef open
#undef open64
#undef pwrite64
#undef ftruncate64

enum { OFF, KILL, FAIL, RECORD };
enum { BEFORE, AFTER, HALF };

static int mode, when, failure, record_fd = -1;
static long nth, span, counted;
static pid_t armed;
static char roots[4][PATH_MAX];
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

/* `places` are at most four absolute folders, one a line. */
void fault_arm(const char *places, int a_mode, long a_nth, int a_when, long a_span, int error,
               int record) {
    int n = 0;
    memset(roots, 0, sizeof roots);
    for (const char *at = places; *at && n < 4; n++) {
        size_t length = strcspn(at, "\n");
        memcpy(roots[n], at, length < PATH_MAX - 1 ? length : PATH_MAX - 1);
        at += length + (at[length] == '\n');
    }
    mode = a_mode, nth = a_nth, when = a_when, span = a_span, failure = error;
    record_fd = record, counted = 0, armed = getpid();
}

long fault_count(void) { return counted; }

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int active(void) { return mode != OFF && armed == getpid(); }

static int below(const char *path) {
    for (int n = 0; n < 4 && roots[n][0]; n++) {
        size_t length = strlen(roots[n]);
        if (!strncmp(path, roots[n], length) && (!path[length] || path[length] == '/')) return 1;
    }
    return 0;
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

static void whole_path(int folder, const char *name, char *path) {
    char base[PATH_MAX];
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return;
    }
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) base[0] = 0;
    } else {
        path_of(folder, base);
    }
    snprintf(path, PATH_MAX, "%.2000s/%.2000s", base, name);
}

static void put(const void *data, size_t size) {
    const char *at = data;
    while (size) {
        ssize_t done = syscall(SYS_write, record_fd, at, size);
        if (done <= 0) return;
        at += done, size -= done;
    }
}

/* What power.py reads: kind, file, place, and two texts of these lengths. */
static void note(char kind, uint64_t file, int64_t at, const void *a, uint64_t na, const void *b,
                 uint64_t nb) {
    if (mode != RECORD) return;
    struct { uint64_t kind, file; int64_t at; uint64_t na, nb; } head = {kind, file, at, na, nb};
    put(&head, sizeof head);
    put(a, na);
    put(b, nb);
}

static uint64_t file_of(int fd) {
    struct stat found;
    return fstat(fd, &found) ? 0 : found.st_ino;
}

static uint64_t file_at(const char *path) {
    struct stat found;
    return lstat(path, &found) ? 0 : found.st_ino;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* Begins an operation. -1: it fails, errno is set; 1: a write is to be done by half; 0: go on. */
static int begin(int grows, int is_write) {
    counted++;
    if (mode == KILL && counted == nth) {
        if (when == BEFORE) die();
        if (when == HALF && is_write) return 1;
    }
    if (mode == FAIL && counted >= nth && counted < nth + span) {
        if (failure == ENOSPC && !grows) return 0;
        if (counted == nth && is_write && when == HALF) return 1;
        errno = failure;
        return -1;
    }
    return 0;
}

static void end(void) {
    if (mode == KILL && counted == nth) die();
}

#define ENTER pthread_mutex_lock(&lock)
#define LEAVE do { int kept = errno; pthread_mutex_unlock(&lock); errno = kept; } while (0)

/* Writing */

static ssize_t written(int fd, const void *data, size_t size, off_t at, int has_place) {
    char path[PATH_MAX];
    if (fd == 1 || fd == 2) {
        note('s', fd, 0, data, size, NULL, 0);
        return -2;
    }
    if (!path_of(fd, path) || !below(path)) return -2;
    int state = begin(1, 1);
    if (state < 0) return -1;
    size_t part = state && size > 1 ? size / 2 : size;
    if (!has_place) {
        int flags = fcntl(fd, F_GETFL);
        at = flags & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    }
    ssize_t done = has_place ? syscall(SYS_pwrite64, fd, data, part, at)
                             : syscall(SYS_write, fd, data, part);
    if (done > 0) note('w', file_of(fd), at, data, done, NULL, 0);
    end();
    return done;
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (!active()) return real(fd, data, size);
    ENTER;
    ssize_t done = written(fd, data, size, 0, 0);
    LEAVE;
    return done == -2 ? real(fd, data, size) : done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    if (!active()) return real(fd, data, size, at);
    ENTER;
    ssize_t done = written(fd, data, size, at, 1);
    LEAVE;
    return done == -2 ? real(fd, data, size, at) : done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return pwrite(fd, data, size, at);
}

/* Not taken by anything under test; were it, recording would miss it, so it must not pass. */
#define NOT_KNOWN(what) \
    do { \
        static const char text[] = "the fault shim does not know " what "\n"; \
        syscall(SYS_write, 2, text, sizeof text - 1); \
        die(); \
    } while (0)

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    char path[PATH_MAX];
    if (active() && path_of(fd, path) && below(path)) NOT_KNOWN("writev");
    return real(fd, parts, count);
}

ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags) {
    REAL(copy_file_range);
    char path[PATH_MAX];
    if (active() && path_of(to, path) && below(path)) NOT_KNOWN("copy_file_range");
    return real(from, a, to, b, size, flags);
}

/* Size and syncing */

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    char path[PATH_MAX];
    if (!active() || !path_of(fd, path) || !below(path)) return real(fd, size);
    ENTER;
    struct stat now;
    int grows = !fstat(fd, &now) && size > now.st_size;
    int result = begin(grows, 0) < 0 ? -1 : real(fd, size);
    if (!result) note('t', file_of(fd), size, NULL, 0, NULL, 0), end();
    LEAVE;
    return result;
}

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

static int synced(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    if (!active() || !path_of(fd, path) || !below(path)) return real(fd);
    ENTER;
    int result = begin(0, 0) < 0 ? -1 : real(fd);
    if (!result) note('f', file_of(fd), 0, path, strlen(path), NULL, 0), end();
    LEAVE;
    return result;
}

int fsync(int fd) {
    REAL(fsync);
    return synced(fd, real);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return synced(fd, real);
}

/* Names */

static int opened(int folder, const char *name, int flags, mode_t rights,
                  int (*real)(int, const char *, int, ...)) {
    char path[PATH_MAX];
    if (!active() || !(flags & (O_CREAT | O_TRUNC))) return real(folder, name, flags, rights);
    whole_path(folder, name, path);
    if (!below(path)) return real(folder, name, flags, rights);
    ENTER;
    int is_new = (flags & O_CREAT) && !file_at(path), cuts = (flags & O_TRUNC) && !is_new;
    int fd = (is_new || cuts) && begin(is_new, 0) < 0 ? -1 : real(folder, name, flags, rights);
    if (fd >= 0) {
        if (is_new) note('c', file_of(fd), 0, path, strlen(path), NULL, 0);
        if (cuts) note('t', file_of(fd), 0, NULL, 0, NULL, 0);
        if (is_new || cuts) end();
    }
    LEAVE;
    return fd;
}

#define OPEN_AT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(openat64); \
        va_list more; \
        va_start(more, flags); \
        mode_t rights = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return opened(folder, path, flags, rights, real); \
    }
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(openat64); \
        va_list more; \
        va_start(more, flags); \
        mode_t rights = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return opened(AT_FDCWD, path, flags, rights, real); \
    }
OPEN_AT(openat)
OPEN_AT(openat64)
OPEN(open)
OPEN(open64)

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(renameat);
    char old[PATH_MAX], new[PATH_MAX];
    whole_path(from_folder, from, old);
    whole_path(to_folder, to, new);
    if (!active() || (!below(old) && !below(new))) return real(from_folder, from, to_folder, to);
    ENTER;
    int result = begin(0, 0) < 0 ? -1 : real(from_folder, from, to_folder, to);
    if (!result) note('r', file_at(new), 0, old, strlen(old), new, strlen(new)), end();
    LEAVE;
    return result;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    REAL(linkat);
    char old[PATH_MAX], new[PATH_MAX];
    whole_path(from_folder, from, old);
    whole_path(to_folder, to, new);
    if (!active() || !below(new)) return real(from_folder, from, to_folder, to, flags);
    ENTER;
    int result = begin(1, 0) < 0 ? -1 : real(from_folder, from, to_folder, to, flags);
    if (!result) note('l', file_at(new), 0, old, strlen(old), new, strlen(new)), end();
    LEAVE;
    return result;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int folder, const char *name, int flags) {
    REAL(unlinkat);
    char path[PATH_MAX];
    whole_path(folder, name, path);
    if (!active() || !below(path)) return real(folder, name, flags);
    ENTER;
    int result = begin(0, 0) < 0 ? -1 : real(folder, name, flags);
    if (!result) note('u', 0, 0, path, strlen(path), NULL, 0), end();
    LEAVE;
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *name, mode_t rights) {
    REAL(mkdirat);
    char path[PATH_MAX];
    whole_path(folder, name, path);
    if (!active() || !below(path)) return real(folder, name, rights);
    ENTER;
    int result = begin(1, 0) < 0 ? -1 : real(folder, name, rights);
    if (!result) note('m', file_at(path), 0, path, strlen(path), NULL, 0), end();
    LEAVE;
    return result;
}

int mkdir(const char *path, mode_t rights) { return mkdirat(AT_FDCWD, path, rights); }
