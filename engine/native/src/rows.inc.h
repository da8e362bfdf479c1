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

INLINE vec row_codes(const void *base, int64_t row, int l, const float *levels, int bits)
{
#if defined(__AVX512F__)
    __m512i low = _mm512_set1_epi32((int)eight_codes(base, row, 0, bits));
    __m256i high = _mm256_set1_epi32((int)eight_codes(base, row, 1, bits));
    __m512i word = _mm512_inserti64x4(low, high, 1);
    const __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
    __m512i code = _mm512_srlv_epi32(word, _mm512_mullo_epi32(place, _mm512_set1_epi32(bits)));
    code = _mm512_and_si512(code, _mm512_set1_epi32((1 << bits) - 1));
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
