/* Attention of rows that all see all positions, as the patches of an image do.
 *
 * Queries lie across the lanes, so that maxima and sums of weights need no sum over lanes, and products
 * with keys and values are the same: a few scalars times two vectors. Positions are taken in blocks, one
 * after another, whatever the number of rows or threads.
 */

enum { QUERIES = 2 * WIDTH, POSITIONS = 64, TOGETHER = 3, LARGEST_FULL_HEAD = 128 };
#if defined(__AVX512F__)
enum { AT_ONCE = 8 };
#else
enum { AT_ONCE = 4 };
#endif

struct full_job {
    const float *q, *keys, *values;
    int64_t q_stride, rows, positions, capacity, heads, heads_each, head_size, blocks;
    float scale, *out;
    int64_t out_stride;
};

/* to[i][query] = key i times the queries, [head size][QUERIES]; `step` numbers from key to key. */
static void full_scores(const float *q, const float *keys, int64_t step, int64_t head_size,
                        float (*to)[QUERIES])
{
    const float *k[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) k[i] = keys + i * step;
    vec sum[AT_ONCE][2];
    for (int i = 0; i < AT_ONCE; i++) sum[i][0] = sum[i][1] = (vec){0};
    for (int64_t d = 0; d < head_size; d++, q += QUERIES) {
        vec one = load(q), other = load(q + WIDTH);
        for (int i = 0; i < AT_ONCE; i++) {
            sum[i][0] += k[i][d] * one;
            sum[i][1] += k[i][d] * other;
        }
    }
    for (int i = 0; i < AT_ONCE; i++)
        for (int l = 0; l < 2; l++) store(to[i] + l * WIDTH, sum[i][l]);
}

/* total[channel][query] = keep * total + the positions' weights times their values. */
static void full_values(const float (*weights)[QUERIES], const float *values, int64_t head_size,
                        int64_t count, const vec *keep, float (*total)[QUERIES])
{
    vec sum[AT_ONCE][2];
    for (int i = 0; i < AT_ONCE; i++)
        for (int l = 0; l < 2; l++) sum[i][l] = load(total[i] + l * WIDTH) * keep[l];
    for (int64_t p = 0; p < count; p++, values += head_size) {
        vec one = load(weights[p]), other = load(weights[p] + WIDTH);
        for (int i = 0; i < AT_ONCE; i++) {
            sum[i][0] += values[i] * one;
            sum[i][1] += values[i] * other;
        }
    }
    for (int i = 0; i < AT_ONCE; i++)
        for (int l = 0; l < 2; l++) store(total[i] + l * WIDTH, sum[i][l]);
}

/* QUERIES rows of one head on their way through the positions. */
struct full_rows {
    float q[LARGEST_FULL_HEAD][QUERIES] __attribute__((aligned(64)));
    float total[LARGEST_FULL_HEAD][QUERIES] __attribute__((aligned(64)));
    vec peak[2], mass[2];
};

static void full_start(const struct full_job *job, struct full_rows *rows, int64_t head, int64_t first)
{
    int64_t size = job->head_size, left = job->rows - first, count = left < QUERIES ? left : QUERIES;
    memset(rows, 0, sizeof *rows);
    for (int64_t r = 0; r < count; r++)
        for (int64_t d = 0; d < size; d++)
            rows->q[d][r] = job->q[(first + r) * job->q_stride + head * size + d] * job->scale;
    rows->peak[0] = rows->peak[1] = splat(-INFINITY);
}

/* Takes in `count` positions. */
static void full_share(struct full_rows *rows, const float *keys, const float *values, int64_t size,
                       int64_t count)
{
    float weights[POSITIONS][QUERIES] __attribute__((aligned(64)));
    vec keep[2];
    for (int64_t p = 0; p < count; p += AT_ONCE)
        full_scores(rows->q[0], keys + p * size, size, size, weights + p);
    for (int l = 0; l < 2; l++) {
        vec top = rows->peak[l], sum = {0};
        for (int64_t p = 0; p < count; p++) top = maximum(load(weights[p] + l * WIDTH), top);
        for (int64_t p = 0; p < count; p++) {
            vec weight = exponential(load(weights[p] + l * WIDTH) - top);
            store(weights[p] + l * WIDTH, weight);
            sum += weight;
        }
        keep[l] = exponential(rows->peak[l] - top);
        rows->mass[l] = rows->mass[l] * keep[l] + sum;
        rows->peak[l] = top;
    }
    for (int64_t c = 0; c < size; c += AT_ONCE)
        full_values((const float(*)[QUERIES])weights, values + c, size, count, keep, rows->total + c);
}

static void full_end(const struct full_job *job, const struct full_rows *rows, int64_t head,
                     int64_t first)
{
    int64_t size = job->head_size, left = job->rows - first, count = left < QUERIES ? left : QUERIES;
    float inverse[QUERIES];
    for (int l = 0; l < 2; l++) store(inverse + l * WIDTH, 1.0f / rows->mass[l]);
    for (int64_t r = 0; r < count; r++)
        for (int64_t d = 0; d < size; d++)
            job->out[(first + r) * job->out_stride + head * size + d] = rows->total[d][r] * inverse[r];
}

/* One head's attention for some rows, which share the keys and values that are in the cache. */
static void full_block(void *context, int64_t item)
{
    const struct full_job *job = context;
    struct full_rows rows[TOGETHER];
    int64_t head = item / job->blocks, first = item % job->blocks * TOGETHER * QUERIES;
    int64_t size = job->head_size, several = 0;
    size_t start = (size_t)(head / job->heads_each * job->capacity * size);
    for (; several < TOGETHER && first + several * QUERIES < job->rows; several++)
        full_start(job, rows + several, head, first + several * QUERIES);
    for (int64_t from = 0; from < job->positions; from += POSITIONS) {
        int64_t left = job->positions - from, count = left < POSITIONS ? left : POSITIONS;
        size_t at = start + (size_t)(from * size);
        for (int64_t i = 0; i < several; i++)
            full_share(rows + i, job->keys + at, job->values + at, size, count);
    }
    for (int64_t i = 0; i < several; i++) full_end(job, rows + i, head, first + i * QUERIES);
}

static void attend_all(const float *q, int64_t q_stride, const float *keys, const float *values,
                       int64_t rows, int64_t positions, int64_t capacity, int64_t heads,
                       int64_t kv_heads, int64_t head_size, float scale, float *out,
                       int64_t out_stride, int threads)
{
    struct full_job job = {q, keys, values, q_stride, rows, positions, capacity, heads,
                           heads / kv_heads, head_size, (rows + TOGETHER * QUERIES - 1) / (TOGETHER * QUERIES), scale, out,
                           out_stride};
    muniment_parallel(threads, heads * job.blocks, 1, full_block, &job);
}
