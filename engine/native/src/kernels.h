/* The kernels' interface: what each instruction set implements, and the layouts in memory.
 *
 * A panel is 16 output channels. Weights of K inputs and N outputs are stored panel after panel
 * (N rounded up to 16), so that 16 neighbouring outputs are computed side by side:
 *
 *   q4     uint8  [N/16][K/8][64]     byte j of a block of 8 inputs holds, in its low half, input j%4 of
 *                                     output j/4 and, in its high half, input 4 + j%4 of the same output
 *   q8     int8   [N/16][K/4][16][4]  -127..127
 *   bf16   uint16 [N/16][K][16]
 *   f32    float  [N/16][K][16]
 *   scale  fp16   [N/16][K/32][16]    for q4 and q8: weight = scale * q + minimum
 *   minimum fp16  [N/16][K/32][16]    for q4 only, may be NULL: then minimum = -8 * scale
 *
 * Keys and values of one head, in tiles of 16 positions, bf16 or fp32:
 *
 *   keys   [T/16][D][16 positions]
 *   values [T/16][D/16][16 positions][16 channels]
 *
 * Every result row depends only on its own input row, never on how many rows were given with it or
 * on how many threads worked: reading in chunks, one by one or as drafts gives the same bits.
 */
#ifndef MUNIMENT_KERNELS_H
#define MUNIMENT_KERNELS_H

#include <stdint.h>

enum { PANEL = 16, GROUP = 32, TILE = 16, SEGMENT = 256 };
enum weight_kind { WEIGHT_F32 = 0, WEIGHT_BF16 = 1, WEIGHT_Q8 = 2, WEIGHT_Q4 = 3 };

struct kernels {
    const char *name;
    /* y[rows][outputs] (row stride y_stride) = x[rows][inputs] times the weights */
    void (*linear)(int kind, const float *x, int64_t rows, int64_t inputs, const void *weights,
                   const uint16_t *scales, const uint16_t *minima, float *y, int64_t outputs,
                   int64_t y_stride, int threads);
    /* out = x / rms(x) * weight (weight may be NULL), then + residual (may be NULL), times factor */
    void (*rms_norm)(const float *x, int64_t rows, int64_t width, const float *weight, float epsilon,
                     const float *residual, float factor, float *out, int threads);
    /* gelu(gate) * up, gate and up side by side or apart: strides of a row in floats */
    void (*gelu_multiply)(const float *gate, int64_t gate_stride, const float *up, int64_t up_stride,
                          int64_t rows, int64_t width, float *out, int threads);
    /* in place: rms norm of each head (weight may be NULL), then rotation by cos and sin [rows][D/2] */
    void (*norm_rope)(float *x, int64_t x_stride, int64_t rows, int64_t heads, int64_t head_size,
                      const float *weight, float epsilon, const float *cosine, const float *sine,
                      float scale, int threads);
    /* x = cap * tanh(x / cap), in place */
    void (*softcap)(float *x, int64_t count, float cap, int threads);
    /* store rows of one head's keys and values at positions first, first + 1, ... */
    void (*store_tiles)(const float *keys, int64_t key_stride, const float *values,
                        int64_t value_stride, int64_t rows, int64_t head_size, int64_t first,
                        int half, void *key_tiles, void *value_tiles);
    /* out[rows][heads][D]: attention of each row over positions low[row] <= p < high[row] */
    void (*attend)(const float *q, int64_t q_stride, int64_t rows, int64_t heads, int64_t kv_heads,
                   int64_t head_size, float scale, int half, const void *key_tiles,
                   const void *value_tiles, int64_t capacity, const int64_t *low,
                   const int64_t *high, float *out, int64_t out_stride, int threads);
    /* weights[rows][inputs] (fp32, or bf16 if half; inputs a multiple of 32) rounded to 4 or 8 bits, in
     * panels; or, not in panels and 8 bits only, data int8 [rows][inputs] and scales [rows][inputs/32] */
    void (*quantize)(int bits, int panels, int half, const void *weights, int64_t rows, int64_t inputs,
                     void *data, uint16_t *scales, int threads);
};

extern const struct kernels kernels_generic;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;
#endif

#endif
