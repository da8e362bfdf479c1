/* Attention over tiles of sixteen positions.
 *
 * Positions are cut into segments of 256 by their number, whatever the caller's chunks are. Within a
 * segment: scores, their maximum, weights, and the weighted sum of values; segments are then merged
 * from the first to the last (as in flash attention). With few rows, segments run in parallel and are
 * merged afterwards, in the same order by the same arithmetic.
 */

enum { QUERY_ROWS = 6, LARGEST_HEAD = 512 };

/* scores[r][16] for up to six query rows against one tile of keys */
#define SCORES(R)                                                                                  \
    static void scores_##R(const float *const *q, const void *keys, int half, int64_t head_size,   \
                           float scale, float *const *to)                                          \
    {                                                                                              \
        vec sum[R][LANES];                                                                         \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) sum[r][l] = (vec){0};                                  \
        if (half) {                                                                                \
            const uint16_t *k = keys;                                                              \
            for (int64_t d = 0; d < head_size; d++, k += TILE) {                                   \
                vec column[LANES];                                                                 \
                for (int l = 0; l < LANES; l++) column[l] = load_bf16(k + l * WIDTH);              \
                for (int r = 0; r < R; r++)                                                        \
                    for (int l = 0; l < LANES; l++) sum[r][l] += q[r][d] * column[l];              \
            }                                                                                      \
        } else {                                                                                   \
            const float *k = keys;                                                                 \
            for (int64_t d = 0; d < head_size; d++, k += TILE) {                                   \
                vec column[LANES];                                                                 \
                for (int l = 0; l < LANES; l++) column[l] = load(k + l * WIDTH);                   \
                for (int r = 0; r < R; r++)                                                        \
                    for (int l = 0; l < LANES; l++) sum[r][l] += q[r][d] * column[l];              \
            }                                                                                      \
        }                                                                                          \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) store(to[r] + l * WIDTH, sum[r][l] * scale);           \
    }
SCORES(1)
SCORES(2)
SCORES(3)
SCORES(4)
SCORES(5)
SCORES(6)

/* out[r][16 channels] += sum over the tiles' positions of weight[r][p] * value[p] */
#define VALUES(R)                                                                                  \
    static void values_##R(const float *const *weights, const void *values, int half,              \
                           int64_t tile_stride, int64_t tiles, float *const *out)                  \
    {                                                                                              \
        vec sum[R][LANES];                                                                         \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) sum[r][l] = (vec){0};                                  \
        for (int64_t t = 0; t < tiles; t++) {                                                      \
            const uint16_t *h = (const uint16_t *)values + t * tile_stride;                        \
            const float *f = (const float *)values + t * tile_stride;                              \
            for (int p = 0; p < TILE; p++) {                                                       \
                vec v[LANES];                                                                      \
                for (int l = 0; l < LANES; l++)                                                    \
                    v[l] = half ? load_bf16(h + p * 16 + l * WIDTH) : load(f + p * 16 + l * WIDTH); \
                for (int r = 0; r < R; r++)                                                        \
                    for (int l = 0; l < LANES; l++) sum[r][l] += weights[r][t * TILE + p] * v[l];  \
            }                                                                                      \
        }                                                                                          \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) store(out[r] + l * WIDTH, sum[r][l]);                  \
    }
VALUES(1)
VALUES(2)
VALUES(3)
VALUES(4)
VALUES(5)
VALUES(6)

/* One segment's share for up to six query rows: peak[r], mass[r] and out[r][D], unnormalised.
 * first..last are the positions any row sees, within one segment. */
static void attend_segment(int count, const float *const *q, int64_t head_size, float scale, int half,
                           const char *keys, const char *values, int64_t first, int64_t last,
                           const int64_t *low, const int64_t *high, float *peak, float *mass,
                           float *const *out)
{
    float scores[QUERY_ROWS][SEGMENT];
    int64_t first_tile = first / TILE, tiles = (last + TILE - 1) / TILE - first_tile;
    size_t tile_bytes = (size_t)head_size * TILE * (half ? 2 : 4);
    const char *key = keys + (size_t)first_tile * tile_bytes;
    const char *value = values + (size_t)first_tile * tile_bytes;

    for (int64_t t = 0; t < tiles; t++, key += tile_bytes) {
        float *to[QUERY_ROWS];
        for (int r = 0; r < count; r++) to[r] = scores[r] + t * TILE;
        switch (count) {
        case 1: scores_1(q, key, half, head_size, scale, to); break;
        case 2: scores_2(q, key, half, head_size, scale, to); break;
        case 3: scores_3(q, key, half, head_size, scale, to); break;
        case 4: scores_4(q, key, half, head_size, scale, to); break;
        case 5: scores_5(q, key, half, head_size, scale, to); break;
        default: scores_6(q, key, half, head_size, scale, to);
        }
    }

    /* Sums run over all lanes of whole tiles aligned by position; what a row does not see weighs
     * exactly nothing, so they do not depend on which tiles other rows needed. */
    const float *rows[QUERY_ROWS];
    for (int r = 0; r < count; r++) {
        float *s = scores[r];
        int64_t from = low[r] - first_tile * TILE, to = high[r] - first_tile * TILE;
        for (int64_t i = 0; i < tiles * TILE; i++)
            if (i < from || i >= to) s[i] = -INFINITY;
        vec top = splat(-INFINITY);
        for (int64_t i = 0; i < tiles * TILE; i += WIDTH) top = maximum(load(s + i), top);
        float highest = max_lanes(top);
        peak[r] = highest;
        float base = highest == -INFINITY ? 0.0f : highest;
        vec sum[LANES] = {{0}};
        for (int64_t t = 0; t < tiles; t++) {
            for (int l = 0; l < LANES; l++) {
                float *at = s + t * TILE + l * WIDTH;
                vec weight = exponential(load(at) - base);
                store(at, weight);
                sum[l] += weight;
            }
        }
        mass[r] = sum_lanes(sum);
        rows[r] = s;
    }

    for (int64_t block = 0; block < head_size / 16; block++) {
        const char *v = value + (size_t)block * 256 * (half ? 2 : 4);
        float *to[QUERY_ROWS];
        for (int r = 0; r < count; r++) to[r] = out[r] + block * 16;
        int64_t stride = head_size * TILE;
        switch (count) {
        case 1: values_1(rows, v, half, stride, tiles, to); break;
        case 2: values_2(rows, v, half, stride, tiles, to); break;
        case 3: values_3(rows, v, half, stride, tiles, to); break;
        case 4: values_4(rows, v, half, stride, tiles, to); break;
        case 5: values_5(rows, v, half, stride, tiles, to); break;
        default: values_6(rows, v, half, stride, tiles, to);
        }
    }
}

/* total and share are (peak, mass, out[D]); the merged one goes to total. */
INLINE void merge_share(float *peak, float *mass, float *out, float share_peak, float share_mass,
                        const float *share, int64_t head_size)
{
    if (share_peak == -INFINITY) return;
    float top = share_peak > *peak ? share_peak : *peak;
    float keep = expf(*peak - top), take = expf(share_peak - top);
    for (int64_t d = 0; d < head_size; d++) out[d] = out[d] * keep + share[d] * take;
    *mass = *mass * keep + share_mass * take;
    *peak = top;
}

struct attend_job {
    const float *q;
    int64_t q_stride, heads, kv_heads, head_size, rows;
    float scale;
    int half;
    const char *keys, *values;
    size_t head_bytes;
    const int64_t *low, *high;
    float *out;
    int64_t out_stride;
    int64_t blocks, first_segment, segments;
    float *shares; /* [kv head, block, segment][QUERY_ROWS][peak, mass, out[D]], or NULL */
};

/* Up to six query rows of one key head. */
struct query_block {
    int count;
    const float *q[QUERY_ROWS];
    float *out[QUERY_ROWS];
    int64_t low[QUERY_ROWS], high[QUERY_ROWS];
    const char *keys, *values;
};

static struct query_block query_block(const struct attend_job *job, int64_t item)
{
    struct query_block block = {0};
    int64_t kv = item / job->blocks, group = job->heads / job->kv_heads;
    int64_t i = item % job->blocks * QUERY_ROWS, all = job->rows * group;
    for (; i < all && block.count < QUERY_ROWS; i++, block.count++) {
        int64_t row = i / group, head = kv * group + i % group;
        block.q[block.count] = job->q + row * job->q_stride + head * job->head_size;
        block.out[block.count] = job->out + row * job->out_stride + head * job->head_size;
        block.low[block.count] = job->low[row];
        block.high[block.count] = job->high[row];
    }
    block.keys = job->keys + (size_t)kv * job->head_bytes;
    block.values = job->values + (size_t)kv * job->head_bytes;
    return block;
}

/* One block's share of one segment; false if none of its rows sees any of it. */
static int segment_share(const struct attend_job *job, const struct query_block *block, int64_t segment,
                         float *peak, float *mass, float *const *out)
{
    int64_t start = (job->first_segment + segment) * SEGMENT, end = start + SEGMENT;
    int64_t first = end, last = start;
    for (int r = 0; r < block->count; r++) {
        int64_t a = block->low[r] > start ? block->low[r] : start;
        int64_t b = block->high[r] < end ? block->high[r] : end;
        if (a >= b) continue;
        first = a < first ? a : first;
        last = b > last ? b : last;
    }
    if (first >= last) return 0;
    attend_segment(block->count, block->q, job->head_size, job->scale, job->half, block->keys,
                   block->values, first, last, block->low, block->high, peak, mass, out);
    return 1;
}

static void attend_share(void *context, int64_t task)
{
    const struct attend_job *job = context;
    struct query_block block = query_block(job, task / job->segments);
    int64_t width = job->head_size + 2;
    float *slot = job->shares + task * QUERY_ROWS * width, peak[QUERY_ROWS], mass[QUERY_ROWS];
    float *out[QUERY_ROWS];
    for (int r = 0; r < block.count; r++) out[r] = slot + r * width + 2;
    int any = segment_share(job, &block, task % job->segments, peak, mass, out);
    for (int r = 0; r < block.count; r++) {
        slot[r * width] = any ? peak[r] : -INFINITY;
        slot[r * width + 1] = any ? mass[r] : 0;
    }
}

static void attend_block(void *context, int64_t item)
{
    const struct attend_job *job = context;
    struct query_block block = query_block(job, item);
    int64_t width = job->head_size + 2;
    float total_peak[QUERY_ROWS], total_mass[QUERY_ROWS], peak[QUERY_ROWS], mass[QUERY_ROWS];
    float local[QUERY_ROWS][LARGEST_HEAD] __attribute__((aligned(64)));
    float *share[QUERY_ROWS];
    for (int r = 0; r < block.count; r++) {
        total_peak[r] = -INFINITY;
        total_mass[r] = 0;
        share[r] = local[r];
        memset(block.out[r], 0, (size_t)job->head_size * sizeof(float));
    }
    for (int64_t segment = 0; segment < job->segments; segment++) {
        if (job->shares) {
            float *slot = job->shares + (item * job->segments + segment) * QUERY_ROWS * width;
            for (int r = 0; r < block.count; r++) {
                peak[r] = slot[r * width];
                mass[r] = slot[r * width + 1];
                share[r] = slot + r * width + 2;
            }
        } else if (!segment_share(job, &block, segment, peak, mass, share)) {
            continue;
        }
        for (int r = 0; r < block.count; r++)
            merge_share(&total_peak[r], &total_mass[r], block.out[r], peak[r], mass[r], share[r],
                        job->head_size);
    }
    for (int r = 0; r < block.count; r++) {
        float inverse = total_mass[r] > 0 ? 1.0f / total_mass[r] : 0.0f;
        for (int64_t d = 0; d < job->head_size; d++) block.out[r][d] *= inverse;
    }
}

static void attend(const float *q, int64_t q_stride, int64_t rows, int64_t heads, int64_t kv_heads,
                   int64_t head_size, float scale, int half, const void *key_tiles,
                   const void *value_tiles, int64_t capacity, const int64_t *low,
                   const int64_t *high, float *out, int64_t out_stride, int threads)
{
    int64_t least = low[0], most = high[0];
    for (int64_t r = 1; r < rows; r++) {
        least = low[r] < least ? low[r] : least;
        most = high[r] > most ? high[r] : most;
    }
    struct attend_job job = {q, q_stride, heads, kv_heads, head_size, rows, scale, half, key_tiles,
                             value_tiles, (size_t)(capacity * head_size * (half ? 2 : 4)), low, high,
                             out, out_stride, 0, 0, 0, NULL};
    job.blocks = (rows * (heads / kv_heads) + QUERY_ROWS - 1) / QUERY_ROWS;
    job.first_segment = least / SEGMENT;
    job.segments = most > least ? (most + SEGMENT - 1) / SEGMENT - job.first_segment : 0;
    int64_t items = kv_heads * job.blocks;
    /* Few blocks: each segment of each is a task, and they are merged afterwards. */
    if (threads > 1 && items < 4 * threads && job.segments > 1) {
        size_t numbers = (size_t)(items * job.segments * QUERY_ROWS * (head_size + 2));
        job.shares = malloc(numbers * sizeof(float));
        if (job.shares)
            muniment_parallel(threads, items * job.segments, 1, attend_share, &job);
    }
    muniment_parallel(threads, items, 1, attend_block, &job);
    free(job.shares);
}

static void store_tiles(const float *keys, int64_t key_stride, const float *values,
                        int64_t value_stride, int64_t rows, int64_t head_size, int64_t first,
                        int half, void *key_tiles, void *value_tiles)
{
    for (int64_t row = 0; row < rows; row++) {
        int64_t tile = (first + row) / TILE, place = (first + row) % TILE;
        int64_t base = tile * head_size * TILE;
        const float *k = keys + row * key_stride, *v = values + row * value_stride;
        for (int64_t d = 0; d < head_size; d++) {
            int64_t key_at = base + d * TILE + place;
            int64_t value_at = base + d / 16 * 256 + place * 16 + d % 16;
            if (half) {
                ((uint16_t *)key_tiles)[key_at] = to_bf16(k[d]);
                ((uint16_t *)value_tiles)[value_at] = to_bf16(v[d]);
            } else {
                ((float *)key_tiles)[key_at] = k[d];
                ((float *)value_tiles)[value_at] = v[d];
            }
        }
    }
}
