/* Matrix products with packed weights.
 *
 * For q4 and q8 each input row is rounded to int8 in groups of 32 (scale = largest / 127), products are
 * summed as integers within a group and scaled in fp32, group after group. A panel's weights are
 * unpacked to bytes once per block of inputs, in the first-level cache, for all rows.
 */

enum { EACH_NUMBERS = 1 << 17, BLOCK_GROUPS = 32, BLOCK = BLOCK_GROUPS * GROUP, ROW_BLOCK = 128 };

struct quantized_rows {
    int8_t *values; /* [rows][inputs] */
    float *steps;   /* [rows][inputs / 32][2]: a group's scale; and scale * sum of the group's values,
                       times what the weights' zero asks for */
};

static void quantize_group(const float *x, int8_t *values, float *step, float zero)
{
    vec top = {0};
    for (int i = 0; i < GROUP; i += WIDTH)
        top = maximum((vec)((ivec)load(x + i) & 0x7fffffff), top);
    float largest = max_lanes(top);
    float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    int32_t whole[GROUP], total = 0;
    for (int i = 0; i < GROUP; i += WIDTH) {
        ivec q = __builtin_convertvector(nearest(load(x + i) * inverse), ivec);
        memcpy(whole + i, &q, sizeof q);
    }
    for (int i = 0; i < GROUP; i++) {
        values[i] = (int8_t)whole[i];
        total += whole[i];
    }
    step[0] = largest / 127.0f;
    step[1] = step[0] * (float)total * zero;
}

struct panel {
    uint8_t bytes[BLOCK / 4 * 64] __attribute__((aligned(64)));  /* [inputs/4][16][4] */
    float scale[BLOCK_GROUPS][16] __attribute__((aligned(64)));
    float minimum[BLOCK_GROUPS][16] __attribute__((aligned(64)));
};

static void unpack_scales(struct panel *panel, const uint16_t *scales, const uint16_t *minima,
                          int64_t groups)
{
    float *scale = panel->scale[0], *minimum = panel->minimum[0];
    for (int64_t i = 0; i < groups * 16; i += WIDTH) {
        store(scale + i, load_fp16(scales + i));
        if (minima) store(minimum + i, load_fp16(minima + i));
    }
}

static void unpack_q4(struct panel *panel, const uint8_t *from, int64_t groups)
{
    for (int64_t i = 0; i < groups * 4; i++, from += 64) {
        uint8_t *to = panel->bytes + i * 128;
#if defined(__AVX512BW__)
        __m512i mask = _mm512_set1_epi8(15), pair = _mm512_loadu_si512(from);
        _mm512_store_si512(to, _mm512_and_si512(pair, mask));
        _mm512_store_si512(to + 64, _mm512_and_si512(_mm512_srli_epi16(pair, 4), mask));
#elif defined(__AVX2__)
        __m256i mask = _mm256_set1_epi8(15);
        for (int h = 0; h < 64; h += 32) {
            __m256i pair = _mm256_loadu_si256((const __m256i *)(from + h));
            _mm256_store_si256((__m256i *)(to + h), _mm256_and_si256(pair, mask));
            _mm256_store_si256((__m256i *)(to + 64 + h),
                               _mm256_and_si256(_mm256_srli_epi16(pair, 4), mask));
        }
#else
        for (int b = 0; b < 64; b++) {
            to[b] = from[b] & 15;
            to[64 + b] = from[b] >> 4;
        }
#endif
    }
}

/* Where the product wants unsigned times signed, the panel holds weight + 128, and the minimum of
 * -128 * scale takes it away again; the AVX2 product takes the weights as they are. */
static void unpack_q8(struct panel *panel, const int8_t *from, int64_t groups)
{
#if defined(__AVX2__) && !defined(__AVX512VNNI__)
    memcpy(panel->bytes, from, (size_t)groups * 512);
#else
    for (int64_t i = 0; i < groups * 512; i++) panel->bytes[i] = (uint8_t)from[i] ^ 0x80;
#endif
}

/* How a group's integer products become a result:
 *   CENTRED  q4: scale * (step * dot - 8 * step * sum), the last as `sums` gives it
 *   SHIFTED  q4 with minima: scale * step * dot + minimum * step * sum
 *   SIGNED   q8: scale * step * dot, or as CENTRED with 128 where the bytes are weight + 128 */
enum { CENTRED, SHIFTED, SIGNED };

#if defined(__AVX512VNNI__)
#define INTEGER_ROWS 8
#define INTEGER_KERNEL(R, MODE)                                                                    \
    static void rows_##MODE##_##R(const struct panel *panel, const int8_t *x, int64_t x_stride,    \
                                  const float *steps, int64_t step_stride, int64_t groups,         \
                                  float (*y)[16])                                                  \
    {                                                                                              \
        __m512 total[R];                                                                           \
        for (int r = 0; r < R; r++) total[r] = _mm512_loadu_ps(y[r]);                              \
        for (int64_t g = 0; g < groups; g++) {                                                     \
            __m512i dot[R];                                                                        \
            for (int r = 0; r < R; r++) dot[r] = _mm512_setzero_si512();                           \
            for (int j = 0; j < 8; j++) {                                                          \
                __m512i w = _mm512_load_si512((const void *)(panel->bytes + (g * 8 + j) * 64));    \
                for (int r = 0; r < R; r++) {                                                      \
                    int32_t four;                                                                  \
                    memcpy(&four, x + r * x_stride + g * 32 + j * 4, 4);                                       \
                    dot[r] = _mm512_dpbusd_epi32(dot[r], w, _mm512_set1_epi32(four));              \
                }                                                                                  \
            }                                                                                      \
            __m512 s = _mm512_load_ps(panel->scale[g]), m = _mm512_load_ps(panel->minimum[g]);     \
            for (int r = 0; r < R; r++) {                                                          \
                __m512 d = _mm512_cvtepi32_ps(dot[r]), step = _mm512_set1_ps(steps[r * step_stride + g * 2]);         \
                __m512 sum = _mm512_set1_ps(steps[r * step_stride + g * 2 + 1]);                                           \
                if (MODE == SHIFTED) {                                                             \
                    total[r] = _mm512_fmadd_ps(_mm512_mul_ps(d, step), s, total[r]);               \
                    total[r] = _mm512_fmadd_ps(m, sum, total[r]);                                  \
                } else {                                                                           \
                    total[r] = _mm512_fmadd_ps(_mm512_fmadd_ps(d, step, sum), s, total[r]);        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        for (int r = 0; r < R; r++) _mm512_storeu_ps(y[r], total[r]);                              \
    }
#elif defined(__AVX2__)
#define INTEGER_ROWS 4
/* sum += weights (unsigned bytes) times values, in pairs of 16 bits. As assembly, because the compiler
 * otherwise reorders the sums until they no longer fit the registers. */
INLINE void multiply_add(__m256i *sum, __m256i weights, __m256i values)
{
    __m256i pairs;
    __asm__("vpmaddubsw %3, %2, %1\n\tvpaddw %1, %0, %0"
            : "+x"(*sum), "=&x"(pairs)
            : "x"(weights), "x"(values));
}

/* Signed weights: |weight| times the value with the weight's sign; a pair fits 16 bits, not two. */
INLINE void multiply_add_signed(__m256i *sum, __m256i weights, __m256i values)
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(values, weights));
    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    __asm__("" : "+x"(*sum));
}

INLINE __m256i four_values(const int8_t *x)
{
    int32_t four;
    memcpy(&four, x, 4);
    return _mm256_set1_epi32(four);
}

/* total + what a group's dot products come to; one half of eight outputs. */
INLINE __m256 scaled(int mode, __m256i dot, __m256 scale, __m256 minimum, float step, float sum,
                     __m256 total)
{
    if (mode != SIGNED) dot = _mm256_madd_epi16(dot, _mm256_set1_epi16(1));
    __m256 d = _mm256_cvtepi32_ps(dot), by = _mm256_set1_ps(step);
    if (mode == CENTRED)
        return _mm256_fmadd_ps(_mm256_fmadd_ps(d, by, _mm256_set1_ps(sum)), scale, total);
    total = _mm256_fmadd_ps(_mm256_mul_ps(d, by), scale, total);
    return mode == SHIFTED ? _mm256_fmadd_ps(minimum, _mm256_set1_ps(sum), total) : total;
}

#define INTEGER_KERNEL(R, MODE)                                                                    \
    static void rows_##MODE##_##R(const struct panel *panel, const int8_t *x, int64_t x_stride,    \
                                  const float *steps, int64_t step_stride, int64_t groups,         \
                                  float (*y)[16])                                                  \
    {                                                                                              \
        for (int64_t g = 0; g < groups; g++) {                                                     \
            __m256i dot[R][2];                                                                     \
            for (int r = 0; r < R; r++) dot[r][0] = dot[r][1] = _mm256_setzero_si256();            \
            _Pragma("GCC unroll 8") for (int j = 0; j < 8; j++)                                    \
            {                                                                                      \
                const __m256i *at = (const __m256i *)(panel->bytes + (g * 8 + j) * 64);            \
                __m256i w0 = _mm256_load_si256(at), w1 = _mm256_load_si256(at + 1);                \
                for (int r = 0; r < R; r++) {                                                      \
                    __m256i v = four_values(x + r * x_stride + g * 32 + j * 4);                                \
                    multiply_add_signed(&dot[r][0], w0, v);                                        \
                    multiply_add_signed(&dot[r][1], w1, v);                                        \
                }                                                                                  \
            }                                                                                      \
            for (int h = 0; h < 2; h++) {                                                          \
                __m256 s = _mm256_load_ps(panel->scale[g] + h * 8);                                \
                __m256 m = _mm256_load_ps(panel->minimum[g] + h * 8);                              \
                for (int r = 0; r < R; r++)                                                        \
                    _mm256_storeu_ps(y[r] + h * 8, scaled(MODE, dot[r][h], s, m, steps[r * step_stride + g * 2],      \
                                                          steps[r * step_stride + g * 2 + 1],                              \
                                                          _mm256_loadu_ps(y[r] + h * 8)));         \
            }                                                                                      \
        }                                                                                          \
    }

/* q4 goes straight from the packed weights, its sums in registers: faster for one row, which is bound
 * by reading the weights, and for many, since a detour through the panel costs more than unpacking
 * again for every four rows. A q4 pair's sum is at most 2 * 15 * 127, so eight of them fit 16 bits. */
#define DIRECT_KERNEL(R, MODE)                                                                     \
    static void direct_##MODE##_##R(const uint8_t *weights, const uint16_t *scales,                \
                                    const uint16_t *minima, const int8_t *x, int64_t x_stride,     \
                                    const float *steps, int64_t step_stride, int64_t groups,       \
                                    float (*y)[16])                                                \
    {                                                                                              \
        const __m256i mask = _mm256_set1_epi8(15);                                                 \
        __m256 total[R][2];                                                                        \
        for (int r = 0; r < R; r++) total[r][0] = total[r][1] = _mm256_setzero_ps();               \
        for (int64_t g = 0; g < groups; g++, weights += 256) {                                     \
            __m256i dot[R][2];                                                                     \
            for (int r = 0; r < R; r++) dot[r][0] = dot[r][1] = _mm256_setzero_si256();            \
            _mm_prefetch((const char *)weights + 2048, _MM_HINT_T0);                               \
            _mm_prefetch((const char *)weights + 2112, _MM_HINT_T0);                               \
            _mm_prefetch((const char *)weights + 2176, _MM_HINT_T0);                               \
            _mm_prefetch((const char *)weights + 2240, _MM_HINT_T0);                               \
            _Pragma("GCC unroll 4") for (int c = 0; c < 4; c++)                                    \
            {                                                                                      \
                __m256i p0 = _mm256_loadu_si256((const __m256i *)(weights + c * 64));              \
                __m256i p1 = _mm256_loadu_si256((const __m256i *)(weights + c * 64 + 32));         \
                __m256i a0 = _mm256_and_si256(p0, mask), a1 = _mm256_and_si256(p1, mask);          \
                __m256i b0 = _mm256_and_si256(_mm256_srli_epi16(p0, 4), mask);                     \
                __m256i b1 = _mm256_and_si256(_mm256_srli_epi16(p1, 4), mask);                     \
                for (int r = 0; r < R; r++) {                                                      \
                    __m256i v = four_values(x + r * x_stride + g * 32 + c * 8);                                \
                    multiply_add(&dot[r][0], a0, v);                                               \
                    multiply_add(&dot[r][1], a1, v);                                               \
                    v = four_values(x + r * x_stride + g * 32 + c * 8 + 4);                                    \
                    multiply_add(&dot[r][0], b0, v);                                               \
                    multiply_add(&dot[r][1], b1, v);                                               \
                }                                                                                  \
            }                                                                                      \
            for (int h = 0; h < 2; h++) {                                                          \
                __m256 s = load_fp16(scales + g * 16 + h * 8), m = s;                              \
                if (MODE == SHIFTED) m = load_fp16(minima + g * 16 + h * 8);                       \
                for (int r = 0; r < R; r++)                                                        \
                    total[r][h] = scaled(MODE, dot[r][h], s, m, steps[r * step_stride + g * 2], steps[r * step_stride + g * 2 + 1],           \
                                         total[r][h]);                                             \
            }                                                                                      \
        }                                                                                          \
        for (int r = 0; r < R; r++) {                                                              \
            _mm256_storeu_ps(y[r], total[r][0]);                                                   \
            _mm256_storeu_ps(y[r] + 8, total[r][1]);                                               \
        }                                                                                          \
    }
#define DIRECT_ROWS 4
DIRECT_KERNEL(1, CENTRED)
DIRECT_KERNEL(2, CENTRED)
DIRECT_KERNEL(3, CENTRED)
DIRECT_KERNEL(4, CENTRED)
DIRECT_KERNEL(1, SHIFTED)
DIRECT_KERNEL(2, SHIFTED)
DIRECT_KERNEL(3, SHIFTED)
DIRECT_KERNEL(4, SHIFTED)

typedef void direct_kernel(const uint8_t *, const uint16_t *, const uint16_t *, const int8_t *,
                           int64_t, const float *, int64_t, int64_t, float (*)[16]);

static direct_kernel *const direct[2][DIRECT_ROWS] = {
    {direct_CENTRED_1, direct_CENTRED_2, direct_CENTRED_3, direct_CENTRED_4},
    {direct_SHIFTED_1, direct_SHIFTED_2, direct_SHIFTED_3, direct_SHIFTED_4},
};
#else
#define INTEGER_ROWS 1
#define INTEGER_KERNEL(R, MODE)                                                                    \
    static void rows_##MODE##_##R(const struct panel *panel, const int8_t *x, int64_t x_stride,    \
                                  const float *steps, int64_t step_stride, int64_t groups,         \
                                  float (*y)[16])                                                  \
    {                                                                                              \
        for (int64_t g = 0; g < groups; g++) {                                                     \
            int32_t dot[16] = {0};                                                                 \
            for (int j = 0; j < 8; j++)                                                            \
                for (int n = 0; n < 16; n++)                                                       \
                    for (int k = 0; k < 4; k++)                                                    \
                        dot[n] += (int32_t)panel->bytes[((g * 8 + j) * 16 + n) * 4 + k] *          \
                                  x[g * 32 + j * 4 + k];                                        \
            for (int n = 0; n < 16; n++) {                                                         \
                float d = (float)dot[n] * steps[g * 2];                                             \
                if (MODE == SHIFTED)                                                               \
                    y[0][n] += d * panel->scale[g][n] + panel->minimum[g][n] * steps[g * 2 + 1];         \
                else                                                                               \
                    y[0][n] += (d + steps[g * 2 + 1]) * panel->scale[g][n];                              \
            }                                                                                      \
        }                                                                                          \
    }
#endif

#ifdef DIRECT_ROWS
#define INTEGER_KERNELS(R) INTEGER_KERNEL(R, SIGNED)
#define BY_MODE(R) {NULL, NULL, rows_SIGNED_##R}
#else
#define INTEGER_KERNELS(R)                                                                         \
    INTEGER_KERNEL(R, CENTRED)                                                                     \
    INTEGER_KERNEL(R, SHIFTED)                                                                     \
    INTEGER_KERNEL(R, SIGNED)
#define BY_MODE(R) {rows_CENTRED_##R, rows_SHIFTED_##R, rows_SIGNED_##R}
#endif
INTEGER_KERNELS(1)
#if INTEGER_ROWS > 1
INTEGER_KERNELS(2)
INTEGER_KERNELS(3)
INTEGER_KERNELS(4)
#endif
#if INTEGER_ROWS > 4
INTEGER_KERNELS(8)
#endif

typedef void integer_kernel(const struct panel *, const int8_t *, int64_t, const float *, int64_t,
                            int64_t, float (*)[16]);

/* The kernel for so many of the rows that are left. */
static int pick_integer(int mode, int64_t left, integer_kernel **kernel)
{
    static integer_kernel *const one[] = BY_MODE(1);
#if INTEGER_ROWS > 1
    static integer_kernel *const two[] = BY_MODE(2), *const three[] = BY_MODE(3),
                                 *const four[] = BY_MODE(4);
#endif
#if INTEGER_ROWS > 4
    static integer_kernel *const eight[] = BY_MODE(8);
    if (left >= 8) return *kernel = eight[mode], 8;
#endif
#if INTEGER_ROWS > 1
    if (left >= 4) return *kernel = four[mode], 4;
    if (left == 3) return *kernel = three[mode], 3;
    if (left == 2) return *kernel = two[mode], 2;
#endif
    return *kernel = one[mode], left > 0;
}

#define FLOAT_KERNEL(R)                                                                            \
    static void float_rows_##R(const float *const *x, const void *weights, int bf16, int64_t inputs, \
                               float *const *y)                                                    \
    {                                                                                              \
        vec sum[R][LANES];                                                                         \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) sum[r][l] = (vec){0};                                  \
        const uint16_t *h = weights;                                                               \
        const float *f = weights;                                                                  \
        for (int64_t k = 0; k < inputs; k++, h += 16, f += 16) {                                   \
            vec w[LANES];                                                                          \
            for (int l = 0; l < LANES; l++)                                                        \
                w[l] = bf16 ? load_bf16(h + l * WIDTH) : load(f + l * WIDTH);                      \
            for (int r = 0; r < R; r++)                                                            \
                for (int l = 0; l < LANES; l++) sum[r][l] += x[r][k] * w[l];                       \
        }                                                                                          \
        for (int r = 0; r < R; r++)                                                                \
            for (int l = 0; l < LANES; l++) store(y[r] + l * WIDTH, sum[r][l]);                    \
    }
FLOAT_KERNEL(1)
FLOAT_KERNEL(2)
FLOAT_KERNEL(3)
FLOAT_KERNEL(4)
FLOAT_KERNEL(6)

/* The last panel may be cut: its results go through a buffer. */
static void store_cut(const float (*buffer)[16], float *const *y, int count, int64_t columns)
{
    for (int r = 0; r < count; r++) memcpy(y[r], buffer[r], (size_t)columns * sizeof(float));
}

struct linear_job {
    int kind;
    const float *x;
    int64_t rows, inputs;
    const char *weights;
    const uint16_t *scales, *minima;
    float *y;
    int64_t outputs, y_stride;
    struct quantized_rows q;
    int mode;
    float zero;
    const float *turned; /* [rows / WIDE_ROWS][inputs][WIDE_ROWS]: the first rows, for wide_panels */
    int64_t wide;        /* how many */
};

/* Rows from the first that wide_panels leaves. */
static void float_panel(void *context, int64_t p)
{
    const struct linear_job *job = context;
    int bf16 = job->kind == WEIGHT_BF16;
    int64_t left_over = job->outputs - p * PANEL, columns = left_over < PANEL ? left_over : PANEL;
    const char *w = job->weights + (size_t)(p * job->inputs) * PANEL * (bf16 ? 2 : 4);
    float buffer[6][16];
    for (int64_t row = job->wide; row < job->rows;) {
        int64_t left = job->rows - row;
        int count = left >= 6 ? 6 : left >= 4 ? 4 : (int)left;
        const float *xs[6];
        float *ys[6], *to[6];
        for (int r = 0; r < count; r++) {
            xs[r] = job->x + (row + r) * job->inputs;
            ys[r] = job->y + (row + r) * job->y_stride + p * PANEL;
            to[r] = columns == PANEL ? ys[r] : buffer[r];
        }
        switch (count) {
        case 1: float_rows_1(xs, w, bf16, job->inputs, to); break;
        case 2: float_rows_2(xs, w, bf16, job->inputs, to); break;
        case 3: float_rows_3(xs, w, bf16, job->inputs, to); break;
        case 4: float_rows_4(xs, w, bf16, job->inputs, to); break;
        default: float_rows_6(xs, w, bf16, job->inputs, to);
        }
        if (columns < PANEL) store_cut((const float(*)[16])buffer, ys, count, columns);
        row += count;
    }
}

#if defined(__AVX512F__)
/* Many rows: twelve by two panels fill the registers, which halves the loads. Weights are unpacked once
 * for some blocks of rows, some inputs at a time; the sums wait and go on in the same order. */
enum { WIDE_ROWS = 12, WIDE_BLOCKS = 10, DEEP = 256 };

static void wide_rows(const float *x, const float *weights, int64_t inputs, float *y)
{
    vec sum[WIDE_ROWS][2];
    for (int r = 0; r < WIDE_ROWS; r++)
        for (int p = 0; p < 2; p++) sum[r][p] = load(y + (2 * r + p) * PANEL);
    for (int64_t k = 0; k < inputs; k++, x += WIDE_ROWS, weights += 2 * PANEL) {
        vec one = load(weights), other = load(weights + PANEL);
        for (int r = 0; r < WIDE_ROWS; r++) {
            sum[r][0] += x[r] * one;
            sum[r][1] += x[r] * other;
        }
    }
    for (int r = 0; r < WIDE_ROWS; r++)
        for (int p = 0; p < 2; p++) store(y + (2 * r + p) * PANEL, sum[r][p]);
}

static void wide_panels(void *context, int64_t pair)
{
    const struct linear_job *job = context;
    int bf16 = job->kind == WEIGHT_BF16;
    size_t panel_bytes = (size_t)job->inputs * PANEL * (bf16 ? 2 : 4);
    const char *w = job->weights + 2 * (size_t)pair * panel_bytes;
    float unpacked[DEEP * 2 * PANEL] __attribute__((aligned(64)));
    float sums[WIDE_BLOCKS * WIDE_ROWS][2 * PANEL] __attribute__((aligned(64)));
    for (int64_t start = 0, rows; start < job->wide; start += rows) {
        rows = job->wide - start < WIDE_BLOCKS * WIDE_ROWS ? job->wide - start : WIDE_BLOCKS * WIDE_ROWS;
        memset(sums, 0, (size_t)rows * sizeof sums[0]);
        for (int64_t k = 0; k < job->inputs; k += DEEP) {
            int64_t deep = job->inputs - k < DEEP ? job->inputs - k : DEEP;
            for (int p = 0; p < 2; p++) {
                const char *from = w + p * panel_bytes;
                for (int64_t i = 0; i < deep; i++)
                    store(unpacked + (2 * i + p) * PANEL,
                          bf16 ? load_bf16((const uint16_t *)from + (k + i) * PANEL)
                               : load((const float *)from + (k + i) * PANEL));
            }
            for (int64_t row = 0; row < rows; row += WIDE_ROWS)
                wide_rows(job->turned + (start + row) * job->inputs + k * WIDE_ROWS, unpacked, deep,
                          sums[row]);
        }
        for (int64_t row = 0; row < rows; row++)
            memcpy(job->y + (start + row) * job->y_stride + 2 * pair * PANEL, sums[row], sizeof sums[0]);
    }
}

static void turn_rows(void *context, int64_t block)
{
    const struct linear_job *job = context;
    const float *x = job->x + block * WIDE_ROWS * job->inputs;
    float *to = (float *)job->turned + block * WIDE_ROWS * job->inputs;
    for (int64_t k = 0; k < job->inputs; k++)
        for (int r = 0; r < WIDE_ROWS; r++) to[k * WIDE_ROWS + r] = x[r * job->inputs + k];
}
#endif

static void integer_panel(void *context, int64_t p)
{
    const struct linear_job *job = context;
    const struct quantized_rows *q = &job->q;
    int64_t groups = job->inputs / GROUP, at_panel = p * groups * 16;
    int64_t left_over = job->outputs - p * PANEL, columns = left_over < PANEL ? left_over : PANEL;
    size_t group_bytes = job->kind == WEIGHT_Q4 ? 256 : 512;
    const char *w = job->weights + (size_t)(p * groups) * group_bytes;
    struct panel panel;
    float buffer[ROW_BLOCK][16] __attribute__((aligned(64)));

#ifdef DIRECT_ROWS
    if (job->kind == WEIGHT_Q4) {
        float few[DIRECT_ROWS][16] __attribute__((aligned(64)));
        for (int64_t row = 0; row < job->rows; row += DIRECT_ROWS) {
            int64_t left = job->rows - row, count = left < DIRECT_ROWS ? left : DIRECT_ROWS;
            direct[job->mode][count - 1]((const uint8_t *)w, job->scales + at_panel,
                                         job->minima ? job->minima + at_panel : NULL,
                                         q->values + row * job->inputs, job->inputs,
                                         q->steps + row * groups * 2, groups * 2, groups, few);
            for (int64_t r = 0; r < count; r++)
                memcpy(job->y + (row + r) * job->y_stride + p * PANEL, few[r],
                       (size_t)columns * sizeof(float));
        }
        return;
    }
#endif
    for (int64_t start = 0; start < job->rows; start += ROW_BLOCK) {
        int64_t height = job->rows - start < ROW_BLOCK ? job->rows - start : ROW_BLOCK;
        memset(buffer, 0, (size_t)height * sizeof buffer[0]);
        for (int64_t g = 0; g < groups; g += BLOCK_GROUPS) {
            int64_t deep = groups - g < BLOCK_GROUPS ? groups - g : BLOCK_GROUPS;
            const char *from = w + (size_t)g * group_bytes;
            unpack_scales(&panel, job->scales + at_panel + g * 16,
                          job->minima ? job->minima + at_panel + g * 16 : NULL, deep);
            if (job->kind == WEIGHT_Q4)
                unpack_q4(&panel, (const uint8_t *)from, deep);
            else
                unpack_q8(&panel, (const int8_t *)from, deep);
            for (int64_t row = 0; row < height;) {
                integer_kernel *kernel;
                int count = pick_integer(job->mode, height - row, &kernel);
                int64_t at = start + row;
                kernel(&panel, q->values + at * job->inputs + g * GROUP, job->inputs,
                       q->steps + (at * groups + g) * 2, groups * 2, deep, buffer + row);
                row += count;
            }
        }
        for (int64_t row = 0; row < height; row++)
            memcpy(job->y + (start + row) * job->y_stride + p * PANEL, buffer[row],
                   (size_t)columns * sizeof(float));
    }
}

static void quantize_row(void *context, int64_t row)
{
    const struct linear_job *job = context;
    int64_t groups = job->inputs / GROUP;
    for (int64_t i = row * groups; i < (row + 1) * groups; i++)
        quantize_group(job->x + i * GROUP, job->q.values + i * GROUP, job->q.steps + i * 2, job->zero);
}

/* One scratch a calling thread, kept: fresh pages cost more than the rounding. */
static void *scratch_of(size_t size)
{
    static __thread char *scratch;
    static __thread size_t scratch_size;
    if (size > scratch_size) {
        free(scratch);
        scratch_size = 0;
        scratch = aligned_alloc(64, (size + 63) / 64 * 64);
        if (!scratch) abort();
        scratch_size = size;
    }
    return scratch;
}

static void linear(int kind, const float *x, int64_t rows, int64_t inputs, const void *weights,
                   const uint16_t *scales, const uint16_t *minima, float *y, int64_t outputs,
                   int64_t y_stride, int threads)
{
    struct linear_job job = {kind, x, rows, inputs, weights, scales, minima, y, outputs, y_stride,
                             {NULL, NULL}, CENTRED, -8.0f, NULL, 0};
    /* Few enough outputs at a time that no thread waits long for another's last. */
    int64_t panels = (outputs + PANEL - 1) / PANEL, chunk = EACH_NUMBERS / (inputs * PANEL);
    chunk = chunk < 1 ? 1 : chunk > 16 ? 16 : chunk;
    if (kind == WEIGHT_F32 || kind == WEIGHT_BF16) {
#if defined(__AVX512F__)
        if (rows >= 2 * WIDE_ROWS && outputs % (2 * PANEL) == 0) {
            job.wide = rows / WIDE_ROWS * WIDE_ROWS;
            job.turned = scratch_of((size_t)(job.wide * inputs) * sizeof(float));
            muniment_parallel(threads, job.wide / WIDE_ROWS, 1, turn_rows, &job);
            muniment_parallel(threads, panels / 2, 1, wide_panels, &job);
            if (job.wide == rows) return;
        }
#endif
        muniment_parallel(threads, panels, chunk, float_panel, &job);
        return;
    }
    if (kind == WEIGHT_Q8) job.mode = SIGNED, job.zero = -128.0f;
    if (minima) job.mode = SHIFTED, job.zero = 1.0f;
    int64_t groups = inputs / GROUP;
    char *scratch = scratch_of((size_t)(rows * inputs) + (size_t)(rows * groups) * 8);
    job.q.values = (int8_t *)scratch;
    job.q.steps = (float *)(scratch + rows * inputs);
    muniment_parallel(threads, rows, 4, quantize_row, &job);
    muniment_parallel(threads, panels, chunk, integer_panel, &job);
}
