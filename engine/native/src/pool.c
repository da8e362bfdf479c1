/* The caller works too and takes whatever the other threads have not begun: on a busy machine it never
 * waits for a thread that has not been scheduled, as it would at a barrier. */
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_THREADS = 256, SPINS = 20000 };

static pthread_mutex_t one_job = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t sleeping = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static int started;
static pid_t owner;

static struct {
    void (*work)(void *, int64_t);
    void *context;
    int64_t count, chunk;
    _Alignas(64) _Atomic int64_t next;
    _Alignas(64) _Atomic int active;   /* threads that may touch the job */
    _Alignas(64) _Atomic unsigned open; /* odd while a job is open */
    _Atomic int wanted;                /* how many helpers it may have */
    _Atomic int asleep;
} job;

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Numbers too small for full precision count as zero while the kernels work: attention has weights of
 * that size, and the processor would take a hundred times as long over each. Gives what held before. */
static inline unsigned flush_tiny_numbers(void)
{
#if defined(__x86_64__)
    unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

static inline void as_before(unsigned state)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(state);
#else
    (void)state;
#endif
}

static void take_parts(void)
{
    for (;;) {
        int64_t first = atomic_fetch_add(&job.next, job.chunk);
        if (first >= job.count) return;
        int64_t last = first + job.chunk < job.count ? first + job.chunk : job.count;
        for (int64_t i = first; i < last; i++) job.work(job.context, i);
    }
}

static void *help(void *number)
{
    int mine = (int)(intptr_t)number;
    unsigned seen = 0;
    flush_tiny_numbers();
    for (;;) {
        unsigned now;
        int spins = 0;
        while (now = atomic_load(&job.open), !(now & 1) || now == seen) {
            if (++spins < SPINS) {
                pause_briefly();
                continue;
            }
            pthread_mutex_lock(&sleeping);
            atomic_fetch_add(&job.asleep, 1);
            while (now = atomic_load(&job.open), !(now & 1) || now == seen)
                pthread_cond_wait(&woken, &sleeping);
            atomic_fetch_sub(&job.asleep, 1);
            pthread_mutex_unlock(&sleeping);
        }
        seen = now;
        atomic_fetch_add(&job.active, 1);
        /* Only now is the job safe from being closed under us, so look again. */
        if (atomic_load(&job.open) == now && mine < atomic_load(&job.wanted)) take_parts();
        atomic_fetch_sub(&job.active, 1);
    }
    return NULL;
}

static void start_helpers(int count)
{
    /* After a fork the helpers of the parent are not here. */
    if (owner != getpid()) {
        owner = getpid();
        started = 0;
        atomic_store(&job.asleep, 0);
        atomic_store(&job.active, 0);
    }
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (started < count && started < MOST_THREADS) {
        pthread_t thread;
        if (pthread_create(&thread, &detached, help, (void *)(intptr_t)started)) break;
        started++;
    }
    pthread_attr_destroy(&detached);
}

void muniment_parallel(int threads, int64_t count, int64_t chunk, void (*work)(void *, int64_t),
                       void *context)
{
    unsigned before = flush_tiny_numbers();
    if (threads <= 1 || count <= chunk) {
        for (int64_t i = 0; i < count; i++) work(context, i);
        as_before(before);
        return;
    }
    pthread_mutex_lock(&one_job);
    start_helpers(threads - 1);
    job.work = work;
    job.context = context;
    job.count = count;
    job.chunk = chunk;
    atomic_store(&job.next, 0);
    atomic_store(&job.wanted, threads - 1);
    atomic_fetch_add(&job.open, 1);
    if (atomic_load(&job.asleep)) {
        pthread_mutex_lock(&sleeping);
        pthread_cond_broadcast(&woken);
        pthread_mutex_unlock(&sleeping);
    }
    take_parts();
    atomic_fetch_add(&job.open, 1);
    for (int spins = 0; atomic_load(&job.active); spins++) {
        pause_briefly();
        if (spins > 1000) usleep(20);
    }
    pthread_mutex_unlock(&one_job);
    as_before(before);
}
