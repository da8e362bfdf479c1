/* Chooses the kernels this processor can run and hands them out by plain C functions. */
#include "kernels.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static const struct kernels *chosen = &kernels_generic;

static int available(const char *name)
{
    if (!strcmp(name, "generic")) return 1;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!strcmp(name, "avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("f16c");
    if (!strcmp(name, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni");
#endif
    return 0;
}

/* 1 if the processor has it and it is now in use, else 0 and nothing changes. */
EXPORT int muniment_use(const char *name)
{
    if (!available(name)) return 0;
#if defined(__x86_64__)
    if (!strcmp(name, "avx512")) chosen = &kernels_avx512;
    if (!strcmp(name, "avx2")) chosen = &kernels_avx2;
#endif
    if (!strcmp(name, "generic")) chosen = &kernels_generic;
    return 1;
}

EXPORT const char *muniment_name(void) { return chosen->name; }

EXPORT void muniment_linear(int kind, const float *x, int64_t rows, int64_t inputs, const void *weights,
                     const uint16_t *scales, const uint16_t *minima, float *y, int64_t outputs,
                     int64_t y_stride, int threads)
{
    chosen->linear(kind, x, rows, inputs, weights, scales, minima, y, outputs, y_stride, threads);
}

EXPORT void muniment_rms_norm(const float *x, int64_t rows, int64_t width, const float *weight, float epsilon,
                       const float *residual, float factor, float *out, int threads)
{
    chosen->rms_norm(x, rows, width, weight, epsilon, residual, factor, out, threads);
}

EXPORT void muniment_gelu_multiply(const float *gate, int64_t gate_stride, const float *up, int64_t up_stride,
                            int64_t rows, int64_t width, float *out, int threads)
{
    chosen->gelu_multiply(gate, gate_stride, up, up_stride, rows, width, out, threads);
}

EXPORT void muniment_norm_rope(float *x, int64_t x_stride, int64_t rows, int64_t heads, int64_t head_size,
                        int64_t parts, const float *weight, float epsilon, const float *cosine,
                        const float *sine, float scale, int threads)
{
    chosen->norm_rope(x, x_stride, rows, heads, head_size, parts, weight, epsilon, cosine, sine, scale,
                      threads);
}

EXPORT void muniment_softcap(float *x, int64_t count, float cap, int threads)
{
    chosen->softcap(x, count, cap, threads);
}

EXPORT void muniment_store_tiles(const float *keys, int64_t key_stride, const float *values,
                          int64_t value_stride, int64_t rows, int64_t head_size, int64_t first,
                          int half, void *key_tiles, void *value_tiles)
{
    chosen->store_tiles(keys, key_stride, values, value_stride, rows, head_size, first, half, key_tiles,
                        value_tiles);
}

EXPORT void muniment_attend(const struct attention *job, int threads) { chosen->attend(job, threads); }

EXPORT void muniment_attend_all(const float *q, int64_t q_stride, const float *keys, const float *values,
                                int64_t rows, int64_t positions, int64_t capacity, int64_t heads,
                                int64_t kv_heads, int64_t head_size, float scale, float *out,
                                int64_t out_stride, int threads)
{
    chosen->attend_all(q, q_stride, keys, values, rows, positions, capacity, heads, kv_heads, head_size,
                       scale, out, out_stride, threads);
}

EXPORT void muniment_before_attention(const struct layer *layer, const struct layer_rows *rows, float *qkv,
                                      int threads)
{
    chosen->before_attention(layer, rows, qkv, threads);
}

EXPORT void muniment_after_attention(const struct layer *layer, const struct layer_rows *rows,
                                     const float *attended, float *out, int threads)
{
    chosen->after_attention(layer, rows, attended, out, threads);
}

EXPORT void muniment_rotate(float *x, int64_t count, int64_t head_size, const float *signs, int back,
                            int threads)
{
    chosen->rotate(x, count, head_size, signs, back, threads);
}

EXPORT void muniment_encode(const struct encoding *job, int threads) { chosen->encode(job, threads); }

EXPORT void muniment_quantize(int bits, int panels, int half, const void *weights, int64_t rows,
                              int64_t inputs, void *data, uint16_t *scales, int threads)
{
    chosen->quantize(bits, panels, half, weights, rows, inputs, data, scales, threads);
}
