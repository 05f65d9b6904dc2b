// SPDX-License-Identifier: MIT
// What can be done with one vector of floats, and how do records of waters become such vectors?
// Included once for each instruction set by nb_kernel.cpp, all of it in an anonymous namespace.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX__) || defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define NB_INLINE inline __attribute__((always_inline))

namespace merrow::nb {
namespace {

constexpr int kLanes = MERROW_LANES;

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef int32_t IntVec __attribute__((vector_size(4 * kLanes)));
typedef float Vec4 __attribute__((vector_size(16)));
typedef double Double __attribute__((vector_size(8 * (kLanes > 8 ? 8 : kLanes > 4 ? 4 : 2))));
constexpr int kDoubles = sizeof(Double) / 8;

// One row of a B-spline, padded.
#if defined(__AVX__)
typedef float Vec8 __attribute__((vector_size(32)));
NB_INLINE Vec8 first_five(Vec8 v) {
    typedef int32_t IntVec8 __attribute__((vector_size(32)));
    return IntVec8{-1, -1, -1, -1, -1, 0, 0, 0} ? v : Vec8{};
}
NB_INLINE Vec4 fold(Vec8 v) {
    Vec4 half[2];
    memcpy(half, &v, sizeof half);
    return half[0] + half[1];
}
#else   // the compiler does not split a vector of 32 bytes well
struct Vec8 { Vec4 a, b; };
NB_INLINE Vec8 operator+(Vec8 v, Vec8 w) { return {v.a + w.a, v.b + w.b}; }
NB_INLINE Vec8 operator*(Vec8 v, Vec8 w) { return {v.a * w.a, v.b * w.b}; }
NB_INLINE Vec8 operator*(Vec8 v, float s) { return {v.a * s, v.b * s}; }
NB_INLINE Vec8& operator+=(Vec8& v, Vec8 w) { return v = v + w; }
NB_INLINE Vec8 first_five(Vec8 v) { return {v.a, Vec4{v.b[0], 0.f, 0.f, 0.f}}; }
NB_INLINE Vec4 fold(Vec8 v) { return v.a + v.b; }
#endif

template <class V> inline V load_as(const float* p) { V v; memcpy(&v, p, sizeof v); return v; }
inline Vec load(const float* p) { return load_as<Vec>(p); }
inline void store(float* p, Vec v) { memcpy(p, &v, sizeof v); }
inline Vec all(float x) { return x - Vec{}; }
inline Vec select(IntVec mask, Vec v) { return mask ? v : Vec{}; }

// Which lanes? A mask register where there are such, else lanes of all ones.
#if MERROW_LANES == 16 && defined(__AVX512F__)
typedef __mmask16 Mask;
NB_INLINE Mask less(Vec a, Vec b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ); }
NB_INLINE Vec product(Mask m, Vec a, Vec b) { return (Vec)_mm512_maskz_mul_ps(m, (__m512)a, (__m512)b); }
#else
typedef IntVec Mask;
NB_INLINE Mask less(Vec a, Vec b) { return a < b; }
NB_INLINE Vec product(Mask m, Vec a, Vec b) { return m ? a * b : Vec{}; }
#endif
inline Vec floats(IntVec v) { return __builtin_convertvector(v, Vec); }

inline IntVec lanes() {
    IntVec v{};
    for (int l = 0; l < kLanes; l++) v[l] = l;
    return v;
}

// Nearest whole number of |x| < 2^22 (ties to even): the usual trick, it needs no instruction set.
inline Vec nearest(Vec x) { return (x + 12582912.f) - 12582912.f; }

inline float sum4(Vec4 a) { return (a[0] + a[2]) + (a[1] + a[3]); }
NB_INLINE Vec4 quarter(Vec v) {   // four partial sums
    Vec4 part[kLanes / 4];
    memcpy(part, &v, sizeof v);
    for (int width = kLanes / 8; width > 0; width /= 2)
        for (int i = 0; i < width; i++) part[i] += part[i + width];
    return part[0];
}
NB_INLINE float sum(Vec v) { return sum4(quarter(v)); }

// p[0..2] += the sums of x, y, z; p[3] gets anything finite.
NB_INLINE void add_sums(float* p, Vec4 x, Vec4 y, Vec4 z) {
    typedef int32_t Int4 __attribute__((vector_size(16)));
    const Vec4 xy = __builtin_shuffle(x, y, Int4{0, 4, 1, 5}) + __builtin_shuffle(x, y, Int4{2, 6, 3, 7});
    const Vec4 zz = z + __builtin_shuffle(z, Int4{2, 3, 0, 1});   // z0 + z2, z1 + z3, ...
    const Vec4 z2 = __builtin_shuffle(zz, Int4{0, 0, 1, 1});
    const Vec4 total = __builtin_shuffle(xy, z2, Int4{0, 1, 4, 5}) + __builtin_shuffle(xy, z2, Int4{2, 3, 6, 7});
    const Vec4 v = load_as<Vec4>(p) + total;
    memcpy(p, &v, sizeof v);
}

// About 1/sqrt(x), 12 bits or better; one Newton step follows wherever it is used.
inline Vec rough_rsqrt(Vec x) {
#if MERROW_LANES == 16 && defined(__AVX512F__)
    return (Vec)_mm512_maskz_rsqrt14_ps(0xffff, (__m512)x);
#elif MERROW_LANES == 8 && defined(__AVX__)
    return (Vec)_mm256_rsqrt_ps((__m256)x);
#elif MERROW_LANES == 4 && defined(__SSE2__)
    return (Vec)_mm_rsqrt_ps((__m128)x);
#else
    Vec y;
    for (int l = 0; l < kLanes; l++) y[l] = 1.f / __builtin_sqrtf(x[l]);
    return y;
#endif
}

// Appends the numbers first + l of all lanes whose mask is set; may write kLanes entries.
inline int append(int32_t* list, int n, IntVec mask, int first) {
#if MERROW_LANES == 16 && defined(__AVX512F__)
    const __mmask16 bits = _mm512_movepi32_mask((__m512i)mask);
    const __m512i values = _mm512_maskz_compress_epi32(bits, (__m512i)(lanes() + first));
    memcpy(list + n, &values, 64);
    return n + __builtin_popcount(bits);
#elif MERROW_LANES == 8 && defined(__AVX__)
    unsigned bits = _mm256_movemask_ps((__m256)mask);
    for (; bits; bits &= bits - 1) list[n++] = first + __builtin_ctz(bits);
    return n;
#else
    for (int l = 0; l < kLanes; l++) {
        list[n] = first + l;
        n -= mask[l];   // true is -1
    }
    return n;
#endif
}

inline bool any(IntVec mask) {
#if MERROW_LANES == 16 && defined(__AVX512F__)
    return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif MERROW_LANES == 8 && defined(__AVX__)
    return _mm256_movemask_ps((__m256)mask) != 0;
#elif MERROW_LANES == 4 && defined(__SSE2__)
    return _mm_movemask_ps((__m128)mask) != 0;
#else
    int found = 0;
    for (int l = 0; l < kLanes; l++) found |= mask[l];
    return found != 0;
#endif
}

// Two vectors made one: PATTERN(l) says for lane l which of the 2 kLanes lanes of a and b it is.
template <class Pattern>
inline Vec shuffle(Vec a, Vec b, Pattern pattern) {
    IntVec lane{};
    for (int l = 0; l < kLanes; l++) lane[l] = pattern(l);
#if defined(__clang__)
    Vec out = a;
    for (int l = 0; l < kLanes; l++) out[l] = lane[l] < kLanes ? a[lane[l]] : b[lane[l] - kLanes];
    return out;
#else
    return __builtin_shuffle(a, b, lane);
#endif
}

// Within each block of 4 lanes: low/high halves of a and b interleaved, by ones and by twos.
inline Vec low1(Vec a, Vec b) { return shuffle(a, b, [](int l) { return l / 4 * 4 + l % 4 / 2 + l % 2 * kLanes; }); }
inline Vec high1(Vec a, Vec b) { return shuffle(a, b, [](int l) { return l / 4 * 4 + 2 + l % 4 / 2 + l % 2 * kLanes; }); }
inline Vec low2(Vec a, Vec b) { return shuffle(a, b, [](int l) { return l / 4 * 4 + l % 2 + l % 4 / 2 * kLanes; }); }
inline Vec high2(Vec a, Vec b) { return shuffle(a, b, [](int l) { return l / 4 * 4 + 2 + l % 2 + l % 4 / 2 * kLanes; }); }
// Even/odd blocks of 4 lanes of a, then those of b.
inline Vec even4(Vec a, Vec b) {
    return shuffle(a, b, [](int l) { const int k = l / 4 * 2, n = kLanes / 4; return (k < n ? k * 4 : kLanes + (k - n) * 4) + l % 4; });
}
inline Vec odd4(Vec a, Vec b) {
    return shuffle(a, b, [](int l) { const int k = l / 4 * 2 + 1, n = kLanes / 4; return (k < n ? k * 4 : kLanes + (k - n) * 4) + l % 4; });
}
// Halves of a and b interleaved lane by lane: the step of a full transposition.
inline Vec zip_low(Vec a, Vec b) { return shuffle(a, b, [](int l) { return l / 2 + l % 2 * kLanes; }); }
inline Vec zip_high(Vec a, Vec b) { return shuffle(a, b, [](int l) { return kLanes / 2 + l / 2 + l % 2 * kLanes; }); }

// Rows and columns of kLanes x kLanes floats exchanged.
inline void transpose(Vec* v) {
    Vec w[kLanes];
    for (int stage = 1; stage < kLanes; stage *= 2) {
        for (int i = 0; i < kLanes / 2; i++) {
            w[2 * i] = zip_low(v[i], v[i + kLanes / 2]);
            w[2 * i + 1] = zip_high(v[i], v[i + kLanes / 2]);
        }
        for (int i = 0; i < kLanes; i++) v[i] = w[i];
    }
}

// A record is 16 floats: x, y, z and one spare of three sites with charges, and of O if it has none.
constexpr int kRecord = 16, kSites = 3, kMostSites = 4;

struct Sites { Vec x[kMostSites], y[kMostSites], z[kMostSites]; };

NB_INLINE void to_columns(Vec a, Vec b, Vec c, Vec d, Vec& x, Vec& y, Vec& z) {   // 4x4 in each block
    const Vec ab = low1(a, b), cd = low1(c, d);
    x = low2(ab, cd);
    y = high2(ab, cd);
    z = low2(high1(a, b), high1(c, d));
}

NB_INLINE void to_rows(Vec x, Vec y, Vec z, Vec& a, Vec& b, Vec& c, Vec& d) {
    const Vec lo = low1(x, y), hi = high1(x, y), zlo = low1(z, z), zhi = high1(z, z);
    a = low2(lo, zlo);
    b = high2(lo, zlo);
    c = low2(hi, zhi);
    d = high2(hi, zhi);
}

// Reads kN sites of the records of kLanes molecules; index is where each begins, in floats.
template <int kN> NB_INLINE void read_sites(const float* records, const uint32_t* index, Sites& s) {
    if constexpr (kLanes == 16) {
        Vec x[4], y[4], z[4];
        for (int g = 0; g < 4; g++)
            to_columns(load(records + index[4 * g]), load(records + index[4 * g + 1]),
                       load(records + index[4 * g + 2]), load(records + index[4 * g + 3]), x[g], y[g], z[g]);
        auto blocks = [](const Vec* r, Vec* out) __attribute__((always_inline)) {
            const Vec e01 = even4(r[0], r[1]), e23 = even4(r[2], r[3]);
            out[0] = even4(e01, e23);
            out[2] = odd4(e01, e23);
            const Vec o01 = odd4(r[0], r[1]), o23 = odd4(r[2], r[3]);
            out[1] = even4(o01, o23);
            if (kN == 4) out[3] = odd4(o01, o23);
        };
        blocks(x, s.x), blocks(y, s.y), blocks(z, s.z);
    } else if constexpr (kLanes == 8) {
        Vec x[4], y[4], z[4];   // [half of record][group of four]
        for (int h = 0; h < 2; h++)
            for (int g = 0; g < 2; g++)
                to_columns(load(records + index[4 * g] + 8 * h), load(records + index[4 * g + 1] + 8 * h),
                           load(records + index[4 * g + 2] + 8 * h), load(records + index[4 * g + 3] + 8 * h),
                           x[2 * h + g], y[2 * h + g], z[2 * h + g]);
        auto blocks = [](const Vec* r, Vec* out) __attribute__((always_inline)) {
            out[0] = even4(r[0], r[1]);
            out[1] = odd4(r[0], r[1]);
            out[2] = even4(r[2], r[3]);
            if (kN == 4) out[3] = odd4(r[2], r[3]);
        };
        blocks(x, s.x), blocks(y, s.y), blocks(z, s.z);
    } else {
        for (int k = 0; k < kN; k++)
            to_columns(load(records + index[0] + 4 * k), load(records + index[1] + 4 * k),
                       load(records + index[2] + 4 * k), load(records + index[3] + 4 * k), s.x[k], s.y[k], s.z[k]);
    }
}

// Adds kN sites to the records of kLanes molecules; the spare floats get anything finite.
template <int kN> NB_INLINE void add_sites(float* records, const uint32_t* index, const Sites& s) {
    auto add = [](float* p, Vec v) __attribute__((always_inline)) { store(p, load(p) + v); };
    constexpr int kLast = kN - 1;
    if constexpr (kLanes == 16) {
        Vec x[4], y[4], z[4];
        auto blocks = [](const Vec* in, Vec* r) __attribute__((always_inline)) {
            const Vec e01 = even4(in[0], in[1]), e23 = even4(in[2], in[kLast]), o01 = odd4(in[0], in[1]), o23 = odd4(in[2], in[kLast]);
            r[0] = even4(e01, e23);
            r[2] = odd4(e01, e23);
            r[1] = even4(o01, o23);
            r[3] = odd4(o01, o23);
        };
        blocks(s.x, x), blocks(s.y, y), blocks(s.z, z);
        for (int g = 0; g < 4; g++) {
            Vec r[4];
            to_rows(x[g], y[g], z[g], r[0], r[1], r[2], r[3]);
            for (int k = 0; k < 4; k++) add(records + index[4 * g + k], r[k]);
        }
    } else if constexpr (kLanes == 8) {
        for (int g = 0; g < 2; g++) {
            auto pick = [g](Vec a, Vec b) { return g ? odd4(a, b) : even4(a, b); };
            Vec lo[4], hi[4];
            // even4(a, b) = [a.block0, b.block0]: molecules 0..3 of two sites; odd4: molecules 4..7
            to_rows(pick(s.x[0], s.x[1]), pick(s.y[0], s.y[1]), pick(s.z[0], s.z[1]), lo[0], lo[1], lo[2], lo[3]);
            to_rows(pick(s.x[2], s.x[kLast]), pick(s.y[2], s.y[kLast]), pick(s.z[2], s.z[kLast]), hi[0], hi[1], hi[2], hi[3]);
            for (int k = 0; k < 4; k++) {
                add(records + index[4 * g + k], lo[k]);
                add(records + index[4 * g + k] + 8, hi[k]);
            }
        }
    } else {
        for (int k = 0; k < kN; k++) {
            Vec r[4];
            to_rows(s.x[k], s.y[k], s.z[k], r[0], r[1], r[2], r[3]);
            for (int m = 0; m < 4; m++) add(records + index[m] + 4 * k, r[m]);
        }
    }
}

}  // namespace
}  // namespace merrow::nb
