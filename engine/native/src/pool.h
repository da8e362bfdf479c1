/* A pool of threads that share out the parts of one job. */
#ifndef MUNIMENT_POOL_H
#define MUNIMENT_POOL_H

#include <stdint.h>

/* Calls work(context, i) for every i below count, in any order, on up to `threads` threads, the caller
 * among them, `chunk` neighbours at a time. Returns when all are done. Only one job runs at a time. */
void muniment_parallel(int threads, int64_t count, int64_t chunk, void (*work)(void *, int64_t),
                       void *context);

#endif
