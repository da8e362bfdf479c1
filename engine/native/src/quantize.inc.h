/* Rounding weights to 4 and 8 bits, sixteen outputs side by side; kernels.h has the layouts.
 *
 * 4 bits: weight = scale * (q - 8). The scale is the best of a few by squared error, tried around the
 * one that puts the group's largest weight at -8: cutting that weight a little often costs less than a
 * coarser step. 8 bits: weight = scale * q.
 */

static const float SCALE_FACTORS[] = {1.0f, 0.96f, 0.92f, 0.88f, 0.84f, 0.8f, 1.06f};

INLINE vec magnitude(vec v) { return (vec)((ivec)v & 0x7fffffff); }

INLINE vec clamped(vec v, float low, float high)
{
    v = choose(v < low, splat(low), v);
    return choose(v > high, splat(high), v);
}

INLINE void store_fp16(uint16_t *p, vec v)
{
#if defined(__AVX512F__)
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
#else
    for (int i = 0; i < WIDTH; i++) p[i] = to_fp16(v[i]);
#endif
}

INLINE vec as_fp16(vec v)
{
    uint16_t half[WIDTH];
    store_fp16(half, v);
    return load_fp16(half);
}

/* 1 / scale, 0 where the scale is 0. */
INLINE vec inverse_of(vec scale) { return choose(scale == 0.0f, splat(0.0f), 1.0f / scale); }

struct round_job {
    int bits, half;
    const void *weights;
    int64_t rows, inputs;
    void *data;
    uint16_t *scales;
};

/* A group of one row as fp32. */
INLINE void load_group(const struct round_job *job, int64_t row, int64_t group, float *to)
{
    int64_t first = row * job->inputs + group * GROUP;
    for (int i = 0; i < GROUP; i += WIDTH)
        store(to + i, job->half ? load_bf16((const uint16_t *)job->weights + first + i)
                                : load((const float *)job->weights + first + i));
}

/* w and q: [32 inputs][16 outputs]. */
INLINE void round4(const float (*w)[16], int32_t (*q)[16], uint16_t *scales)
{
    for (int l = 0; l < 16; l += WIDTH) {
        vec largest = {0};
        for (int k = 0; k < GROUP; k++) {
            vec v = load(w[k] + l);
            largest = choose(magnitude(v) > magnitude(largest), v, largest);
        }
        vec best = splat(0.0f), least = splat(INFINITY);
        for (unsigned f = 0; f < sizeof SCALE_FACTORS / sizeof *SCALE_FACTORS; f++) {
            vec scale = as_fp16(largest * -0.125f * SCALE_FACTORS[f]), inverse = inverse_of(scale);
            vec error = {0};
            for (int k = 0; k < GROUP; k++) {
                vec v = load(w[k] + l);
                vec off = clamped(nearest(v * inverse), -8.0f, 7.0f) * scale - v;
                error += off * off;
            }
            ivec better = error < least;
            best = choose(better, scale, best);
            least = choose(better, error, least);
        }
        vec inverse = inverse_of(best);
        for (int k = 0; k < GROUP; k++) {
            vec rounded = clamped(nearest(load(w[k] + l) * inverse), -8.0f, 7.0f) + 8.0f;
            ivec whole = __builtin_convertvector(rounded, ivec);
            memcpy(q[k] + l, &whole, sizeof whole);
        }
        store_fp16(scales + l, best);
    }
}

INLINE void round8(const float (*w)[16], int32_t (*q)[16], uint16_t *scales)
{
    for (int l = 0; l < 16; l += WIDTH) {
        vec largest = {0};
        for (int k = 0; k < GROUP; k++) largest = maximum(largest, magnitude(load(w[k] + l)));
        vec scale = as_fp16(largest / 127.0f), inverse = inverse_of(scale);
        for (int k = 0; k < GROUP; k++) {
            vec rounded = clamped(nearest(load(w[k] + l) * inverse), -127.0f, 127.0f);
            ivec whole = __builtin_convertvector(rounded, ivec);
            memcpy(q[k] + l, &whole, sizeof whole);
        }
        store_fp16(scales + l, scale);
    }
}

static void round_panel(void *context, int64_t panel)
{
    const struct round_job *job = context;
    int64_t groups = job->inputs / GROUP;
    for (int64_t g = 0; g < groups; g++) {
        float row[GROUP], w[GROUP][16];
        int32_t q[GROUP][16];
        uint16_t *scales = job->scales + (panel * groups + g) * PANEL;
        for (int lane = 0; lane < PANEL; lane++) {
            memset(row, 0, sizeof row);
            if (panel * PANEL + lane < job->rows) load_group(job, panel * PANEL + lane, g, row);
            for (int k = 0; k < GROUP; k++) w[k][lane] = row[k];
        }
        if (job->bits == 4) {
            uint8_t *to = (uint8_t *)job->data + (panel * groups + g) * GROUP * PANEL / 2;
            round4(w, q, scales);
            for (int k = 0; k < GROUP; k += 8, to += 64)
                for (int j = 0; j < 64; j++)
                    to[j] = (uint8_t)(q[k + j % 4][j / 4] | q[k + 4 + j % 4][j / 4] << 4);
        } else {
            int8_t *to = (int8_t *)job->data + (panel * groups + g) * GROUP * PANEL;
            round8(w, q, scales);
            for (int k = 0; k < GROUP; k += 4, to += 64)
                for (int j = 0; j < 64; j++) to[j] = (int8_t)q[k + j % 4][j / 4];
        }
    }
}

/* A row of a table, 8 bits: q and scales in the order of the row. */
static void round_row(void *context, int64_t row)
{
    const struct round_job *job = context;
    int64_t groups = job->inputs / GROUP;
    for (int64_t g = 0; g < groups; g++) {
        float w[GROUP];
        vec largest = {0};
        load_group(job, row, g, w);
        for (int i = 0; i < GROUP; i += WIDTH) largest = maximum(largest, magnitude(load(w + i)));
        uint16_t half[WIDTH];
        store_fp16(half, splat(max_lanes(largest) / 127.0f));
        vec inverse = inverse_of(load_fp16(half));
        int8_t *to = (int8_t *)job->data + row * job->inputs + g * GROUP;
        for (int i = 0; i < GROUP; i += WIDTH) {
            vec rounded = clamped(nearest(load(w + i) * inverse), -127.0f, 127.0f);
            ivec whole = __builtin_convertvector(rounded, ivec);
            for (int j = 0; j < WIDTH; j++) to[i + j] = (int8_t)whole[j];
        }
        job->scales[row * groups + g] = half[0];
    }
}

static void quantize(int bits, int panels, int half, const void *weights, int64_t rows, int64_t inputs,
                     void *data, uint16_t *scales, int threads)
{
    struct round_job job = {bits, half, weights, rows, inputs, data, scales};
    if (panels)
        muniment_parallel(threads, (rows + PANEL - 1) / PANEL, 1, round_panel, &job);
    else
        muniment_parallel(threads, rows, 16, round_row, &job);
}
