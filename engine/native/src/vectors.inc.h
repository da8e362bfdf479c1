/* Vectors as wide as the instruction set has; sixteen floats are LANES of them.
 *
 * GCC splits wider vectors badly, so nothing here is wider than a register. Results do not depend on
 * the width: sums are kept in sixteen lanes everywhere.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX2__)
#define WIDTH 8
#else
#define WIDTH 4
#endif
#define LANES (16 / WIDTH)

typedef float vec __attribute__((vector_size(WIDTH * 4)));
typedef float vec_unaligned __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef int32_t ivec __attribute__((vector_size(WIDTH * 4)));
typedef uint32_t uvec __attribute__((vector_size(WIDTH * 4)));
typedef uint16_t hvec __attribute__((vector_size(WIDTH * 2)));
typedef uint16_t hvec_unaligned __attribute__((vector_size(WIDTH * 2), aligned(2)));

#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float *p) { return *(const vec_unaligned *)p; }
INLINE void store(float *p, vec v) { *(vec_unaligned *)p = v; }
INLINE vec splat(float v) { return v - (vec){0}; }
INLINE vec choose(ivec condition, vec yes, vec no)
{
    return (vec)(((ivec)yes & condition) | ((ivec)no & ~condition));
}
INLINE vec maximum(vec a, vec b) { return choose(a > b, a, b); }

INLINE vec load_bf16(const uint16_t *p)
{
#if defined(__AVX512F__)
    __m256i raw = _mm256_loadu_si256((const __m256i *)p);
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(raw), 16);
#elif defined(__AVX2__)
    __m128i raw = _mm_loadu_si128((const __m128i *)p);
    return (vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32(raw), 16);
#else
    hvec raw = *(const hvec_unaligned *)p;
    return (vec)(__builtin_convertvector(raw, uvec) << 16);
#endif
}

INLINE float from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE uint16_t to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* fp16 to fp32, by bit arithmetic where the instruction set has no conversion: exact, also for
 * subnormal numbers. */
INLINE vec load_fp16(const uint16_t *p)
{
#if defined(__AVX512F__)
    return (vec)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif defined(__F16C__)
    return (vec)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#else
    uvec h = __builtin_convertvector(*(const hvec_unaligned *)p, uvec);
    vec value = (vec)((h & 0x7fff) << 13) * 0x1p112f;
    return (vec)((uvec)value | ((h & 0x8000) << 16));
#endif
}

/* fp32 to fp16, to the nearest, ties to even. */
INLINE uint16_t to_fp16(float value)
{
    uint32_t bits, result;
    memcpy(&bits, &value, 4);
    uint32_t sign = bits >> 16 & 0x8000, absolute = bits & 0x7fffffff;
    if (absolute < 0x38800000) { /* subnormal: adding a half leaves units of 2^-24 */
        float shifted;
        memcpy(&shifted, &absolute, 4);
        shifted += 0.5f;
        memcpy(&result, &shifted, 4);
        result -= 0x3f000000;
    } else {
        result = (absolute + 0xfff + (absolute >> 13 & 1) - (112u << 23)) >> 13;
        if (absolute >= 0x47800000 || result > 0x7c00) result = 0x7c00;
    }
    return (uint16_t)(sign | result);
}

INLINE float from_fp16(uint16_t half)
{
    uint16_t all[16] = {half};
    float out[WIDTH];
    store(out, load_fp16(all));
    return out[0];
}

/* Sixteen lanes to one number, always in the same order. */
INLINE float sum_lanes(const vec *v)
{
    float all[16], sum = 0;
    for (int i = 0; i < LANES; i++) store(all + i * WIDTH, v[i]);
    for (int i = 0; i < 16; i++) sum += all[i];
    return sum;
}

INLINE float max_lanes(vec v)
{
    float top = v[0];
    for (int i = 1; i < WIDTH; i++) top = v[i] > top ? v[i] : top;
    return top;
}

/* Nearest whole number, ties to even, for |x| < 2^22. */
INLINE vec nearest(vec x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

/* e^x, relative error below 2e-7 (Cephes' polynomial); exactly 0 below -87. */
INLINE vec exponential(vec x)
{
    ivec tiny = x < -87.0f;
    x = choose(tiny, splat(-87.0f), x);
    x = choose(x > 88.0f, splat(88.0f), x);
    vec n = nearest(x * 1.44269504088896341f);
    vec r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vec p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    ivec e = (__builtin_convertvector(n, ivec) + 127) << 23;
    return (vec)((ivec)(p * (vec)e) & ~tiny);
}
