// SPDX-License-Identifier: MIT
// What can be done with one vector of floats?
// Included once for each instruction set by ani_kernel.cpp, all of it in an anonymous namespace.
#pragma once

#include <stdint.h>
#include <string.h>

namespace merrow {
namespace {

constexpr int kLanes = MERROW_LANES;

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef int32_t IntVec __attribute__((vector_size(4 * kLanes)));

inline Vec load(const float* p) { Vec v; memcpy(&v, p, sizeof v); return v; }
inline void store(float* p, Vec v) { memcpy(p, &v, sizeof v); }
inline Vec broadcast(float x) { return x - Vec{}; }   // x + 0 would have to turn -0 into 0

inline float sum4(const float* a) { return (a[0] + a[2]) + (a[1] + a[3]); }

inline float sum(Vec v) {
    typedef float Vec4 __attribute__((vector_size(16)));
    Vec4 part[kLanes / 4];
    memcpy(part, &v, sizeof v);
    for (int width = kLanes / 8; width > 0; width /= 2)
        for (int i = 0; i < width; i++) part[i] += part[i + width];
    float a[4];
    memcpy(a, &part[0], sizeof a);
    return sum4(a);
}

// exp to about 1 ulp (Cephes), the argument clipped to the range of normal numbers; NaN stays NaN.
inline Vec exp(Vec x) {
    x = x < broadcast(-87.f) ? broadcast(-87.f) : x;
    x = x > broadcast(88.f) ? broadcast(88.f) : x;
    const Vec t = x * 1.44269504088896341f;
    const IntVec n = __builtin_convertvector(t + (t < Vec{} ? broadcast(-.5f) : broadcast(.5f)), IntVec);
    const Vec whole = __builtin_convertvector(n, Vec);
    const Vec r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    Vec p = broadcast(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * (r * r) + r) + 1.f;
    const IntVec exponent = (n + 127) << 23;
    Vec scale;
    memcpy(&scale, &exponent, sizeof scale);
    return p * scale;
}

// ln to about 1 ulp (Cephes) of positive normal numbers.
inline Vec log(Vec x) {
    IntVec bits;
    memcpy(&bits, &x, sizeof bits);
    const IntVec mantissa = (bits & 0x007fffff) | 0x3f000000;
    IntVec exponent = (bits >> 23) - 126;
    Vec m;
    memcpy(&m, &mantissa, sizeof m);
    const IntVec low = m < broadcast(0.707106781186547524f);
    exponent += low;   // true is -1
    m = (low ? m + m : m) - 1.f;
    const Vec e = __builtin_convertvector(exponent, Vec), z = m * m;
    Vec p = broadcast(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    p = p * m * z - 2.12194440e-4f * e - 0.5f * z;
    return (m + p) + 0.693359375f * e;
}

// Takes lanes of a (0 ...) and b (kLanes ...), given constants.
inline Vec pick(Vec a, Vec b, IntVec lane) {
#if defined(__clang__)
    Vec out = a;
    for (int l = 0; l < kLanes; l++) out[l] = lane[l] < kLanes ? a[lane[l]] : b[lane[l] - kLanes];
    return out;
#else
    return __builtin_shuffle(a, b, lane);
#endif
}

// Every block of 2 HALF lanes is added to its half: the sums of a, then those of b.
template <int HALF>
inline Vec fold(Vec a, Vec b) {
    IntVec first = {}, second = {};
    for (int l = 0; l < kLanes; l++) {
        const bool from_a = l / HALF % 2 == 0;
        first[l] = from_a ? l : kLanes + l;   // lanes that stay where they are cost less
        second[l] = from_a ? l + HALF : kLanes + l - HALF;
    }
    return pick(a, b, first) + pick(a, b, second);
}

// The sums of N vectors in the lanes of one, with fewer steps than one sum after the other. Lanes
// l, l + N, ... hold parts of the sum of v[l]; WIDTH is how many lanes one v[l] fills already.
template <int N, int WIDTH = 1>
inline Vec sums(const Vec* v) {
    if constexpr (N == 1) return v[0];
    else return fold<N / 2 * WIDTH>(sums<N / 2, WIDTH>(v), sums<N / 2, WIDTH>(v + N / 2));
}

}  // namespace
}  // namespace merrow
