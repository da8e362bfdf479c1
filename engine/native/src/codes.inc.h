/* Coding keys and values: rotation, one scale a vector, nearest level, packed bits.
 *
 * After TurboQuant (Zandieh et al., 2025) without its second stage: a rotation makes a vector's numbers
 * nearly Gaussian, so the levels of Lloyd and Max (1960) for a Gaussian are near the best. The scale is
 * the one that gives the coded vector the length of the true one.
 */

/* Fast Walsh-Hadamard transform in place. */
static void hadamard(float *x, int64_t size)
{
    for (int64_t half = 1; half < size; half *= 2) {
        for (int64_t start = 0; start < size; start += 2 * half) {
            int64_t i = start;
            for (; i + WIDTH <= start + half; i += WIDTH) {
                vec a = load(x + i), b = load(x + i + half);
                store(x + i, a + b);
                store(x + i + half, a - b);
            }
            for (; i < start + half; i++) {
                float a = x[i], b = x[i + half];
                x[i] = a + b;
                x[i + half] = a - b;
            }
        }
    }
}

struct rotate_job {
    float *x;
    int64_t size;
    const float *signs;
    int back;
};

static void rotate_vector(void *context, int64_t i)
{
    const struct rotate_job *job = context;
    float *x = job->x + i * job->size, root = 1.0f / sqrtf((float)job->size);
    if (!job->back)
        for (int64_t d = 0; d < job->size; d++) x[d] *= job->signs[d];
    hadamard(x, job->size);
    for (int64_t d = 0; d < job->size; d++) x[d] *= job->back ? job->signs[d] * root : root;
}

static void rotate(float *x, int64_t count, int64_t head_size, const float *signs, int back,
                   int threads)
{
    struct rotate_job job = {x, head_size, signs, back};
    muniment_parallel(threads, count, 16, rotate_vector, &job);
}

/* Codes of a vector and its scale; x is used up. Codes of 4 bits: sign in the top bit. */
static uint16_t code_vector(float *x, int64_t size, int64_t kind, const float *levels, uint8_t *codes)
{
    if (kind == ROW_INT8) {
        float largest = 0;
        for (int64_t d = 0; d < size; d++) largest = fabsf(x[d]) > largest ? fabsf(x[d]) : largest;
        uint16_t scale = to_fp16(largest / 127.0f);
        float step = from_fp16(scale), inverse = step > 0 ? 1.0f / step : 0.0f;
        for (int64_t d = 0; d < size; d++) {
            float q = rintf(x[d] * inverse);
            codes[d] = (uint8_t)(int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
        }
        return scale;
    }
    int count = 1 << (kind - 1); /* positive levels, ascending */
    const float *positive = kind == ROW_CODE4 ? levels : levels + count;
    float square = 0, coded = 0;
    for (int64_t d = 0; d < size; d++) square += x[d] * x[d];
    float inverse = square > 0 ? sqrtf((float)size / square) : 0.0f;
    for (int64_t d = 0; d < size; d++) {
        float unit = x[d] * inverse, size_of = fabsf(unit);
        int level = 0;
        for (int i = 1; i < count; i++) level += size_of > 0.5f * (positive[i - 1] + positive[i]);
        coded += positive[level] * positive[level];
        int negative = unit < 0;
        if (kind == ROW_CODE4)
            codes[d] = (uint8_t)(negative << 3 | level);
        else
            codes[d] = (uint8_t)(negative ? count - 1 - level : count + level);
    }
    return to_fp16(sqrtf(square / coded));
}

INLINE void put_code(uint8_t *rows, int64_t row, int lane, int64_t kind, uint8_t code)
{
    if (kind == ROW_INT8) {
        rows[row * 16 + lane] = code;
        return;
    }
    /* A code never leaves its eight codes' bytes, so neighbours can be written by other threads. */
    uint8_t *at = rows + row * 2 * kind + lane / 8 * kind;
    int64_t bit = lane % 8 * kind;
    uint32_t mask = (1u << kind) - 1;
    for (int64_t i = bit / 8; i <= (bit + kind - 1) / 8; i++) {
        int64_t shift = bit - i * 8;
        uint32_t clear = shift >= 0 ? mask << shift : mask >> -shift;
        uint32_t set = shift >= 0 ? (uint32_t)code << shift : (uint32_t)code >> -shift;
        at[i] = (uint8_t)((at[i] & ~clear) | (set & 0xff));
    }
}

/* x[size]: a vector of D exact numbers in the form it is coded in. */
static void take_form(const struct form *form, const float *exact, float *x)
{
    float root = 1.0f / sqrtf((float)form->size);
    for (int64_t d = 0; d < form->size; d++) {
        float number = exact[form->channels ? form->channels[d] : d];
        if (form->mean) number -= form->mean[d];
        if (form->weight) number *= form->weight[d];
        x[d] = number * form->signs[d];
    }
    hadamard(x, form->size);
    for (int64_t d = 0; d < form->size; d++) x[d] *= root;
}

static void encode_tile(void *context, int64_t tile)
{
    const struct encoding *job = context;
    int64_t size = job->head_size, key_size = job->key_form.size;
    float exact[LARGEST_HEAD], x[LARGEST_HEAD] __attribute__((aligned(64)));
    uint8_t codes[LARGEST_HEAD];
    int wide = job->exact_kind == ROW_F32;
    for (int place = 0; place < TILE; place++) {
        for (int64_t d = 0; d < size; d++) {
            int64_t at = (tile * size + d) * 16 + place;
            exact[d] = wide ? ((const float *)job->exact_keys)[at]
                            : from_bf16(((const uint16_t *)job->exact_keys)[at]);
        }
        take_form(&job->key_form, exact, x);
        job->key_scales[tile * TILE + place] =
            code_vector(x, key_size, job->key_kind, job->key_levels, codes);
        for (int64_t d = 0; d < key_size; d++)
            put_code(job->keys, tile * key_size + d, place, job->key_kind, codes[d]);
        for (int64_t d = 0; d < size; d++) {
            int64_t at = (tile * size + d / 16 * 16 + place) * 16 + d % 16;
            exact[d] = wide ? ((const float *)job->exact_values)[at]
                            : from_bf16(((const uint16_t *)job->exact_values)[at]);
        }
        take_form(&job->value_form, exact, x);
        job->value_scales[tile * TILE + place] =
            code_vector(x, size, job->value_kind, job->value_levels, codes);
        for (int64_t d = 0; d < size; d++)
            put_code(job->values, tile * size + d / 16 * 16 + place, (int)(d % 16), job->value_kind,
                     codes[d]);
    }
}

static void encode(const struct encoding *job, int threads)
{
    muniment_parallel(threads, job->tiles, 1, encode_tile, (void *)job);
}
