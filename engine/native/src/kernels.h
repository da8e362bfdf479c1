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
 * Keys and values of one head lie in rows of sixteen numbers, in tiles of 16 positions:
 *
 *   keys   [T/16][D] rows of 16 positions
 *   values [T/16][D/16][16 positions] rows of 16 channels
 *
 * A row is 16 fp32 or bf16 numbers, 16 int8, or two times 8 codes of 2, 3 or 4 bits, the first in the
 * lowest bits of 2, 3 or 4 bytes. A coded position has one fp16 scale for its key, one for its value.
 *
 * Every result row depends only on its own input row, never on how many rows were given with it or
 * on how many threads worked: reading in chunks, one by one or as drafts gives the same bits.
 */
#ifndef MUNIMENT_KERNELS_H
#define MUNIMENT_KERNELS_H

#include <stdint.h>

enum { PANEL = 16, GROUP = 32, TILE = 16, SEGMENT = 256, LARGEST_HEAD = 512 };
enum weight_kind { WEIGHT_F32 = 0, WEIGHT_BF16 = 1, WEIGHT_Q8 = 2, WEIGHT_Q4 = 3 };

enum row_kind { ROW_CODE2 = 2, ROW_CODE3 = 3, ROW_CODE4 = 4, ROW_INT8 = 8, ROW_BF16 = 16, ROW_F32 = 32 };

/* Keys or values of all heads of a layer: [kv heads][capacity positions] of `size` channels. */
struct stored {
    int64_t kind, capacity, size;
    const void *rows;
    const uint16_t *scales; /* coded kinds: [kv heads][capacity] */
    const float *levels;    /* 2, 3 and 4 bits: what each code stands for, [16] */
};

struct attention {
    const float *q;       /* [rows], stride q_stride, of heads * D */
    const float *coded_q; /* [rows][heads][size of coded keys], or NULL */
    const float *value_q; /* [rows][heads][D] for coded values, whose products count as keys' too; NULL */
    const float *bias;    /* [rows][heads], added to scores of coded keys */
    /* A coded value stands for signs * (H v / sqrt(D)) / weight + mean; weight and mean [kv heads][D] may
     * be NULL. */
    const float *signs, *weight, *mean;
    int64_t q_stride, rows, heads, kv_heads, head_size;
    double scale;
    struct stored keys, values;             /* exact, from position `base` on, a multiple of 256 */
    struct stored coded_keys, coded_values; /* from position 0 on */
    int64_t base;
    const int64_t *low, *high; /* row i sees low[i] <= position < high[i] */
    const int64_t *border;     /* and coded what lies before border[i], a multiple of 256; or NULL */
    float *out;
    int64_t out_stride;
};

/* How one head's vectors become codes: x -> rotate((x - mean) * weight), of some of its channels. */
struct form {
    int64_t size;
    const int64_t *channels;            /* [size], or NULL for all */
    const float *mean, *weight, *signs; /* [size] each; mean and weight may be NULL */
};

/* Codes a stretch of one head's exact tiles. */
struct encoding {
    int64_t exact_kind, head_size, tiles;
    const void *exact_keys, *exact_values; /* first tile to code */
    struct form key_form, value_form;
    int64_t key_kind, value_kind;
    const float *key_levels, *value_levels;
    void *keys, *values; /* where the first tile's codes go */
    uint16_t *key_scales, *value_scales;
};

/* A packed matrix, as `linear` takes it. */
struct matrix {
    int64_t kind, outputs, inputs;
    const void *data;
    const uint16_t *scales, *minima;
};

/* Matrices of the same inputs whose outputs stand side by side. */
struct matrices {
    int64_t count;
    struct matrix parts[3];
};

struct layer {
    int64_t hidden, heads, kv_heads, head_size, feed_forward, per_layer_size;
    int64_t owns_kv, k_is_v, value_norm;
    double epsilon, scalar;
    const float *input_norm, *post_attention_norm, *pre_feed_forward_norm, *post_feed_forward_norm;
    const float *query_norm, *key_norm, *per_layer_norm;
    struct matrices qkv, output, gate_up, down, per_layer_gate, per_layer_projection;
};

/* The rows a layer works on. */
struct layer_rows {
    int64_t rows;
    const float *x;             /* [rows][hidden] */
    const float *cosine, *sine; /* [rows][D/2] */
    const float *per_layer;     /* [rows], stride per_layer_stride, of per_layer_size; or NULL */
    int64_t per_layer_stride;
    float *workspace; /* rows * (2 hidden + 3 feed forward) and rows * (2 hidden + 3 per layer) fit */
};

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
    /* in place: rms norm of each head (weight may be NULL), then rotation by cos and sin [rows][D/2],
     * each of the head's `parts` by itself */
    void (*norm_rope)(float *x, int64_t x_stride, int64_t rows, int64_t heads, int64_t head_size,
                      int64_t parts, const float *weight, float epsilon, const float *cosine,
                      const float *sine, float scale, int threads);
    /* x = cap * tanh(x / cap), in place */
    void (*softcap)(float *x, int64_t count, float cap, int threads);
    /* store rows of one head's keys and values at positions first, first + 1, ... */
    void (*store_tiles)(const float *keys, int64_t key_stride, const float *values,
                        int64_t value_stride, int64_t rows, int64_t head_size, int64_t first,
                        int half, void *key_tiles, void *value_tiles);
    void (*attend)(const struct attention *job, int threads);
    /* out[rows][heads * D] = softmax(scale * q K) V, every row over all positions. q[rows][heads * D];
     * keys and values [kv heads][capacity][D]. D and capacity are multiples of 8, D at most 128. */
    void (*attend_all)(const float *q, int64_t q_stride, const float *keys, const float *values,
                       int64_t rows, int64_t positions, int64_t capacity, int64_t heads,
                       int64_t kv_heads, int64_t head_size, float scale, float *out,
                       int64_t out_stride, int threads);
    /* a layer before and after its attention; layer.inc.h */
    void (*before_attention)(const struct layer *layer, const struct layer_rows *rows, float *qkv,
                             int threads);
    void (*after_attention)(const struct layer *layer, const struct layer_rows *rows,
                            const float *attended, float *out, int threads);
    /* x[count][D] -> H (signs * x) / sqrt(D), or back: signs * (H x) / sqrt(D); D a power of two */
    void (*rotate)(float *x, int64_t count, int64_t head_size, const float *signs, int back,
                   int threads);
    void (*encode)(const struct encoding *job, int threads);
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
