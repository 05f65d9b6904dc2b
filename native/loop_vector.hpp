// SPDX-License-Identifier: MIT
// What can be done with one vector of doubles? Included once for each instruction set by
// loop_kernel.cpp, all of it in an anonymous namespace.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX__) || defined(__SSE2__)
#include <immintrin.h>
#endif

#define LOOP_INLINE inline __attribute__((always_inline))

namespace merrow::loop {
namespace {

constexpr int kWide = MERROW_LANES / 2;   // doubles in a vector

typedef double Wide __attribute__((vector_size(8 * kWide)));
typedef int64_t WideInt __attribute__((vector_size(8 * kWide)));
typedef uint64_t Bits __attribute__((vector_size(8 * kWide)));

LOOP_INLINE Wide all(double x) { return x - Wide{}; }

LOOP_INLINE Wide root(Wide x) {
#if MERROW_LANES == 16 && defined(__AVX512F__)
    return (Wide)_mm512_maskz_sqrt_pd(0xff, (__m512d)x);
#elif MERROW_LANES == 8 && defined(__AVX__)
    return (Wide)_mm256_sqrt_pd((__m256d)x);
#elif MERROW_LANES == 4 && defined(__SSE2__)
    return (Wide)_mm_sqrt_pd((__m128d)x);
#else
    for (int l = 0; l < kWide; l++) x[l] = __builtin_sqrt(x[l]);
    return x;
#endif
}

// a b of numbers below 2^32, all 64 bits of it.
LOOP_INLINE Bits times(Bits a, Bits b) {
#if MERROW_LANES == 16 && defined(__AVX512F__)
    return (Bits)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif MERROW_LANES == 8 && defined(__AVX2__)
    return (Bits)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif MERROW_LANES == 4 && defined(__SSE2__)
    return (Bits)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return a * b;
#endif
}

// Whole numbers below 2^52 as doubles, which needs no instruction set: 2^52 + n has n as its last bits.
LOOP_INLINE Wide doubles(Bits n) {
    n |= 0x4330000000000000u;
    Wide out;
    memcpy(&out, &n, sizeof out);
    return out - 4503599627370496.;
}

}  // namespace
}  // namespace merrow::loop
