/* Attention over tiles of sixteen positions.
 *
 * Positions are cut into segments of 256 by their number, whatever the caller's chunks are. Within a
 * segment: scores, their maximum, weights, and the weighted sum of values; segments are then merged
 * from the first to the last (as in flash attention). With few rows, segments run in parallel and are
 * merged afterwards, in the same order by the same arithmetic.
 */

/* Rows multiplied at once, and rows that share the unpacking of a segment. */
#if defined(__AVX512F__)
enum { QUERY_ROWS = 8, GROUP_ROWS = 48 };
#else
enum { QUERY_ROWS = 6, GROUP_ROWS = 48 };
#endif

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

/* to[r][16] = q[r] times one tile of values, D channels from `row` on. */
#define VALUE_SCORES(R, KIND)                                                                      \
    static void value_scores_##KIND##_##R(const float *const *q, const void *values, int64_t row,  \
                                          int64_t head_size, const float *levels,                  \
                                          float *const *to)                                        \
    {                                                                                              \
        for (int p = 0; p < TILE; p++) {                                                           \
            vec sum[R][LANES];                                                                     \
            for (int r = 0; r < R; r++)                                                            \
                for (int l = 0; l < LANES; l++) sum[r][l] = (vec){0};                              \
            for (int64_t d = 0; d < head_size; d += 16) {                                          \
                vec v[LANES];                                                                      \
                for (int l = 0; l < LANES; l++) v[l] = row_##KIND(values, row + d + p, l, levels); \
                for (int r = 0; r < R; r++)                                                        \
                    for (int l = 0; l < LANES; l++) sum[r][l] += load(q[r] + d + l * WIDTH) * v[l]; \
            }                                                                                      \
            for (int r = 0; r < R; r++) to[r][p] = sum_lanes(sum[r]);                              \
        }                                                                                          \
    }

#if defined(__AVX512F__)
#define MORE_ROWS(MACRO, KIND) MACRO(7, KIND) MACRO(8, KIND)
#else
#define MORE_ROWS(MACRO, KIND)
#endif
#define FOR_ROWS(MACRO, KIND)                                                                      \
    MACRO(1, KIND)                                                                                 \
    MACRO(2, KIND) MACRO(3, KIND) MACRO(4, KIND) MACRO(5, KIND) MACRO(6, KIND) MORE_ROWS(MACRO, KIND)
#define FOR_KINDS(MACRO)                                                                           \
    FOR_ROWS(MACRO, code2)                                                                         \
    FOR_ROWS(MACRO, code3)                                                                         \
    FOR_ROWS(MACRO, code4)                                                                         \
    FOR_ROWS(MACRO, int8) FOR_ROWS(MACRO, bf16) FOR_ROWS(MACRO, f32)
FOR_KINDS(SCORES)
FOR_KINDS(VALUES)
FOR_KINDS(VALUE_SCORES)

/* `count` rows, `step` apart, as floats one after another. */
#define UNPACK(KIND)                                                                               \
    static void unpack_##KIND(const void *rows, int64_t row, int64_t step, int64_t count,          \
                              const float *levels, float *to)                                      \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++)                                                        \
            for (int l = 0; l < LANES; l++)                                                        \
                store(to + i * 16 + l * WIDTH, row_##KIND(rows, row + i * step, l, levels));       \
    }
UNPACK(code2) UNPACK(code3) UNPACK(code4) UNPACK(int8) UNPACK(bf16) UNPACK(f32)

typedef void scores_kernel(const float *const *, const void *, int64_t, int64_t, const float *,
                           float *const *);
typedef void values_kernel(const float *const *, const void *, int64_t, int64_t, int64_t,
                           const float *, float *const *);

#if defined(__AVX512F__)
#define MORE_COUNTS(NAME, KIND) , NAME##_##KIND##_7, NAME##_##KIND##_8
#else
#define MORE_COUNTS(NAME, KIND)
#endif
#define EACH_COUNT(NAME, KIND)                                                                     \
    {NAME##_##KIND##_1, NAME##_##KIND##_2, NAME##_##KIND##_3,                                      \
     NAME##_##KIND##_4, NAME##_##KIND##_5, NAME##_##KIND##_6 MORE_COUNTS(NAME, KIND)}
#define EACH_KIND(NAME)                                                                            \
    {EACH_COUNT(NAME, code2), EACH_COUNT(NAME, code3), EACH_COUNT(NAME, code4),                    \
     EACH_COUNT(NAME, int8),  EACH_COUNT(NAME, bf16),  EACH_COUNT(NAME, f32)}

typedef void unpack_kernel(const void *, int64_t, int64_t, int64_t, const float *, float *);

static unpack_kernel *const all_unpack[6] = {unpack_code2, unpack_code3, unpack_code4,
                                             unpack_int8,  unpack_bf16,  unpack_f32};
static scores_kernel *const all_scores[6][QUERY_ROWS] = EACH_KIND(scores);
static values_kernel *const all_values[6][QUERY_ROWS] = EACH_KIND(values);
static scores_kernel *const all_value_scores[6][QUERY_ROWS] = EACH_KIND(value_scores);

INLINE int kind_index(int64_t kind)
{
    return kind <= 4 ? (int)kind - 2 : kind == ROW_INT8 ? 3 : kind == ROW_BF16 ? 4 : 5;
}

/* Two unpacked tiles of keys, or two blocks of sixteen channels, side by side: with vectors of sixteen
 * that halves the loads of queries and weights. The sums are those of one at a time. */
typedef void pair_kernel(const float *const *, const float *, int64_t, float *const *);
#if defined(__AVX512F__)
enum { PAIRS = 2 };
#define PAIR_SCORES(R, KIND)                                                                       \
    static void pair_scores_##R(const float *const *q, const float *keys, int64_t head_size,       \
                                float *const *to)                                                  \
    {                                                                                              \
        vec sum[R][2];                                                                             \
        for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = (vec){0};                              \
        for (int64_t d = 0; d < head_size; d++) {                                                  \
            vec one = load(keys + d * 16), other = load(keys + (head_size + d) * 16);              \
            for (int r = 0; r < R; r++) {                                                          \
                sum[r][0] += q[r][d] * one;                                                        \
                sum[r][1] += q[r][d] * other;                                                      \
            }                                                                                      \
        }                                                                                          \
        for (int r = 0; r < R; r++) {                                                              \
            store(to[r], sum[r][0]);                                                               \
            store(to[r] + 16, sum[r][1]);                                                          \
        }                                                                                          \
    }
#define PAIR_VALUES(R, KIND)                                                                       \
    static void pair_values_##R(const float *const *weights, const float *values, int64_t tiles,   \
                                float *const *out)                                                 \
    {                                                                                              \
        vec sum[R][2];                                                                             \
        for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = (vec){0};                              \
        for (int64_t t = 0; t < tiles; t++) {                                                      \
            for (int p = 0; p < TILE; p++) {                                                       \
                const float *at = values + (t * 2 * TILE + p) * 16;                                \
                vec one = load(at), other = load(at + TILE * 16);                                  \
                for (int r = 0; r < R; r++) {                                                      \
                    sum[r][0] += weights[r][t * TILE + p] * one;                                   \
                    sum[r][1] += weights[r][t * TILE + p] * other;                                 \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        for (int r = 0; r < R; r++) {                                                              \
            store(out[r], sum[r][0]);                                                              \
            store(out[r] + 16, sum[r][1]);                                                         \
        }                                                                                          \
    }
FOR_ROWS(PAIR_SCORES, f32)
FOR_ROWS(PAIR_VALUES, f32)
static pair_kernel *const pair_scores[QUERY_ROWS] = {
    pair_scores_1, pair_scores_2, pair_scores_3, pair_scores_4,
    pair_scores_5, pair_scores_6, pair_scores_7, pair_scores_8};
static pair_kernel *const pair_values[QUERY_ROWS] = {
    pair_values_1, pair_values_2, pair_values_3, pair_values_4,
    pair_values_5, pair_values_6, pair_values_7, pair_values_8};
#else
enum { PAIRS = 1 };
static pair_kernel *const pair_scores[QUERY_ROWS], *const pair_values[QUERY_ROWS];
#endif

/* Query rows of one key head that look at a segment together. */
struct query_group {
    int count;
    const float *q[GROUP_ROWS];
    const float *value_q[GROUP_ROWS]; /* only if from_values: values' products count as keys' too */
    int from_values;
    int64_t low[GROUP_ROWS], high[GROUP_ROWS]; /* within the store: position - its first */
    float bias[GROUP_ROWS];
};

/* How many rows the block that begins at `row` multiplies at once: blocks of nearly the same size. */
INLINE int block_size(int row, int count)
{
    int blocks = (count - row + QUERY_ROWS - 1) / QUERY_ROWS;
    return (count - row + blocks - 1) / blocks;
}

/* The first row of a key head. */
INLINE const void *head_rows(const struct stored *stored, int64_t kv)
{
    int64_t rows = stored->capacity / TILE * stored->size;
    return (const char *)stored->rows + (size_t)(kv * rows) * row_bytes(stored->kind);
}

/* One segment's share for a group: peak[r], mass[r] and out[r][D], unnormalised. `from` is where the
 * segment begins in the store. A tile is unpacked once where more than one block of rows looks at it. */
static void attend_segment(const struct query_group *group, const struct stored *keys,
                           const struct stored *values, int64_t kv, float scale, int64_t from,
                           float *peak, float *mass, float *const *out)
{
    float scores[GROUP_ROWS][SEGMENT] __attribute__((aligned(64)));
    float more[GROUP_ROWS][SEGMENT] __attribute__((aligned(64)));
    float unpacked[PAIRS * LARGEST_HEAD * 16] __attribute__((aligned(64)));
    int count = group->count, several = count > QUERY_ROWS;
    int64_t first = from + SEGMENT, last = from;
    for (int r = 0; r < count; r++) {
        int64_t a = group->low[r] > from ? group->low[r] : from;
        int64_t b = group->high[r] < from + SEGMENT ? group->high[r] : from + SEGMENT;
        first = a < b && a < first ? a : first;
        last = a < b && b > last ? b : last;
    }
    if (first >= last) {
        for (int r = 0; r < count; r++) peak[r] = -INFINITY, mass[r] = 0;
        return;
    }
    int64_t first_tile = first / TILE, tiles = (last + TILE - 1) / TILE - first_tile;
    int64_t start = first_tile * TILE, length = tiles * TILE;
    const void *key_rows = head_rows(keys, kv), *value_rows = head_rows(values, kv);

    for (int from_values = 0; from_values <= group->from_values; from_values++) {
        const struct stored *stored = from_values ? values : keys;
        const void *rows = from_values ? value_rows : key_rows;
        const float *const *q = from_values ? group->value_q : group->q;
        int kind = several ? kind_index(ROW_F32) : kind_index(stored->kind);
        for (int64_t t = 0, step; t < tiles; t += step) {
            int64_t row = (first_tile + t) * stored->size;
            step = several && !from_values && t + PAIRS <= tiles ? PAIRS : 1;
            if (several)
                all_unpack[kind_index(stored->kind)](rows, row, 1, step * stored->size,
                                                     stored->levels, unpacked);
            for (int r = 0; r < count;) {
                int size = block_size(r, count);
                float *to[QUERY_ROWS];
                for (int i = 0; i < size; i++)
                    to[i] = (from_values ? more : scores)[r + i] + t * TILE;
                scores_kernel *kernel = (from_values ? all_value_scores : all_scores)[kind][size - 1];
                if (step > 1)
                    pair_scores[size - 1](q + r, unpacked, stored->size, to);
                else
                    kernel(q + r, several ? unpacked : rows, several ? 0 : row, stored->size,
                           stored->levels, to);
                r += size;
            }
        }
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
    const float *weights[GROUP_ROWS];
    for (int r = 0; r < count; r++) {
        float *s = scores[r];
        if (is_coded(keys->kind)) {
            for (int64_t i = 0; i < length; i += WIDTH)
                store(s + i, load(s + i) * load(key_scale + i) + group->bias[r]);
            for (int64_t i = 0; group->from_values && i < length; i += WIDTH)
                store(s + i, load(s + i) + load(more[r] + i) * (load(value_scale + i) * scale));
        } else {
            for (int64_t i = 0; i < length; i += WIDTH) store(s + i, load(s + i) * scale);
        }
        int64_t low = group->low[r] - start, high = group->high[r] - start;
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

    int kind = several ? kind_index(ROW_F32) : kind_index(values->kind);
    for (int64_t channel = 0, step; channel < values->size; channel += 16 * step) {
        int64_t row = first_tile * values->size + channel;
        step = several && channel + 16 * PAIRS <= values->size ? PAIRS : 1;
        if (several)
            for (int64_t t = 0; t < tiles; t++)
                all_unpack[kind_index(values->kind)](value_rows, row + t * values->size, 1,
                                                     step * TILE, values->levels,
                                                     unpacked + t * step * TILE * 16);
        for (int r = 0; r < count;) {
            int size = block_size(r, count);
            float *to[QUERY_ROWS];
            for (int i = 0; i < size; i++) to[i] = out[r + i] + channel;
            if (step > 1)
                pair_values[size - 1](weights + r, unpacked, tiles, to);
            else
                all_values[kind][size - 1](weights + r, several ? unpacked : value_rows,
                                           several ? 0 : row, several ? TILE : values->size, tiles,
                                           values->levels, to);
            r += size;
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

/* Pairs of a row and one of its heads, by key head: pair = row * (heads a key head) + head. */
struct attend_job {
    const struct attention *a;
    int64_t heads_each, pairs, groups, first_segment, segments;
    float *totals; /* [kv head][pair][peak, mass] of what has been merged */
    float *shares; /* [group][segment of this turn][GROUP_ROWS][peak, mass, out[D]], or NULL */
    int64_t turn_first, turn_segments;
};

INLINE int group_size(const struct attend_job *job, int64_t item)
{
    int64_t left = job->pairs - item % job->groups * GROUP_ROWS;
    return (int)(left < GROUP_ROWS ? left : GROUP_ROWS);
}

/* One group's share of one segment. Rows that see the segment coded and rows that see it exact are
 * two groups; a row is in one of them. */
static void segment_share(const struct attend_job *job, int64_t item, int64_t segment, float *peak,
                          float *mass, float *const *out)
{
    const struct attention *a = job->a;
    int64_t kv = item / job->groups, first_pair = item % job->groups * GROUP_ROWS;
    int64_t start = (job->first_segment + segment) * SEGMENT;
    int count = group_size(job, item);
    for (int coded = 0; coded < 2; coded++) {
        struct query_group group;
        int which[GROUP_ROWS];
        float *to[GROUP_ROWS], peaks[GROUP_ROWS], masses[GROUP_ROWS];
        int64_t base = coded ? 0 : a->base;
        const struct stored *keys = coded ? &a->coded_keys : &a->keys;
        group.count = 0;
        group.from_values = coded && a->value_q != NULL;
        for (int r = 0; r < count; r++) {
            int64_t row = (first_pair + r) / job->heads_each;
            int64_t head = kv * job->heads_each + (first_pair + r) % job->heads_each;
            if ((a->border && start < a->border[row]) != coded) continue;
            int n = group.count++;
            which[n] = r;
            to[n] = out[r];
            group.q[n] = coded ? a->coded_q + (row * a->heads + head) * keys->size
                               : a->q + row * a->q_stride + head * keys->size;
            if (group.from_values)
                group.value_q[n] = a->value_q + (row * a->heads + head) * a->head_size;
            group.low[n] = a->low[row] - base;
            group.high[n] = a->high[row] - base;
            group.bias[n] = coded && a->bias ? a->bias[row * a->heads + head] : 0;
        }
        if (!group.count) continue;
        attend_segment(&group, keys, coded ? &a->coded_values : &a->values, kv, (float)a->scale,
                       start - base, peaks, masses, to);
        for (int n = 0; n < group.count; n++) {
            peak[which[n]] = peaks[n];
            mass[which[n]] = masses[n];
        }
    }
}

static void attend_share(void *context, int64_t task)
{
    const struct attend_job *job = context;
    int64_t width = job->a->head_size + 2, item = task / job->turn_segments;
    float *slot = job->shares + task * GROUP_ROWS * width, peak[GROUP_ROWS] = {0};
    float mass[GROUP_ROWS] = {0}, *out[GROUP_ROWS];
    for (int r = 0; r < GROUP_ROWS; r++) out[r] = slot + r * width + 2;
    segment_share(job, item, job->turn_first + task % job->turn_segments, peak, mass, out);
    for (int r = 0; r < group_size(job, item); r++) {
        slot[r * width] = peak[r];
        slot[r * width + 1] = mass[r];
    }
}

/* What was attended of coded values, in the terms of exact ones; `mass` is the sum of its weights. */
static void turn_back(const struct attention *a, int64_t kv, float mass, float *out)
{
    int64_t size = a->head_size;
    float root = 1.0f / sqrtf((float)size);
    hadamard(out, size);
    for (int64_t d = 0; d < size; d++) {
        out[d] *= a->signs[d] * root;
        if (a->weight) out[d] /= a->weight[kv * size + d];
        if (a->mean) out[d] += mass * a->mean[kv * size + d];
    }
}

/* Merges this turn's segments into a group's totals, or computes them on the way. */
static void attend_group(void *context, int64_t item)
{
    const struct attend_job *job = context;
    const struct attention *a = job->a;
    int64_t width = a->head_size + 2, kv = item / job->groups;
    int64_t first_pair = item % job->groups * GROUP_ROWS;
    int count = group_size(job, item);
    float peak[GROUP_ROWS], mass[GROUP_ROWS];
    float local[GROUP_ROWS][LARGEST_HEAD] __attribute__((aligned(64)));
    float *share[GROUP_ROWS], *out[GROUP_ROWS];
    float *total = job->totals + (kv * job->pairs + first_pair) * 2;
    for (int r = 0; r < count; r++) {
        int64_t row = (first_pair + r) / job->heads_each;
        int64_t head = kv * job->heads_each + (first_pair + r) % job->heads_each;
        share[r] = local[r];
        out[r] = a->out + row * a->out_stride + head * a->head_size;
        if (job->turn_first == 0) {
            total[r * 2] = -INFINITY;
            total[r * 2 + 1] = 0;
            memset(out[r], 0, (size_t)a->head_size * sizeof(float));
        }
    }
    for (int64_t segment = 0; segment < job->turn_segments; segment++) {
        if (job->shares) {
            float *slot = job->shares + (item * job->turn_segments + segment) * GROUP_ROWS * width;
            for (int r = 0; r < count; r++) {
                peak[r] = slot[r * width];
                mass[r] = slot[r * width + 1];
                share[r] = slot + r * width + 2;
            }
        } else {
            segment_share(job, item, job->turn_first + segment, peak, mass, share);
        }
        for (int r = 0; r < count; r++) {
            /* A row's last positions are exact, and all before them coded. */
            int64_t start = (job->first_segment + job->turn_first + segment) * SEGMENT;
            if (a->border && start && start == a->border[(first_pair + r) / job->heads_each])
                turn_back(a, kv, total[r * 2 + 1], out[r]);
            merge_share(&total[r * 2], &total[r * 2 + 1], out[r], peak[r], mass[r], share[r],
                        a->head_size);
        }
    }
    if (job->turn_first + job->turn_segments < job->segments) return;
    for (int r = 0; r < count; r++) {
        float inverse = total[r * 2 + 1] > 0 ? 1.0f / total[r * 2 + 1] : 0.0f;
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
    struct attend_job job = {.a = a, .heads_each = a->heads / a->kv_heads};
    job.pairs = a->rows * job.heads_each;
    job.groups = (job.pairs + GROUP_ROWS - 1) / GROUP_ROWS;
    job.first_segment = least / SEGMENT;
    job.segments = most > least ? (most + SEGMENT - 1) / SEGMENT - job.first_segment : 0;
    job.turn_segments = job.segments;
    int64_t items = a->kv_heads * job.groups;
    job.totals = malloc((size_t)(a->kv_heads * job.pairs * 2) * sizeof(float));
    /* Few groups: some segments of each are tasks, and they are merged afterwards, turn by turn. */
    if (threads > 1 && items < 4 * threads && job.segments > 1) {
        int64_t numbers = GROUP_ROWS * (a->head_size + 2), most_numbers = 1 << 22;
        int64_t turn = most_numbers / (items * numbers);
        job.turn_segments = turn < 2 ? 2 : turn < job.segments ? turn : job.segments;
        job.shares = malloc((size_t)(items * job.turn_segments * numbers) * sizeof(float));
    }
    int64_t turn = job.turn_segments;
    do {
        int64_t left = job.segments - job.turn_first;
        job.turn_segments = left < turn ? left : turn;
        if (job.shares) muniment_parallel(threads, items * job.turn_segments, 1, attend_share, &job);
        muniment_parallel(threads, items, 1, attend_group, &job);
        job.turn_first += job.turn_segments;
    } while (job.turn_first < job.segments);
    free(job.shares);
    free(job.totals);
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
