// SPDX-License-Identifier: MIT
// What is the discrete Fourier transform of kLanes sequences at once? One lane is one sequence, so a
// butterfly is plain vector arithmetic without a single shuffle (Stockham's self-sorting scheme,
// decimation in frequency, radices 2 to 8). The inverse is the same with real and imaginary exchanged.
#pragma once

#include "nb_model.hpp"
#include "nb_vector.hpp"

namespace merrow::nb {
namespace {

struct Complex { Vec re, im; };
inline Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
inline Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
inline Complex operator*(Complex a, float s) { return {a.re * s, a.im * s}; }
inline Complex turn(Complex a) { return {a.im, -a.re}; }   // times -i
inline Complex rotate(Complex a, float c, float s) { return {a.re * c - a.im * s, a.re * s + a.im * c}; }

// v[k] <- sum over j of v[j] exp(-2 pi i j k / R)
template <int R> inline void butterfly(Complex* v);

template <> inline void butterfly<2>(Complex* v) {
    const Complex a = v[0] + v[1], b = v[0] - v[1];
    v[0] = a, v[1] = b;
}

template <> inline void butterfly<3>(Complex* v) {
    constexpr float s = 0.866025403784438647f;
    const Complex sum = v[1] + v[2], d = turn((v[1] - v[2]) * s), m = {v[0].re - .5f * sum.re, v[0].im - .5f * sum.im};
    v[0] = v[0] + sum;
    v[1] = m + d;
    v[2] = m - d;
}

template <> inline void butterfly<4>(Complex* v) {
    const Complex a = v[0] + v[2], b = v[0] - v[2], c = v[1] + v[3], d = turn(v[1] - v[3]);
    v[0] = a + c, v[1] = b + d, v[2] = a - c, v[3] = b - d;
}

// Odd radices: pairs v[j], v[R-j] meet in cosines and sines.
template <int R> inline void odd_butterfly(Complex* v, const float* c, const float* s) {
    constexpr int H = R / 2;
    Complex even[H], odd[H], total = v[0];
    for (int j = 0; j < H; j++) {
        even[j] = v[j + 1] + v[R - 1 - j];
        odd[j] = v[j + 1] - v[R - 1 - j];
        total = total + even[j];
    }
    for (int k = 1; k <= H; k++) {
        Complex a = v[0], b = {Vec{}, Vec{}};
        for (int j = 0; j < H; j++) {
            const int m = (j + 1) * k % R;
            const float cc = m <= H ? c[m - 1] : c[R - m - 1], ss = m <= H ? s[m - 1] : -s[R - m - 1];
            a = a + even[j] * cc;
            b = b + odd[j] * ss;
        }
        b = turn(b);
        v[k] = a + b;
        v[R - k] = a - b;
    }
    v[0] = total;
}
template <> inline void butterfly<5>(Complex* v) {
    constexpr float c[] = {0.309016994374947424f, -0.809016994374947424f}, s[] = {0.951056516295153572f, 0.587785252292473129f};
    odd_butterfly<5>(v, c, s);
}
template <> inline void butterfly<7>(Complex* v) {
    constexpr float c[] = {0.623489801858733531f, -0.222520933956314404f, -0.900968867902419126f},
                    s[] = {0.781831482468029809f, 0.974927912181823607f, 0.433883739117558120f};
    odd_butterfly<7>(v, c, s);
}

template <> inline void butterfly<6>(Complex* v) {   // 2 x 3
    constexpr float s = 0.866025403784438647f;
    Complex a[3] = {v[0] + v[3], v[1] + v[4], v[2] + v[5]}, b[3] = {v[0] - v[3], v[1] - v[4], v[2] - v[5]};
    b[1] = rotate(b[1], .5f, -s);
    b[2] = rotate(b[2], -.5f, -s);
    butterfly<3>(a);
    butterfly<3>(b);
    for (int k = 0; k < 3; k++) v[2 * k] = a[k], v[2 * k + 1] = b[k];
}

template <> inline void butterfly<8>(Complex* v) {   // 2 x 4
    constexpr float h = 0.707106781186547524f;
    Complex a[4], b[4];
    for (int k = 0; k < 4; k++) a[k] = v[k] + v[k + 4], b[k] = v[k] - v[k + 4];
    b[1] = Complex{b[1].re + b[1].im, b[1].im - b[1].re} * h;
    b[2] = turn(b[2]);
    b[3] = Complex{b[3].im - b[3].re, -(b[3].re + b[3].im)} * h;
    butterfly<4>(a);
    butterfly<4>(b);
    for (int k = 0; k < 4; k++) v[2 * k] = a[k], v[2 * k + 1] = b[k];
}

// One pass: n/s points are left to transform, in runs of s. Points are read from and written to
// vectors that are `step` vectors apart, so the first pass can read a mesh and the last can write one.
template <int R>
inline void pass(int n, int s, const float* twiddle, const float* in_re, const float* in_im, size_t in_step, float* out_re,
                 float* out_im, size_t out_step) {
    const int m = n / s / R;
    for (int p = 0; p < m; p++) {
        const float* w = twiddle + 2 * (R - 1) * p;
        for (int q = 0; q < s; q++) {
            Complex v[R];
            for (int k = 0; k < R; k++) {
                const size_t at = size_t(q + s * (p + k * m)) * in_step;
                v[k] = {load(in_re + at), load(in_im + at)};
            }
            butterfly<R>(v);
            if (p)
                for (int k = 1; k < R; k++) v[k] = rotate(v[k], w[2 * (k - 1)], w[2 * (k - 1) + 1]);
            for (int k = 0; k < R; k++) {
                const size_t at = size_t(q + s * (R * p + k)) * out_step;
                store(out_re + at, v[k].re);
                store(out_im + at, v[k].im);
            }
        }
    }
}

inline void pass_of(int radix, int n, int s, const float* twiddle, const float* in_re, const float* in_im, size_t in_step,
                    float* out_re, float* out_im, size_t out_step) {
    switch (radix) {
        case 2: return pass<2>(n, s, twiddle, in_re, in_im, in_step, out_re, out_im, out_step);
        case 3: return pass<3>(n, s, twiddle, in_re, in_im, in_step, out_re, out_im, out_step);
        case 4: return pass<4>(n, s, twiddle, in_re, in_im, in_step, out_re, out_im, out_step);
        case 5: return pass<5>(n, s, twiddle, in_re, in_im, in_step, out_re, out_im, out_step);
        case 6: return pass<6>(n, s, twiddle, in_re, in_im, in_step, out_re, out_im, out_step);
        case 7: return pass<7>(n, s, twiddle, in_re, in_im, in_step, out_re, out_im, out_step);
        default: return pass<8>(n, s, twiddle, in_re, in_im, in_step, out_re, out_im, out_step);
    }
}

// out[k] = sum over j of in[j] exp(-2 pi i j k / n). Steps are in floats. In and out may be the same
// memory. work: room for 4 n vectors.
inline void transform(const FourierPlan& plan, const float* in_re, const float* in_im, size_t in_step, float* out_re,
                      float* out_im, size_t out_step, float* work) {
    const int n = plan.n;
    float* half[2] = {work, work + size_t(2) * n * kLanes};
    const float* twiddle = plan.twiddle;
    int s = 1;
    for (int i = 0; i < plan.n_radices; i++) {
        const int r = plan.radix[i];
        const bool first = i == 0, last = i == plan.n_radices - 1;
        // a lone pass that works in place reads all of a butterfly before it writes, but not all of n
        const float *re = first ? in_re : half[i % 2], *im = first ? in_im : half[i % 2] + size_t(n) * kLanes;
        float *ore = last ? out_re : half[(i + 1) % 2], *oim = last ? out_im : half[(i + 1) % 2] + size_t(n) * kLanes;
        pass_of(r, n, s, twiddle, re, im, first ? in_step : kLanes, ore, oim, last ? out_step : kLanes);
        twiddle += size_t(2) * (r - 1) * (n / s / r);
        s *= r;
    }
}

}  // namespace
}  // namespace merrow::nb
