/* Rows of sixteen stored numbers as floats; what a coded row still has to be scaled by is not applied.
 * `row` counts rows from `base`, `l` is which part of the sixteen. */

INLINE vec row_f32(const void *base, int64_t row, int l, const float *levels)
{
    (void)levels;
    return load((const float *)base + row * 16 + l * WIDTH);
}

INLINE vec row_bf16(const void *base, int64_t row, int l, const float *levels)
{
    (void)levels;
    return load_bf16((const uint16_t *)base + row * 16 + l * WIDTH);
}

INLINE vec row_int8(const void *base, int64_t row, int l, const float *levels)
{
    (void)levels;
    const int8_t *p = (const int8_t *)base + row * 16 + l * WIDTH;
#if defined(__AVX512F__)
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
#elif defined(__AVX2__)
    return (vec)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#else
    vec v;
    for (int i = 0; i < WIDTH; i++) v[i] = p[i];
    return v;
#endif
}

/* Eight codes begin at bit 0 of `bits` bytes; up to four bytes are read from there. */
INLINE uint32_t eight_codes(const void *base, int64_t row, int half, int bits)
{
    uint32_t word;
    memcpy(&word, (const uint8_t *)base + row * 2 * bits + half * bits, 4);
    return word;
}

#if defined(__AVX512F__)
/* For codes of 2, 3 and 4 bits: the two bytes that hold each of sixteen codes, and where it begins in
 * them. What stands above a code is left: the permutation looks at four bits, and levels repeat. */
static const uint8_t code_bytes[3][64] __attribute__((aligned(64))) = {
    {0, 1, 128, 128, 0, 1, 128, 128, 0, 1, 128, 128, 0, 1, 128, 128, 1, 2, 128, 128,
     1, 2, 128, 128, 1, 2, 128, 128, 1, 2, 128, 128, 2, 3, 128, 128, 2, 3, 128, 128,
     2, 3, 128, 128, 2, 3, 128, 128, 3, 4, 128, 128, 3, 4, 128, 128, 3, 4, 128, 128,
     3, 4, 128, 128},
    {0, 1, 128, 128, 0, 1, 128, 128, 0, 1, 128, 128, 1, 2, 128, 128, 1, 2, 128, 128,
     1, 2, 128, 128, 2, 3, 128, 128, 2, 3, 128, 128, 3, 4, 128, 128, 3, 4, 128, 128,
     3, 4, 128, 128, 4, 5, 128, 128, 4, 5, 128, 128, 4, 5, 128, 128, 5, 6, 128, 128,
     5, 6, 128, 128},
    {0, 1, 128, 128, 0, 1, 128, 128, 1, 2, 128, 128, 1, 2, 128, 128, 2, 3, 128, 128,
     2, 3, 128, 128, 3, 4, 128, 128, 3, 4, 128, 128, 4, 5, 128, 128, 4, 5, 128, 128,
     5, 6, 128, 128, 5, 6, 128, 128, 6, 7, 128, 128, 6, 7, 128, 128, 7, 8, 128, 128,
     7, 8, 128, 128},
};
static const int32_t code_shifts[3][16] __attribute__((aligned(64))) = {
    {0, 2, 4, 6, 0, 2, 4, 6, 0, 2, 4, 6, 0, 2, 4, 6},
    {0, 3, 6, 1, 4, 7, 2, 5, 0, 3, 6, 1, 4, 7, 2, 5},
    {0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4},
};
#endif

INLINE vec row_codes(const void *base, int64_t row, int l, const float *levels, int bits)
{
#if defined(__AVX512F__)
    __m128i bytes = _mm_loadu_si128((const __m128i *)((const uint8_t *)base + row * 2 * bits));
    __m512i pairs = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(bytes),
                                        _mm512_load_si512(code_bytes[bits - 2]));
    __m512i code = _mm512_srlv_epi32(pairs, _mm512_load_si512(code_shifts[bits - 2]));
    (void)l;
    return (vec)_mm512_permutexvar_ps(code, _mm512_loadu_ps(levels));
#elif defined(__AVX2__)
    /* The permutation looks at three bits: two-bit levels stand there twice, and the fourth bit of a
     * four-bit code is the sign. */
    __m256i word = _mm256_set1_epi32((int)eight_codes(base, row, l, bits));
    const __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i code = _mm256_srlv_epi32(word, _mm256_mullo_epi32(place, _mm256_set1_epi32(bits)));
    __m256 level = _mm256_permutevar8x32_ps(_mm256_loadu_ps(levels), code);
    if (bits == 4) {
        __m256i sign = _mm256_and_si256(_mm256_slli_epi32(code, 28), _mm256_set1_epi32(1 << 31));
        level = _mm256_xor_ps(level, _mm256_castsi256_ps(sign));
    }
    return (vec)level;
#else
    vec v;
    for (int i = 0; i < WIDTH; i++) {
        int lane = l * WIDTH + i;
        uint32_t word = eight_codes(base, row, lane / 8, bits);
        v[i] = levels[word >> (lane % 8 * bits) & ((1u << bits) - 1)];
    }
    return v;
#endif
}

INLINE vec row_code2(const void *base, int64_t row, int l, const float *levels)
{
    return row_codes(base, row, l, levels, 2);
}
INLINE vec row_code3(const void *base, int64_t row, int l, const float *levels)
{
    return row_codes(base, row, l, levels, 3);
}
INLINE vec row_code4(const void *base, int64_t row, int l, const float *levels)
{
    return row_codes(base, row, l, levels, 4);
}

/* Bytes of a row. */
INLINE size_t row_bytes(int64_t kind) { return (size_t)kind * 2; }

INLINE int is_coded(int64_t kind) { return kind <= ROW_INT8; }
