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

static void rms_norm(const float *x, int64_t rows, int64_t width, const float *weight, float epsilon,
                     const float *residual, float factor, float *out, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads) if (rows > 8)
    for (int64_t row = 0; row < rows; row++) {
        const float *in = x + row * width;
        const float *add = residual ? residual + row * width : NULL;
        float *to = out + row * width;
        float inverse = 1.0f / sqrtf(mean_square(in, width) + epsilon);
        int64_t i = 0;
        for (; i + WIDTH <= width; i += WIDTH) {
            vec v = load(in + i) * inverse;
            if (weight) v *= load(weight + i);
            if (add) v += load(add + i);
            store(to + i, v * factor);
        }
        for (; i < width; i++) {
            float v = in[i] * inverse;
            if (weight) v *= weight[i];
            if (add) v += add[i];
            to[i] = v * factor;
        }
    }
}

static void gelu_multiply(const float *gate, int64_t gate_stride, const float *up, int64_t up_stride,
                          int64_t rows, int64_t width, float *out, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads) if (rows > 2)
    for (int64_t row = 0; row < rows; row++) {
        const float *g = gate + row * gate_stride;
        const float *u = up + row * up_stride;
        float *to = out + row * width;
        int64_t i = 0;
        for (; i + WIDTH <= width; i += WIDTH) store(to + i, gelu(load(g + i)) * load(u + i));
        if (i < width) {
            float a[WIDTH] = {0}, b[WIDTH] = {0};
            memcpy(a, g + i, (size_t)(width - i) * 4);
            memcpy(b, u + i, (size_t)(width - i) * 4);
            store(a, gelu(load(a)) * load(b));
            memcpy(to + i, a, (size_t)(width - i) * 4);
        }
    }
}

static void norm_rope(float *x, int64_t x_stride, int64_t rows, int64_t heads, int64_t head_size,
                      const float *weight, float epsilon, const float *cosine, const float *sine,
                      float scale, int threads)
{
    int64_t half = head_size / 2;
#pragma omp parallel for schedule(static) num_threads(threads) if (rows > 8)
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t head = 0; head < heads; head++) {
            float *v = x + row * x_stride + head * head_size;
            float inverse = 1.0f / sqrtf(mean_square(v, head_size) + epsilon) * scale;
            for (int64_t i = 0; i < head_size; i++) v[i] *= weight ? inverse * weight[i] : inverse;
            if (!cosine) continue;
            const float *c = cosine + row * half, *s = sine + row * half;
            for (int64_t i = 0; i < half; i++) {
                float a = v[i], b = v[i + half];
                v[i] = a * c[i] - b * s[i];
                v[i + half] = b * c[i] + a * s[i];
            }
        }
    }
}
