/* Norms, rotary positions and the gated activation, row by row. */

/* gelu with tanh: x * sigmoid(2z), z = sqrt(2/pi) (x + 0.044715 x^3). */
INLINE vec gelu(vec x)
{
    vec z = 1.5957691216057308f * (x + 0.044715f * x * x * x);
    return x / (1.0f + exponential(-z));
}

/* Sum of squares of a row, in sixteen lanes; the width's remainder by sixteen goes one by one. */
INLINE float mean_square(const float *x, int64_t width)
{
    vec sum[LANES] = {{0}};
    int64_t i = 0;
    for (; i + 16 <= width; i += 16) {
        for (int l = 0; l < LANES; l++) {
            vec v = load(x + i + l * WIDTH);
            sum[l] += v * v;
        }
    }
    float total = sum_lanes(sum);
    for (; i < width; i++) total += x[i] * x[i];
    return total / (float)width;
}

/* Rows are shared out in blocks; a few rows are not worth waking anybody for. */
enum { ROWS_EACH = 16 };

struct rms_norm_job {
    const float *x, *weight, *residual;
    int64_t width;
    float epsilon, factor, *out;
};

static void rms_norm_row(void *context, int64_t row)
{
    const struct rms_norm_job *job = context;
    const float *in = job->x + row * job->width, *weight = job->weight;
    const float *add = job->residual ? job->residual + row * job->width : NULL;
    float *to = job->out + row * job->width, factor = job->factor;
    float inverse = 1.0f / sqrtf(mean_square(in, job->width) + job->epsilon);
    int64_t i = 0;
    for (; i + WIDTH <= job->width; i += WIDTH) {
        vec v = load(in + i) * inverse;
        if (weight) v *= load(weight + i);
        if (add) v += load(add + i);
        store(to + i, v * factor);
    }
    for (; i < job->width; i++) {
        float v = in[i] * inverse;
        if (weight) v *= weight[i];
        if (add) v += add[i];
        to[i] = v * factor;
    }
}

static void rms_norm(const float *x, int64_t rows, int64_t width, const float *weight, float epsilon,
                     const float *residual, float factor, float *out, int threads)
{
    struct rms_norm_job job = {x, weight, residual, width, epsilon, factor, out};
    muniment_parallel(threads, rows, ROWS_EACH, rms_norm_row, &job);
}

struct gelu_job {
    const float *gate, *up;
    int64_t gate_stride, up_stride, width;
    float *out;
};

static void gelu_row(void *context, int64_t row)
{
    const struct gelu_job *job = context;
    const float *g = job->gate + row * job->gate_stride, *u = job->up + row * job->up_stride;
    float *to = job->out + row * job->width;
    int64_t i = 0, width = job->width;
    for (; i + WIDTH <= width; i += WIDTH) store(to + i, gelu(load(g + i)) * load(u + i));
    if (i < width) {
        float a[WIDTH] = {0}, b[WIDTH] = {0};
        memcpy(a, g + i, (size_t)(width - i) * 4);
        memcpy(b, u + i, (size_t)(width - i) * 4);
        store(a, gelu(load(a)) * load(b));
        memcpy(to + i, a, (size_t)(width - i) * 4);
    }
}

static void gelu_multiply(const float *gate, int64_t gate_stride, const float *up, int64_t up_stride,
                          int64_t rows, int64_t width, float *out, int threads)
{
    struct gelu_job job = {gate, up, gate_stride, up_stride, width, out};
    muniment_parallel(threads, rows, 4, gelu_row, &job);
}

struct norm_rope_job {
    float *x;
    int64_t stride, heads, head_size, parts;
    const float *weight, *cosine, *sine;
    float epsilon, scale;
};

static void norm_rope_row(void *context, int64_t row)
{
    const struct norm_rope_job *job = context;
    int64_t size = job->head_size, each = size / job->parts, half = each / 2;
    for (int64_t head = 0; head < job->heads; head++) {
        float *v = job->x + row * job->stride + head * size;
        float inverse = 1.0f / sqrtf(mean_square(v, size) + job->epsilon) * job->scale;
        for (int64_t i = 0; i < size; i++) v[i] *= job->weight ? inverse * job->weight[i] : inverse;
        if (!job->cosine) continue;
        const float *c = job->cosine + row * (size / 2), *s = job->sine + row * (size / 2);
        for (int64_t part = 0; part < job->parts; part++, v += each, c += half, s += half)
            for (int64_t i = 0; i < half; i++) {
                float a = v[i], b = v[i + half];
                v[i] = a * c[i] - b * s[i];
                v[i + half] = b * c[i] + a * s[i];
            }
    }
}

static void norm_rope(float *x, int64_t x_stride, int64_t rows, int64_t heads, int64_t head_size,
                      int64_t parts, const float *weight, float epsilon, const float *cosine,
                      const float *sine, float scale, int threads)
{
    struct norm_rope_job job = {x, x_stride, heads, head_size, parts,
                                weight, cosine, sine, epsilon, scale};
    muniment_parallel(threads, rows, ROWS_EACH, norm_rope_row, &job);
}

/* cap * tanh(x / cap), by e^2x. */
INLINE vec capped(vec x, float cap)
{
    vec e = exponential(x * (2.0f / cap));
    return cap * ((e - 1.0f) / (e + 1.0f));
}

struct softcap_job {
    float *x, cap;
    int64_t count;
};

enum { SOFTCAP_BLOCK = 4096 };

static void softcap_block(void *context, int64_t block)
{
    const struct softcap_job *job = context;
    int64_t i = block * SOFTCAP_BLOCK, last = i + SOFTCAP_BLOCK;
    last = last < job->count ? last : job->count;
    for (; i + WIDTH <= last; i += WIDTH) store(job->x + i, capped(load(job->x + i), job->cap));
    if (i < last) {
        float a[WIDTH] = {0};
        memcpy(a, job->x + i, (size_t)(last - i) * 4);
        store(a, capped(load(a), job->cap));
        memcpy(job->x + i, a, (size_t)(last - i) * 4);
    }
}

static void softcap(float *x, int64_t count, float cap, int threads)
{
    struct softcap_job job = {x, cap, count};
    muniment_parallel(threads, (count + SOFTCAP_BLOCK - 1) / SOFTCAP_BLOCK, 4, softcap_block, &job);
}
