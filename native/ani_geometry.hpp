// SPDX-License-Identifier: MIT
// Which atoms of a conformer are near each other?
// Included once for each instruction set by ani_kernel.cpp, all of it in an anonymous namespace.
#pragma once

#include <math.h>
#include <string.h>

#include "ani_vector.hpp"
#include "ani_model.hpp"

namespace merrow {
namespace {

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

}  // namespace
}  // namespace merrow
