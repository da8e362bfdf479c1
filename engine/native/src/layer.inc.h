/* A decoder layer in two calls, before and after its attention: what decoder.py does step by step,
 * without returning to Python in between. Writing one token takes hundreds of steps of a few
 * microseconds; going back and forth costs as much as they do, and puts the other threads to sleep.
 */

static void multiply(const struct matrix *m, const float *x, int64_t rows, float *y, int64_t y_stride,
                     int threads)
{
    linear((int)m->kind, x, rows, m->inputs, m->data, m->scales, m->minima, y, m->outputs, y_stride,
           threads);
}

static void multiply_all(const struct matrices *all, const float *x, int64_t rows, float *y,
                         int64_t y_stride, int threads)
{
    for (int64_t i = 0; i < all->count; i++) {
        multiply(&all->parts[i], x, rows, y, y_stride, threads);
        y += all->parts[i].outputs;
    }
}

/* qkv [rows][(heads + 2 kv heads) * D, or heads * D]: normed and rotated queries, keys and values. */
static void before_attention(const struct layer *layer, const struct layer_rows *rows, float *qkv,
                             int threads)
{
    int64_t n = rows->rows, size = layer->head_size;
    int64_t q = layer->heads * size, kv = layer->kv_heads * size;
    int64_t stride = layer->owns_kv ? q + 2 * kv : q;
    float epsilon = (float)layer->epsilon;
    rms_norm(rows->x, n, layer->hidden, layer->input_norm, epsilon, NULL, 1.0f, rows->workspace, threads);
    multiply_all(&layer->qkv, rows->workspace, n, qkv, stride, threads);
    norm_rope(qkv, stride, n, layer->heads, size, 1, layer->query_norm, epsilon, rows->cosine,
              rows->sine, 1.0f, threads);
    if (!layer->owns_kv) return;
    float *keys = qkv + q, *values = keys + kv;
    if (layer->k_is_v)
        for (int64_t i = 0; i < n; i++)
            memcpy(values + i * stride, keys + i * stride, (size_t)kv * sizeof(float));
    norm_rope(keys, stride, n, layer->kv_heads, size, 1, layer->key_norm, epsilon, rows->cosine,
              rows->sine, 1.0f, threads);
    if (layer->value_norm)
        norm_rope(values, stride, n, layer->kv_heads, size, 1, NULL, epsilon, NULL, NULL, 1.0f, threads);
}

/* out [rows][hidden]: the layer's result from its input x and what was attended [rows][heads * D]. */
static void after_attention(const struct layer *layer, const struct layer_rows *rows,
                            const float *attended, float *out, int threads)
{
    int64_t n = rows->rows, hidden = layer->hidden, wide = layer->feed_forward;
    float epsilon = (float)layer->epsilon, scalar = (float)layer->scalar;
    float *a = rows->workspace, *x = a + n * hidden, *gate_up = x + n * hidden;
    float *gated = gate_up + n * 2 * wide;
    multiply_all(&layer->output, attended, n, a, hidden, threads);
    rms_norm(a, n, hidden, layer->post_attention_norm, epsilon, rows->x, 1.0f, x, threads);
    rms_norm(x, n, hidden, layer->pre_feed_forward_norm, epsilon, NULL, 1.0f, a, threads);
    multiply_all(&layer->gate_up, a, n, gate_up, 2 * wide, threads);
    gelu_multiply(gate_up, 2 * wide, gate_up + wide, 2 * wide, n, wide, gated, threads);
    multiply_all(&layer->down, gated, n, a, hidden, threads);
    int64_t size = layer->per_layer_size;
    if (!size) {
        rms_norm(a, n, hidden, layer->post_feed_forward_norm, epsilon, x, scalar, out, threads);
        return;
    }
    rms_norm(a, n, hidden, layer->post_feed_forward_norm, epsilon, x, 1.0f, out, threads);
    multiply_all(&layer->per_layer_gate, out, n, gate_up, size, threads);
    gelu_multiply(gate_up, size, rows->per_layer, rows->per_layer_stride, n, size, gated, threads);
    multiply_all(&layer->per_layer_projection, gated, n, a, hidden, threads);
    memcpy(x, out, (size_t)(n * hidden) * sizeof(float));
    rms_norm(a, n, hidden, layer->per_layer_norm, epsilon, x, scalar, out, threads);
}
