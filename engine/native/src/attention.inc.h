/* Attention over tiles of sixteen positions.
 *
 * Positions are cut into segments of 256 by their number, whatever the caller's chunks are. Within a
 * segment: scores, their maximum, weights, and the weighted sum of values; segments are then merged
 * from the first to the last (as in flash attention). With few rows, segments run in parallel and are
 * merged afterwards, in the same order by the same arithmetic.
 */

enum { QUERY_ROWS = 6 };

/* to[r][16] = q[r] times one tile of keys, D rows from `row` on. */
#define SCORES(R, KIND)                                                                            \
    static void scores_##KIND##_##R(const float *const *q, const void *keys, int64_t row,          \
                                    int64_t head_size, const float *levels, float *const *to)      \
    {                                                                                              \
        vec sum[R][LANES];                                                                         \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) sum[r][l] = (vec){0};                                  \
        for (int64_t d = 0; d < head_size; d++) {                                                  \
            vec column[LANES];                                                                     \
            for (int l = 0; l < LANES; l++) column[l] = row_##KIND(keys, row + d, l, levels);      \
            for (int r = 0; r < R; r++)                                                            \
                for (int l = 0; l < LANES; l++) sum[r][l] += q[r][d] * column[l];                  \
        }                                                                                          \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) store(to[r] + l * WIDTH, sum[r][l]);                   \
    }

/* out[r][16 channels] = sum over the tiles' positions of weight[r][p] * value[p]. */
#define VALUES(R, KIND)                                                                            \
    static void values_##KIND##_##R(const float *const *weights, const void *values, int64_t row,  \
                                    int64_t tile_rows, int64_t tiles, const float *levels,         \
                                    float *const *out)                                             \
    {                                                                                              \
        vec sum[R][LANES];                                                                         \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) sum[r][l] = (vec){0};                                  \
        for (int64_t t = 0; t < tiles; t++) {                                                      \
            for (int p = 0; p < TILE; p++) {                                                       \
                vec v[LANES];                                                                      \
                for (int l = 0; l < LANES; l++)                                                    \
                    v[l] = row_##KIND(values, row + t * tile_rows + p, l, levels);                 \
                for (int r = 0; r < R; r++)                                                        \
                    for (int l = 0; l < LANES; l++) sum[r][l] += weights[r][t * TILE + p] * v[l];  \
            }                                                                                      \
        }                                                                                          \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) store(out[r] + l * WIDTH, sum[r][l]);                  \
    }

#define FOR_ROWS(MACRO, KIND)                                                                      \
    MACRO(1, KIND)                                                                                 \
    MACRO(2, KIND) MACRO(3, KIND) MACRO(4, KIND) MACRO(5, KIND) MACRO(6, KIND)
#define FOR_KINDS(MACRO)                                                                           \
    FOR_ROWS(MACRO, code2)                                                                         \
    FOR_ROWS(MACRO, code3)                                                                         \
    FOR_ROWS(MACRO, code4)                                                                         \
    FOR_ROWS(MACRO, int8) FOR_ROWS(MACRO, bf16) FOR_ROWS(MACRO, f32)
FOR_KINDS(SCORES)
FOR_KINDS(VALUES)

typedef void scores_kernel(const float *const *, const void *, int64_t, int64_t, const float *,
                           float *const *);
typedef void values_kernel(const float *const *, const void *, int64_t, int64_t, int64_t,
                           const float *, float *const *);

#define EACH_COUNT(NAME, KIND)                                                                     \
    {NAME##_##KIND##_1, NAME##_##KIND##_2, NAME##_##KIND##_3,                                      \
     NAME##_##KIND##_4, NAME##_##KIND##_5, NAME##_##KIND##_6}
#define EACH_KIND(NAME)                                                                            \
    {EACH_COUNT(NAME, code2), EACH_COUNT(NAME, code3), EACH_COUNT(NAME, code4),                    \
     EACH_COUNT(NAME, int8),  EACH_COUNT(NAME, bf16),  EACH_COUNT(NAME, f32)}

static scores_kernel *const all_scores[6][QUERY_ROWS] = EACH_KIND(scores);
static values_kernel *const all_values[6][QUERY_ROWS] = EACH_KIND(values);

INLINE int kind_index(int64_t kind)
{
    return kind <= 4 ? (int)kind - 2 : kind == ROW_INT8 ? 3 : kind == ROW_BF16 ? 4 : 5;
}

/* Up to six query rows of one key head. */
struct query_block {
    int count;
    const float *q[QUERY_ROWS];
    int64_t low[QUERY_ROWS], high[QUERY_ROWS]; /* within the store: position - its first */
    float bias[QUERY_ROWS];
};

/* One segment's share for a block: peak[r], mass[r] and out[r][D], unnormalised. `from` is where the
 * segment begins in the store. */
static void attend_segment(const struct query_block *block, const struct stored *keys,
                           const struct stored *values, int64_t kv, int64_t head_size, float scale,
                           int64_t from, float *peak, float *mass, float *const *out)
{
    float scores[QUERY_ROWS][SEGMENT] __attribute__((aligned(64)));
    int count = block->count;
    int64_t first = from + SEGMENT, last = from;
    for (int r = 0; r < count; r++) {
        int64_t a = block->low[r] > from ? block->low[r] : from;
        int64_t b = block->high[r] < from + SEGMENT ? block->high[r] : from + SEGMENT;
        first = a < b && a < first ? a : first;
        last = a < b && b > last ? b : last;
    }
    if (first >= last) {
        for (int r = 0; r < count; r++) peak[r] = -INFINITY, mass[r] = 0;
        return;
    }
    int64_t first_tile = first / TILE, tiles = (last + TILE - 1) / TILE - first_tile;
    int64_t start = first_tile * TILE, length = tiles * TILE;
    int64_t head_rows = keys->capacity / TILE * head_size;
    const void *key_rows = (const char *)keys->rows + (size_t)(kv * head_rows) * row_bytes(keys->kind);
    const void *value_rows =
        (const char *)values->rows + (size_t)(kv * head_rows) * row_bytes(values->kind);

    scores_kernel *multiply = all_scores[kind_index(keys->kind)][count - 1];
    for (int64_t t = 0; t < tiles; t++) {
        float *to[QUERY_ROWS];
        for (int r = 0; r < count; r++) to[r] = scores[r] + t * TILE;
        multiply(block->q, key_rows, (first_tile + t) * head_size, head_size, keys->levels, to);
    }

    /* Sums run over all lanes of whole tiles aligned by position; what a row does not see weighs
     * exactly nothing, so they do not depend on which tiles other rows needed. */
    float key_scale[SEGMENT], value_scale[SEGMENT];
    if (is_coded(keys->kind))
        for (int64_t i = 0; i < length; i += WIDTH)
            store(key_scale + i, load_fp16(keys->scales + kv * keys->capacity + start + i) * scale);
    if (is_coded(values->kind))
        for (int64_t i = 0; i < length; i += WIDTH)
            store(value_scale + i, load_fp16(values->scales + kv * values->capacity + start + i));
    const float *weights[QUERY_ROWS];
    for (int r = 0; r < count; r++) {
        float *s = scores[r];
        if (is_coded(keys->kind)) {
            for (int64_t i = 0; i < length; i += WIDTH)
                store(s + i, load(s + i) * load(key_scale + i) + block->bias[r]);
        } else {
            for (int64_t i = 0; i < length; i += WIDTH) store(s + i, load(s + i) * scale);
        }
        int64_t low = block->low[r] - start, high = block->high[r] - start;
        for (int64_t i = 0; i < low && i < length; i++) s[i] = -INFINITY;
        for (int64_t i = high > 0 ? high : 0; i < length; i++) s[i] = -INFINITY;
        vec top = splat(-INFINITY);
        for (int64_t i = 0; i < length; i += WIDTH) top = maximum(load(s + i), top);
        peak[r] = max_lanes(top);
        float base = peak[r] == -INFINITY ? 0.0f : peak[r];
        vec sum[LANES] = {{0}};
        for (int64_t t = 0; t < tiles; t++) {
            for (int l = 0; l < LANES; l++) {
                int64_t i = t * TILE + l * WIDTH;
                vec weight = exponential(load(s + i) - base);
                sum[l] += weight;
                store(s + i, is_coded(values->kind) ? weight * load(value_scale + i) : weight);
            }
        }
        mass[r] = sum_lanes(sum);
        weights[r] = s;
    }

    values_kernel *add = all_values[kind_index(values->kind)][count - 1];
    for (int64_t channel = 0; channel < head_size; channel += 16) {
        float *to[QUERY_ROWS];
        for (int r = 0; r < count; r++) to[r] = out[r] + channel;
        add(weights, value_rows, first_tile * head_size + channel, head_size, tiles, values->levels, to);
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
    const struct attention *a;
    int64_t blocks, first_segment, segments;
    float *shares; /* [kv head, block, segment][QUERY_ROWS][peak, mass, out[D]], or NULL */
};

/* The rows of a block, as (row, head) pairs of one key head: row * group + head within the group. */
INLINE int block_rows(const struct attend_job *job, int64_t item, int64_t *pairs)
{
    int64_t group = job->a->heads / job->a->kv_heads;
    int64_t i = item % job->blocks * QUERY_ROWS, all = job->a->rows * group;
    int count = 0;
    for (; i < all && count < QUERY_ROWS; i++) pairs[count++] = i;
    return count;
}

/* One block's share of one segment. Rows that see the segment coded and rows that see it exact are two
 * blocks; a row is in one of them. */
static void segment_share(const struct attend_job *job, int64_t item, int64_t segment, float *peak,
                          float *mass, float *const *out)
{
    const struct attention *a = job->a;
    int64_t kv = item / job->blocks, group = a->heads / a->kv_heads, pairs[QUERY_ROWS];
    int count = block_rows(job, item, pairs);
    int64_t start = (job->first_segment + segment) * SEGMENT;
    for (int coded = 0; coded < 2; coded++) {
        struct query_block block = {0};
        int which[QUERY_ROWS];
        float *to[QUERY_ROWS], peaks[QUERY_ROWS], masses[QUERY_ROWS];
        int64_t base = coded ? 0 : a->base;
        for (int r = 0; r < count; r++) {
            int64_t row = pairs[r] / group, head = kv * group + pairs[r] % group;
            if ((a->border && start < a->border[row]) != coded) continue;
            int n = block.count++;
            which[n] = r;
            to[n] = out[r];
            block.q[n] = (coded ? a->coded_q : a->q) + row * a->q_stride + head * a->head_size;
            block.low[n] = a->low[row] - base;
            block.high[n] = a->high[row] - base;
            block.bias[n] = coded && a->bias ? a->bias[row * a->heads + head] : 0;
        }
        if (!block.count) continue;
        attend_segment(&block, coded ? &a->coded_keys : &a->keys, coded ? &a->coded_values : &a->values,
                       kv, a->head_size, (float)a->scale, start - base, peaks, masses, to);
        for (int n = 0; n < block.count; n++) {
            peak[which[n]] = peaks[n];
            mass[which[n]] = masses[n];
        }
    }
}

static void attend_share(void *context, int64_t task)
{
    const struct attend_job *job = context;
    int64_t width = job->a->head_size + 2;
    float *slot = job->shares + task * QUERY_ROWS * width, peak[QUERY_ROWS] = {0};
    float mass[QUERY_ROWS] = {0}, *out[QUERY_ROWS];
    for (int r = 0; r < QUERY_ROWS; r++) out[r] = slot + r * width + 2;
    segment_share(job, task / job->segments, task % job->segments, peak, mass, out);
    for (int r = 0; r < QUERY_ROWS; r++) {
        slot[r * width] = peak[r];
        slot[r * width + 1] = mass[r];
    }
}

static void attend_block(void *context, int64_t item)
{
    const struct attend_job *job = context;
    const struct attention *a = job->a;
    int64_t width = a->head_size + 2, group = a->heads / a->kv_heads, pairs[QUERY_ROWS];
    int count = block_rows(job, item, pairs);
    float total_peak[QUERY_ROWS], total_mass[QUERY_ROWS], peak[QUERY_ROWS], mass[QUERY_ROWS];
    float local[QUERY_ROWS][LARGEST_HEAD] __attribute__((aligned(64)));
    float *share[QUERY_ROWS], *out[QUERY_ROWS];
    for (int r = 0; r < count; r++) {
        int64_t row = pairs[r] / group, head = item / job->blocks * group + pairs[r] % group;
        total_peak[r] = -INFINITY;
        total_mass[r] = 0;
        share[r] = local[r];
        out[r] = a->out + row * a->out_stride + head * a->head_size;
        memset(out[r], 0, (size_t)a->head_size * sizeof(float));
    }
    for (int64_t segment = 0; segment < job->segments; segment++) {
        if (job->shares) {
            float *slot = job->shares + (item * job->segments + segment) * QUERY_ROWS * width;
            for (int r = 0; r < count; r++) {
                peak[r] = slot[r * width];
                mass[r] = slot[r * width + 1];
                share[r] = slot + r * width + 2;
            }
        } else {
            segment_share(job, item, segment, peak, mass, share);
        }
        for (int r = 0; r < count; r++)
            merge_share(&total_peak[r], &total_mass[r], out[r], peak[r], mass[r], share[r],
                        a->head_size);
    }
    for (int r = 0; r < count; r++) {
        float inverse = total_mass[r] > 0 ? 1.0f / total_mass[r] : 0.0f;
        for (int64_t d = 0; d < a->head_size; d++) out[r][d] *= inverse;
    }
}

static void attend(const struct attention *a, int threads)
{
    int64_t least = a->low[0], most = a->high[0];
    for (int64_t r = 1; r < a->rows; r++) {
        least = a->low[r] < least ? a->low[r] : least;
        most = a->high[r] > most ? a->high[r] : most;
    }
    struct attend_job job = {a, 0, 0, 0, NULL};
    job.blocks = (a->rows * (a->heads / a->kv_heads) + QUERY_ROWS - 1) / QUERY_ROWS;
    job.first_segment = least / SEGMENT;
    job.segments = most > least ? (most + SEGMENT - 1) / SEGMENT - job.first_segment : 0;
    int64_t items = a->kv_heads * job.blocks;
    /* Few blocks: each segment of each is a task, and they are merged afterwards. */
    if (threads > 1 && items < 4 * threads && job.segments > 1) {
        size_t numbers = (size_t)(items * job.segments * QUERY_ROWS * (a->head_size + 2));
        job.shares = malloc(numbers * sizeof(float));
        if (job.shares) muniment_parallel(threads, items * job.segments, 1, attend_share, &job);
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
