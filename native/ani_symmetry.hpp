// SPDX-License-Identifier: MIT
// What are the AEVs of a conformer, and the forces of a gradient by them?
// Included once for each instruction set by ani_kernel.cpp, all of it in an anonymous namespace.
#pragma once

#include <math.h>
#include <string.h>

#include "ani_geometry.hpp"

namespace merrow {
namespace {

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

}  // namespace
}  // namespace merrow
