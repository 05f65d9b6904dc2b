// SPDX-License-Identifier: MIT
// What are the ANI energy and forces of these conformers? Compiled once for each instruction set.
//
// MLMM_ISA (baseline, avx2, avx512) and MLMM_LANES (floats in a vector) are given by the build.
// Everything but the one exported Kernel is in an anonymous namespace, and no C++ library template
// is used: see ani_model.hpp for why. Reference: Smith et al., 10.1039/C6SC05720A.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "ani_model.hpp"

#define MLMM_JOIN2(a, b) a##b
#define MLMM_JOIN(a, b) MLMM_JOIN2(a, b)
#define MLMM_TEXT2(a) #a
#define MLMM_TEXT(a) MLMM_TEXT2(a)

namespace mlmm {
namespace {

constexpr int kLanes = MLMM_LANES;
constexpr int kRowChunk = 96;      // rows whose activations stay in the L2 cache with the weights
constexpr int kBlockAtoms = 768;   // conformers are taken together until they have this many atoms

// ---------------------------------------------------------------------------------------- vectors

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

// --------------------------------------------------------------------------------------- geometry

struct Cutoff { float value, slope; };

// cos^2(pi r / 2Rc) equals the usual (1 + cos(pi r / Rc)) / 2 but does not cancel near Rc.
inline Cutoff cutoff_function(double r, double cutoff) {
    const double k = 0.5 * M_PI / cutoff, c = ::cos(k * r), s = ::sin(k * r);
    return {float(c * c), float(-2 * k * c * s)};
}

// A double in two floats. The narrow Gaussians turn an error of r, 6e-8 of it, into one ten times
// larger; d = (r - shift) + rest has none, as the first difference is exact where it matters.
struct Distance { float r, rest; };

inline Distance split(double r) { return {float(r), float(r - double(float(r)))}; }
inline Vec minus(Distance x, const float* shift) { return (x.r - load(shift)) + x.rest; }

struct Pair {            // i < j within the radial cutoff
    int i, j;
    double r, u[3];      // distance and unit vector from i to j
    Cutoff cutoff;
};

struct Neighbour {       // of some atom, within the angular cutoff
    int atom;
    double r, u[3];
    Cutoff cutoff;
};

struct Geometry {
    Pair* pairs;               // all conformers of the block, one after the other
    size_t* pair_begin;        // (conformer + 1)
    Neighbour* neighbours;
    size_t* neighbour_begin;   // (conformer, atom) + 1
};

Pair* find_pairs(const Model& model, const double* x, Pair* out) {
    const double cutoff = model.functions.radial_cutoff;
    for (int i = 0; i < model.n_atoms; i++)
        for (int j = i + 1; j < model.n_atoms; j++) {
            const double d[3] = {x[3 * j] - x[3 * i], x[3 * j + 1] - x[3 * i + 1], x[3 * j + 2] - x[3 * i + 2]};
            const double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            if (r2 >= cutoff * cutoff) continue;   // a NaN goes on, to be seen in the energy
            const double r = ::sqrt(r2);
            *out++ = {i, j, r, {d[0] / r, d[1] / r, d[2] / r}, cutoff_function(r, cutoff)};
        }
    return out;
}

inline bool is_angular(const Model& model, const Pair& pair) {
    return !(pair.r >= model.functions.angular_cutoff);
}

// Fills the neighbours of every atom of one conformer; begin[n_atoms] is the end of the last list.
void list_neighbours(const Model& model, const Pair* first, const Pair* last, Neighbour* all, size_t* begin) {
    const int n = model.n_atoms;
    const size_t start = begin[0];
    for (int i = 0; i < n; i++) begin[i + 1] = 0;
    for (const Pair* p = first; p < last; p++)
        if (is_angular(model, *p)) begin[p->i + 1]++, begin[p->j + 1]++;
    for (int i = 0; i < n; i++) begin[i + 1] += begin[i];
    // begin[i] is now the place of the next neighbour of i, and at the end the begin of i + 1.
    for (const Pair* p = first; p < last; p++) {
        if (!is_angular(model, *p)) continue;
        const Cutoff f = cutoff_function(p->r, model.functions.angular_cutoff);
        all[begin[p->i]++] = {p->j, p->r, {p->u[0], p->u[1], p->u[2]}, f};
        all[begin[p->j]++] = {p->i, p->r, {-p->u[0], -p->u[1], -p->u[2]}, f};
    }
    for (int i = n; i > 0; i--) begin[i] = begin[i - 1];
    begin[0] = start;
}

Geometry build_geometry(const Model& model, Workspace& workspace, int n_conformers, const double* positions) {
    const size_t n = model.n_atoms, most = n_conformers * (n * (n - 1) / 2) + 1;
    Geometry g;   // room for every pair is asked for; pages that stay empty cost nothing
    g.pairs = static_cast<Pair*>(reserve(workspace, kPairs, most * sizeof(Pair)));
    g.neighbours = static_cast<Neighbour*>(reserve(workspace, kNeighbours, 2 * most * sizeof(Neighbour)));
    g.pair_begin = static_cast<size_t*>(reserve(workspace, kPairBegin, (n_conformers + 1) * sizeof(size_t)));
    g.neighbour_begin = static_cast<size_t*>(
        reserve(workspace, kNeighbourBegin, (n_conformers * n + 1) * sizeof(size_t)));
    g.pair_begin[0] = g.neighbour_begin[0] = 0;
    for (int c = 0; c < n_conformers; c++) {
        Pair* first = g.pairs + g.pair_begin[c];
        Pair* last = find_pairs(model, positions + 3 * n * c, first);
        g.pair_begin[c + 1] = last - g.pairs;
        list_neighbours(model, first, last, g.neighbours, g.neighbour_begin + n * c);
    }
    return g;
}

// ---------------------------------------------------------------------------- symmetry functions

// AEVs, or energy gradients with respect to them: for each species rows (conformer, rank).
struct Rows {
    float** of_species;
    const Model* model;
    float* row(int conformer, int atom) const {
        const int s = model->species[atom];
        const Network& net = model->networks[s];
        return of_species[s] + size_t(conformer * net.n_atoms + model->rank[atom]) * net.n_columns;
    }
};

inline int radial_offset(const Model& model, int centre, int neighbour) {
    return model.radial_offset[model.species[centre] * model.n_species + model.species[neighbour]];
}

inline int angular_offset(const Model& model, int centre, int a, int b) {
    const int s = model.n_species;
    return model.angular_offset[(model.species[centre] * s + model.species[a]) * s + model.species[b]];
}

void radial_forward(const Model& model, const Geometry& geometry, int conformer, const Rows& aev) {
    const SymmetryFunctions& f = model.functions;
    for (size_t n = geometry.pair_begin[conformer]; n < geometry.pair_begin[conformer + 1]; n++) {
        const Pair& p = geometry.pairs[n];
        float* at_i = aev.row(conformer, p.i) + radial_offset(model, p.i, p.j);
        float* at_j = aev.row(conformer, p.j) + radial_offset(model, p.j, p.i);
        for (int v = 0; v < kRadial; v += kLanes) {
            const Vec d = minus(split(p.r), f.radial_shift + v);
            const Vec term = exp(-f.radial_eta * (d * d)) * (0.25f * p.cutoff.value);
            store(at_i + v, load(at_i + v) + term);
            store(at_j + v, load(at_j + v) + term);
        }
    }
}

// Returns dE/dr of one pair, given the energy gradients of the rows of its two atoms.
float radial_backward(const Model& model, const Pair& p, const float* grad_i, const float* grad_j) {
    const SymmetryFunctions& f = model.functions;
    Vec total = Vec{};
    for (int v = 0; v < kRadial; v += kLanes) {
        const Vec d = minus(split(p.r), f.radial_shift + v);
        const Vec slope = p.cutoff.slope - (2 * f.radial_eta * p.cutoff.value) * d;
        total += (load(grad_i + v) + load(grad_j + v)) * exp(-f.radial_eta * (d * d)) * slope;
    }
    return 0.25f * sum(total);
}

// The angular terms of two neighbours a, b around an atom, without their cutoff functions, are
// 2 ((1 + cos(theta - theta_s)) / 2)^zeta exp(-eta (r - r_s)^2), with cos(theta) = 0.95 u_a . u_b
// (which keeps theta away from 0 and pi) and r the mean of the two distances.
//
// All angles are taken by half: (1 + cos x) / 2 = 1 - sin^2(x/2), and near x = 0, where the terms
// are large, float32 rounding of sin^2(x/2) is harmless; that of 1 + cos x grows with zeta.
struct Angle {
    float cosine, sine;   // of theta / 2
    float inverse_sine;   // of theta
    double cosine_true;   // u_a . u_b
    Distance r;
};

inline Angle make_angle(const Neighbour& a, const Neighbour& b) {
    const double c = a.u[0] * b.u[0] + a.u[1] * b.u[1] + a.u[2] * b.u[2], damped = 0.95 * c;
    const float cosine = float(::sqrt(0.5 + 0.5 * damped)), sine = float(::sqrt(0.5 - 0.5 * damped));
    return {cosine, sine, 0.5f / (cosine * sine), c, split(0.5 * (a.r + b.r))};
}

// The sections repeat along the terms: vectors beyond the first of these are copies.
inline int section_vectors(const SymmetryFunctions& f) {
    return f.n_sections > kLanes ? f.n_sections / kLanes : 1;
}

struct Section { Vec log_power, slope; };   // ln 2((1 + cos x)/2)^zeta, its derivative by cos theta

inline Section make_section(const SymmetryFunctions& f, const Angle& angle, int v) {
    const Vec cs = load(f.half_section_cos + v), sn = load(f.half_section_sin + v);
    const Vec sine = angle.sine * cs - angle.cosine * sn, cosine = angle.cosine * cs + angle.sine * sn;
    const Vec square = sine * sine, rest = 1.f - square, inverse = 1.f / rest;
    const Vec log_rest = log(rest) - ((rest - 1.f) + square) * inverse;   // log1p(-square)
    return {f.zeta * log_rest + 0.693147180559945f,
            (f.zeta * angle.inverse_sine) * (sine * cosine * inverse)};
}

void angular_forward(const Model& model, const Geometry& geometry, int conformer, int atom, const Rows& aev) {
    const SymmetryFunctions& f = model.functions;
    const size_t* begin = geometry.neighbour_begin + size_t(conformer) * model.n_atoms + atom;
    const Neighbour *first = geometry.neighbours + begin[0], *last = geometry.neighbours + begin[1];
    float* row = aev.row(conformer, atom);
    const int n_sections = section_vectors(f);
    for (const Neighbour* a = first; a < last; a++)
        for (const Neighbour* b = a + 1; b < last; b++) {
            const Angle angle = make_angle(*a, *b);
            const float cutoffs = a->cutoff.value * b->cutoff.value;
            float* out = row + angular_offset(model, atom, a->atom, b->atom);
            Vec log_power[kAngular / kLanes];
            for (int s = 0; s < n_sections; s++) log_power[s] = make_section(f, angle, s * kLanes).log_power;
            for (int v = 0; v < kAngular / kLanes; v++) {
                const Vec d = minus(angle.r, f.angular_shift + v * kLanes);
                const Vec term = exp(log_power[v % n_sections] - f.angular_eta * (d * d)) * cutoffs;
                store(out + v * kLanes, load(out + v * kLanes) + term);
            }
        }
}

struct AngleGradient { float by_ra, by_rb, by_cosine; };   // the cosine is u_a . u_b

// No division by a cutoff function here: its zero would make 0/0 of a neighbour at the cutoff.
AngleGradient angular_backward(const Model& model, const Neighbour& a, const Neighbour& b,
                               const Angle& angle, const float* grad) {
    const SymmetryFunctions& f = model.functions;
    const int n_sections = section_vectors(f);
    Section section[kAngular / kLanes];
    for (int s = 0; s < n_sections; s++) section[s] = make_section(f, angle, s * kLanes);
    Vec plain = Vec{}, by_mean = Vec{}, by_angle = Vec{};
    for (int v = 0; v < kAngular / kLanes; v++) {
        const Vec d = minus(angle.r, f.angular_shift + v * kLanes);
        const Section& s = section[v % n_sections];
        const Vec term = load(grad + v * kLanes) * exp(s.log_power - f.angular_eta * (d * d));
        plain += term;
        by_mean += term * d;
        by_angle += term * s.slope;
    }
    const float fa = a.cutoff.value, fb = b.cutoff.value, whole = sum(plain);
    const float half = -f.angular_eta * sum(by_mean);   // -2 eta, times dr/dr_a = 1/2
    return {fb * (a.cutoff.slope * whole + fa * half), fa * (b.cutoff.slope * whole + fb * half),
            0.95f * fa * fb * sum(by_angle)};
}

void build_aevs(const Model& model, const Geometry& geometry, int n_conformers, const Rows& aev) {
    for (int c = 0; c < n_conformers; c++) {
        radial_forward(model, geometry, c, aev);
        for (int i = 0; i < model.n_atoms; i++) angular_forward(model, geometry, c, i, aev);
    }
}

// --------------------------------------------------------------------------------------- networks

// C[rows, NV vectors] = A[rows, depth] B, or += where `add`; the sum over depth has one order
// whatever the tile, so that a batch gives the bits of its single conformers.
template <int ROWS, int NV>
inline void multiply_tile(int depth, const float* a, int lda, const float* b, float* c, int ldc, bool add) {
    Vec total[ROWS][NV] = {};
    const size_t panel = size_t(depth) * kLanes;
    for (int k = 0; k < depth; k++) {
        Vec column[NV];
        for (int v = 0; v < NV; v++) column[v] = load(b + v * panel + size_t(k) * kLanes);
#pragma GCC unroll 12
        for (int i = 0; i < ROWS; i++) {
            const Vec x = broadcast(a[size_t(i) * lda + k]);
            for (int v = 0; v < NV; v++) total[i][v] += x * column[v];
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int v = 0; v < NV; v++) {
            float* out = c + size_t(i) * ldc + v * kLanes;
            store(out, add ? load(out) + total[i][v] : total[i][v]);
        }
}

template <int ROWS, int NV>
void multiply_rows(int rows, int depth, const float* a, int lda, const float* b, float* c, int ldc, bool add) {
    while (rows >= ROWS) {
        multiply_tile<ROWS, NV>(depth, a, lda, b, c, ldc, add);
        a += size_t(ROWS) * lda, c += size_t(ROWS) * ldc, rows -= ROWS;
    }
    if constexpr (ROWS > 1)
        if (rows > 0) multiply_rows<ROWS - 1, NV>(rows, depth, a, lda, b, c, ldc, add);
}

// Few rows: wide tiles, to have enough independent sums. Many: tall ones, to reuse B. The tiles
// fill the register file: 32 registers with AVX-512, 16 else.
constexpr int kTall = kLanes == 16 ? 12 : 6, kWide = kLanes == 16 ? 6 : 3;

void multiply(int rows, int width, int depth, const float* a, const float* b, float* c, bool add) {
    const bool wide = rows <= kWide;
    int v = 0;
    const int n_vectors = width / kLanes;
    const size_t panel = size_t(depth) * kLanes;
    if (wide)
        for (; v + 4 <= n_vectors; v += 4)
            multiply_rows<kWide, 4>(rows, depth, a, depth, b + v * panel, c + v * kLanes, width, add);
    for (; v + 2 <= n_vectors; v += 2)
        multiply_rows<kTall, 2>(rows, depth, a, depth, b + v * panel, c + v * kLanes, width, add);
    if (v < n_vectors)
        multiply_rows<kTall, 1>(rows, depth, a, depth, b + v * panel, c + v * kLanes, width, add);
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
        first[l] = from_a ? l : kLanes + l - HALF;
        second[l] = from_a ? l + HALF : kLanes + l;
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

// C[rows, width] (+)= A[rows, depth] B', where B holds (depth / lanes) panels of `width` rows: the
// backward pass with the panels of the forward pass.
template <int ROWS>
inline void multiply_transposed_tile(int width, int depth, const float* a, const float* b, float* c, bool add) {
    constexpr int kSums = kLanes == 16 ? 8 : 4;   // with 3 rows these sums fill the register file
    const size_t panel = size_t(width) * kLanes;
    for (int k = 0; k < width; k += kLanes) {
        Vec part[ROWS][kLanes / kSums];
        for (int q = 0; q < kLanes / kSums; q++) {
            Vec total[ROWS][kSums] = {};
            const float* row = b + size_t(k + q * kSums) * kLanes;
            for (int n = 0; n < depth; n += kLanes, row += panel) {
                Vec x[ROWS];
                for (int i = 0; i < ROWS; i++) x[i] = load(a + size_t(i) * depth + n);
#pragma GCC unroll 8
                for (int s = 0; s < kSums; s++)
                    for (int i = 0; i < ROWS; i++) total[i][s] += x[i] * load(row + s * kLanes);
            }
            for (int i = 0; i < ROWS; i++) part[i][q] = sums<kSums>(total[i]);
        }
        for (int i = 0; i < ROWS; i++) {
            const Vec result = sums<kLanes / kSums, kSums>(part[i]);
            float* out = c + size_t(i) * width + k;
            store(out, add ? load(out) + result : result);
        }
    }
}

void multiply_transposed(int rows, int width, int depth, const float* a, const float* b, float* c, bool add) {
    for (; rows >= 3; rows -= 3, a += 3 * size_t(depth), c += 3 * size_t(width))
        multiply_transposed_tile<3>(width, depth, a, b, c, add);
    if (rows == 2) multiply_transposed_tile<2>(width, depth, a, b, c, add);
    if (rows == 1) multiply_transposed_tile<1>(width, depth, a, b, c, add);
}

// One layer backwards. Reading weights from memory is what few rows wait for: they take the copy
// of the forward pass, which is still in the cache, and pay with slower arithmetic.
void multiply_backward(const Layer& layer, int member, int rows, const float* a, float* c, bool add) {
    const size_t weights = member * size_t(layer.n_in) * layer.n_out;
    if (rows < kTall) multiply_transposed(rows, layer.n_in, layer.n_out, a, layer.forward + weights, c, add);
    else multiply(rows, layer.n_in, layer.n_out, a, layer.backward + weights, c, add);
}

// celu with alpha = 0.1, in place
void add_bias_and_activate(int rows, int width, const float* bias, float* y) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < width; j += kLanes) {
            float* p = y + size_t(i) * width + j;
            const Vec x = load(p) + load(bias + j), zero = Vec{};
            store(p, x > zero ? x : 0.1f * (exp(10.f * (x > zero ? zero : x)) - 1.f));
        }
}

// The slope of celu from its value: exp(x / alpha) = celu / alpha + 1 below zero.
inline Vec activation_slope(Vec y) { return y > Vec{} ? broadcast(1.f) : 10.f * y + 1.f; }

struct Activations {
    float* layer[kMaxHidden];
    float *gradient, *other_gradient;
};

void network_forward(const Network& net, int member, int rows, const float* aev, const Activations& act) {
    const float* in = aev;
    for (int l = 0; l < net.n_hidden; l++) {
        const Layer& layer = net.hidden[l];
        const size_t weights = size_t(layer.n_in) * layer.n_out;
        multiply(rows, layer.n_out, layer.n_in, in, layer.forward + member * weights, act.layer[l], false);
        add_bias_and_activate(rows, layer.n_out, layer.bias + size_t(member) * layer.n_out, act.layer[l]);
        in = act.layer[l];
    }
}

// Energies of atoms, and the gradient by what went into the last activation.
void output_layer(const Network& net, int member, int rows, const Activations& act, double* atom_energy) {
    const int width = net.hidden[net.n_hidden - 1].n_out;
    const float* weights = net.last + size_t(member) * width;
    for (int i = 0; i < rows; i++) {
        const float* y = act.layer[net.n_hidden - 1] + size_t(i) * width;
        Vec total = Vec{};
        for (int j = 0; j < width; j += kLanes) {
            const Vec w = load(weights + j), value = load(y + j);
            total += w * value;
            store(act.gradient + size_t(i) * width + j, w * activation_slope(value));
        }
        atom_energy[i] = double(sum(total)) + net.last_bias[member];
    }
}

void network_backward(const Network& net, int member, int rows, Activations act, float* aev_gradient) {
    for (int l = net.n_hidden - 1; l > 0; l--) {
        const Layer& layer = net.hidden[l];
        const size_t size = size_t(rows) * layer.n_in;
        multiply_backward(layer, member, rows, act.gradient, act.other_gradient, false);
        for (size_t i = 0; i < size; i += kLanes)
            store(act.other_gradient + i,
                  load(act.other_gradient + i) * activation_slope(load(act.layer[l - 1] + i)));
        float* swap = act.gradient;
        act.gradient = act.other_gradient, act.other_gradient = swap;
    }
    multiply_backward(net.hidden[0], member, rows, act.gradient, aev_gradient, true);
}

// Adds to the energies (conformer, member) and to the AEV gradients, summed over members.
void run_networks(const Model& model, Workspace& workspace, int n_conformers, const Rows& aev,
                  const Rows& gradient, double* member_energies) {
    const size_t size = size_t(kRowChunk) * model.widest;
    float* memory = static_cast<float*>(
        reserve(workspace, kActivations, (model.deepest + 2) * size * sizeof(float)));
    Activations act;
    for (int l = 0; l < model.deepest; l++) act.layer[l] = memory + l * size;
    act.gradient = memory + model.deepest * size;
    act.other_gradient = act.gradient + size;
    double atom_energy[kRowChunk];
    for (int s = 0; s < model.n_species; s++) {
        const Network& net = model.networks[s];
        const int n_rows = n_conformers * net.n_atoms;
        for (int m = 0; m < model.n_members; m++)
            for (int begin = 0; begin < n_rows; begin += kRowChunk) {
                const int rows = n_rows - begin < kRowChunk ? n_rows - begin : kRowChunk;
                const size_t at = size_t(begin) * net.n_columns;
                network_forward(net, m, rows, aev.of_species[s] + at, act);
                output_layer(net, m, rows, act, atom_energy);
                network_backward(net, m, rows, act, gradient.of_species[s] + at);
                for (int i = 0; i < rows; i++)
                    member_energies[size_t((begin + i) / net.n_atoms) * model.n_members + m] += atom_energy[i];
            }
    }
}

// ----------------------------------------------------------------------------------------- forces

void add_radial_forces(const Model& model, const Geometry& geometry, int c, const Rows& gradient, double* forces) {
    for (size_t n = geometry.pair_begin[c]; n < geometry.pair_begin[c + 1]; n++) {
        const Pair& p = geometry.pairs[n];
        const float slope = radial_backward(model, p, gradient.row(c, p.i) + radial_offset(model, p.i, p.j),
                                            gradient.row(c, p.j) + radial_offset(model, p.j, p.i));
        for (int k = 0; k < 3; k++) {
            const double f = double(slope) * p.u[k];
            forces[3 * p.i + k] += f;
            forces[3 * p.j + k] -= f;
        }
    }
}

void add_angular_forces(const Model& model, const Geometry& geometry, int c, int atom, const Rows& gradient,
                        double* forces) {
    const size_t* begin = geometry.neighbour_begin + size_t(c) * model.n_atoms + atom;
    const Neighbour *first = geometry.neighbours + begin[0], *last = geometry.neighbours + begin[1];
    const float* row = gradient.row(c, atom);
    for (const Neighbour* a = first; a < last; a++)
        for (const Neighbour* b = a + 1; b < last; b++) {
            const Angle angle = make_angle(*a, *b);
            const AngleGradient g = angular_backward(model, *a, *b, angle,
                                                     row + angular_offset(model, atom, a->atom, b->atom));
            for (int k = 0; k < 3; k++) {   // d(u_a . u_b)/dx_a = (u_b - cos u_a) / r_a
                const double fa = double(g.by_ra) * a->u[k] +
                                  double(g.by_cosine) * (b->u[k] - angle.cosine_true * a->u[k]) / a->r;
                const double fb = double(g.by_rb) * b->u[k] +
                                  double(g.by_cosine) * (a->u[k] - angle.cosine_true * b->u[k]) / b->r;
                forces[3 * a->atom + k] -= fa;
                forces[3 * b->atom + k] -= fb;
                forces[3 * atom + k] += fa + fb;
            }
        }
}

void assemble_forces(const Model& model, const Geometry& geometry, int n_conformers, const Rows& gradient,
                     double* forces) {
    const size_t size = size_t(3) * model.n_atoms;
    memset(forces, 0, n_conformers * size * sizeof(double));
    for (int c = 0; c < n_conformers; c++) {
        add_radial_forces(model, geometry, c, gradient, forces + c * size);
        for (int i = 0; i < model.n_atoms; i++)
            add_angular_forces(model, geometry, c, i, gradient, forces + c * size);
    }
    for (size_t i = 0; i < n_conformers * size; i++) forces[i] /= model.n_members;   // ensemble mean
}

// --------------------------------------------------------------------------------------- the whole

Rows zero_rows(const Model& model, Workspace& workspace, Slot slot, int n_conformers, float** of_species) {
    size_t size = 0;
    for (int s = 0; s < model.n_species; s++)
        size += size_t(n_conformers) * model.networks[s].n_atoms * model.networks[s].n_columns;
    float* p = static_cast<float*>(reserve(workspace, slot, (size + 1) * sizeof(float)));
    memset(p, 0, size * sizeof(float));
    for (int s = 0; s < model.n_species; s++) {
        of_species[s] = p;
        p += size_t(n_conformers) * model.networks[s].n_atoms * model.networks[s].n_columns;
    }
    return {of_species, &model};
}

void evaluate_block(const Model& model, Workspace& workspace, int n_conformers, const double* positions,
                    double* member_energies, double* forces) {
    float** rows = static_cast<float**>(reserve(workspace, kRows, 2 * model.n_species * sizeof(float*)));
    const Geometry geometry = build_geometry(model, workspace, n_conformers, positions);
    const Rows aev = zero_rows(model, workspace, kAev, n_conformers, rows);
    const Rows gradient = zero_rows(model, workspace, kAevGradient, n_conformers, rows + model.n_species);
    for (int i = 0; i < n_conformers * model.n_members; i++) member_energies[i] = model.self_energy;
    build_aevs(model, geometry, n_conformers, aev);
    run_networks(model, workspace, n_conformers, aev, gradient, member_energies);
    assemble_forces(model, geometry, n_conformers, gradient, forces);
}

void evaluate(const Model& model, Workspace& workspace, int n_conformers, const double* positions,
              double* member_energies, double* forces) {
    const int block = model.n_atoms < kBlockAtoms ? kBlockAtoms / model.n_atoms : 1;
    for (int c = 0; c < n_conformers; c += block) {
        const int n = n_conformers - c < block ? n_conformers - c : block;
        const size_t at = size_t(3) * model.n_atoms * c;
        evaluate_block(model, workspace, n, positions + at, member_energies + size_t(c) * model.n_members,
                       forces + at);
    }
}

}  // namespace

extern const Kernel MLMM_JOIN(kernel_, MLMM_ISA);
const Kernel MLMM_JOIN(kernel_, MLMM_ISA) = {MLMM_TEXT(MLMM_ISA), kLanes, evaluate};

}  // namespace mlmm
