// SPDX-License-Identifier: MIT
// How do waters and single atoms move in one step? Compiled once for each instruction set.
//
// MERROW_ISA and MERROW_LANES are given by the build, as for nb_kernel.cpp, whose remarks hold here
// too. Langevin dynamics by the middle scheme (Zhang et al., 10.1021/acs.jpca.9b02771) in the order of
// OpenMM's LangevinMiddleIntegrator; waters are kept rigid by SETTLE (10.1002/jcc.540130805).

#include "loop_random.hpp"
#include "loop_vector.hpp"

#define MERROW_JOIN2(a, b) a##b
#define MERROW_JOIN(a, b) MERROW_JOIN2(a, b)
#define MERROW_TEXT2(a) #a
#define MERROW_TEXT(a) MERROW_TEXT2(a)

namespace merrow::loop {
namespace {

constexpr double kPi = 3.14159265358979323846, kLogTwo = .69314718055994530942;

// ln((n + 1/2) / 2^32): the mantissa m in [1/sqrt 2, sqrt 2) by the series of artanh((m - 1)/(m + 1)).
LOOP_INLINE Wide log_of_part(Bits n) {
    const Wide u = (doubles(n) + .5) * 0x1p-32;
    Bits bits;
    memcpy(&bits, &u, sizeof bits);
    constexpr uint64_t kRootHalf = 0x3fe6a09e667f3bcdu, kOne = 0x3ff0000000000000u;   // the bits of both
    const Bits exponent = (bits + (kOne - kRootHalf)) >> 52;   // 1023 more than that of u / m
    bits -= (exponent << 52) - kOne;
    Wide m;
    memcpy(&m, &bits, sizeof m);
    const Wide s = (m - 1.) / (m + 1.), s2 = s * s;
    Wide series = all(1. / 17.);
    for (int k = 15; k > 0; k -= 2) series = series * s2 + 1. / k;
    return (doubles(exponent) - 1023.) * kLogTwo + 2. * s * series;
}

// Sine and cosine of 2 pi (n + 1/2) / 2^32: the first two bits are the quadrant, the rest an angle of
// at most pi/4, by the series.
LOOP_INLINE void circle(Bits n, Wide* sine, Wide* cosine) {
    const Wide a = ((doubles(n & 0x3fffffffu) + .5) * 0x1p-30 - .5) * (.5 * kPi), a2 = a * a;
    Wide s = all(1.), c = all(1.);
    for (int k = 14; k > 1; k -= 2) s = 1. - s * a2 * (1. / (k * (k + 1))), c = 1. - c * a2 * (1. / (k * (k - 1)));
    s *= a;
    const WideInt swap = (WideInt)(n & 0x40000000u) != 0, flip = (WideInt)(n & 0x80000000u) != 0;
    const Wide x = swap ? -s : c, y = swap ? c : s;
    *cosine = flip ? -x : x;
    *sine = flip ? -y : y;
}

void normals(const uint32_t* key, uint64_t step, int n, double* out) {
    Bits lane{};
    for (int l = 0; l < kWide; l++) lane[l] = l;
    for (int b = 0; b < n; b += kWide) {
        Bits c[4] = {lane + uint64_t(b), (step & 0xffffffffu) + Bits{}, (step >> 32) + Bits{}, uint64_t(kMotion) + Bits{}};
        philox(c, key, [](Bits x, Bits y) __attribute__((always_inline)) { return times(x, y); });
        for (int k = 0; k < 2; k++) {   // Box and Muller
            const Wide r = root(-2. * log_of_part(c[2 * k]));
            Wide sine, cosine;
            circle(c[2 * k + 1], &sine, &cosine);
            const Wide x = r * cosine, y = r * sine;
            memcpy(out + size_t(2 * k) * n + b, &x, sizeof x);
            memcpy(out + size_t(2 * k + 1) * n + b, &y, sizeof y);
        }
    }
}

struct Triple { Wide x, y, z; };
LOOP_INLINE Triple operator+(Triple a, Triple b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
LOOP_INLINE Triple operator-(Triple a, Triple b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
LOOP_INLINE Triple operator*(Triple a, Wide s) { return {a.x * s, a.y * s, a.z * s}; }
LOOP_INLINE Triple operator*(Triple a, double s) { return {a.x * s, a.y * s, a.z * s}; }
LOOP_INLINE Wide dot(Triple a, Triple b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
LOOP_INLINE Triple cross(Triple a, Triple b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
LOOP_INLINE Triple unit(Triple a) { return a * (1. / root(dot(a, a))); }

struct Waters { Triple site[3]; };   // kWide of them: O, H, H

// Moved positions of waters that were rigid at `old`, brought back to their shape. Names as in the
// article: 1 moved, 2 turned by phi and psi in the frame of the moved plane, 3 turned by theta.
LOOP_INLINE void settle(const RigidWater& w, const Waters& old, Waters& now) {
    const Triple b0 = old.site[1] - old.site[0], c0 = old.site[2] - old.site[0];
    const Triple middle = now.site[0] * w.part_o + (now.site[1] + now.site[2]) * w.part_h;
    const Triple a1 = now.site[0] - middle, b1 = now.site[1] - middle, c1 = now.site[2] - middle;
    const Triple across = cross(b0, c0), along = cross(a1, across);
    const Triple ez = unit(across), ex = unit(along), ey = cross(ez, ex);
    const Wide xb0 = dot(ex, b0), yb0 = dot(ey, b0), xc0 = dot(ex, c0), yc0 = dot(ey, c0);
    const Wide za = dot(ez, a1), xb1 = dot(ex, b1), yb1 = dot(ey, b1), zb = dot(ez, b1);
    const Wide xc1 = dot(ex, c1), yc1 = dot(ey, c1), zc = dot(ez, c1);
    const Wide sin_phi = za * (1. / w.above), cos_phi = root(1. - sin_phi * sin_phi);
    const Wide sin_psi = (zb - zc) / (2. * w.half * cos_phi), cos_psi = root(1. - sin_psi * sin_psi);
    const Wide ya2 = w.above * cos_phi, xb2 = -w.half * cos_psi, tilt = w.half * sin_psi * sin_phi;
    const Wide yb2 = -w.below * cos_phi - tilt, yc2 = -w.below * cos_phi + tilt;
    const Wide alpha = xb2 * (xb0 - xc0) + yb0 * yb2 + yc0 * yc2, beta = xb2 * (yc0 - yb0) + xb0 * yb2 + xc0 * yc2;
    const Wide gamma = xb0 * yb1 - xb1 * yb0 + xc0 * yc1 - xc1 * yc0, square = alpha * alpha + beta * beta;
    const Wide sin_t = (alpha * gamma - beta * root(square - gamma * gamma)) / square, cos_t = root(1. - sin_t * sin_t);
    const auto back = [&](Wide x, Wide y, Wide z) __attribute__((always_inline)) {
        return middle + ex * (x * cos_t - y * sin_t) + ey * (x * sin_t + y * cos_t) + ez * z;
    };
    now.site[0] = back(Wide{}, ya2, za);
    now.site[1] = back(xb2, yb2, zb);
    now.site[2] = back(-xb2, yc2, zc);
}

// Velocities without a part along the three sides.
LOOP_INLINE void settle_velocities(const RigidWater& w, const Waters& x, Waters& v) {
    const Triple side[3] = {(x.site[1] - x.site[0]) * w.per_oh, (x.site[2] - x.site[0]) * w.per_oh,
                            (x.site[2] - x.site[1]) * w.per_hh};
    const Wide speed[3] = {dot(side[0], v.site[1] - v.site[0]), dot(side[1], v.site[2] - v.site[0]),
                           dot(side[2], v.site[2] - v.site[1])};
    Triple impulse[3];
    for (int i = 0; i < 3; i++) {
        const double* row = w.inverse + 3 * i;
        impulse[i] = side[i] * (row[0] * speed[0] + row[1] * speed[1] + row[2] * speed[2]);
    }
    v.site[0] = v.site[0] + (impulse[0] + impulse[1]) * w.per_mass_o;
    v.site[1] = v.site[1] + (impulse[2] - impulse[0]) * w.per_mass_h;
    v.site[2] = v.site[2] - (impulse[1] + impulse[2]) * w.per_mass_h;
}

// Lanes of atoms to vectors and back; where there are fewer waters than lanes the last one is repeated.
LOOP_INLINE void read(const double* values, const size_t* at, Waters& out) {
    double lanes[9][kWide];
    for (int l = 0; l < kWide; l++)
        for (int k = 0; k < 9; k++) lanes[k][l] = values[at[l] + k];
    memcpy(&out, lanes, sizeof lanes);
}

LOOP_INLINE void write(const Waters& from, const size_t* at, int n, double* values) {
    double lanes[9][kWide];
    memcpy(lanes, &from, sizeof lanes);
    for (int l = 0; l < n; l++)
        for (int k = 0; k < 9; k++) values[at[l] + k] = lanes[k][l];
}

void advance(const Model& model, const double* forces, const double* normals, double* x, double* v) {
    const RigidWater& w = model.rigid;
    const double half = .5 * model.dt;
    const double push[3] = {model.dt * w.per_mass_o, model.dt * w.per_mass_h, model.dt * w.per_mass_h};
    const double kick_o = model.kick * __builtin_sqrt(w.per_mass_o), kick_h = model.kick * __builtin_sqrt(w.per_mass_h);
    const double kick[3] = {kick_o, kick_h, kick_h};
    for (int m = 0; m < model.n_water; m += kWide) {
        const int n = model.n_water - m < kWide ? model.n_water - m : kWide;
        size_t at[kWide];
        for (int l = 0; l < kWide; l++) at[l] = size_t(3) * model.water[m + (l < n ? l : n - 1)];
        Waters old, speed, force, noise;
        read(x, at, old), read(v, at, speed), read(forces, at, force), read(normals, at, noise);
        for (int k = 0; k < 3; k++) speed.site[k] = speed.site[k] + force.site[k] * push[k];
        settle_velocities(w, old, speed);
        Waters now;
        for (int k = 0; k < 3; k++) {
            const Triple turned = speed.site[k] * model.keep + noise.site[k] * kick[k];
            now.site[k] = old.site[k] + (speed.site[k] + turned) * half;
            speed.site[k] = turned;
        }
        const Waters free = now;
        settle(w, old, now);
        for (int k = 0; k < 3; k++) speed.site[k] = speed.site[k] + (now.site[k] - free.site[k]) * (1. / model.dt);
        write(now, at, n, x), write(speed, at, n, v);
    }
    for (int i = 0; i < model.n_single; i++) {
        const size_t at = size_t(3) * model.single[i];
        const double push_i = model.dt * model.per_mass[i], kick_i = model.kick * __builtin_sqrt(model.per_mass[i]);
        for (size_t k = at; k < at + 3; k++) {
            const double before = v[k] + push_i * forces[k];
            v[k] = model.keep * before + kick_i * normals[k];
            x[k] += half * (before + v[k]);
        }
    }
}

}  // namespace

extern const Kernel MERROW_JOIN(kernel_, MERROW_ISA);
const Kernel MERROW_JOIN(kernel_, MERROW_ISA) = {MERROW_TEXT(MERROW_ISA), normals, advance};

}  // namespace merrow::loop
