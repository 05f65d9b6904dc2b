// SPDX-License-Identifier: MIT
// Which waters are near each other, and until when is that true?
//
// A water is a point (between its first site and the middle of its hydrogens) with a reach: no site is
// farther from it however the water turns. Points nearer than cutoff + 2 reach + buffer are partners. The
// list holds until a point has moved by half of the buffer; a change of the box counts against the buffer.
#pragma once

#include "nb_pairs.hpp"

namespace merrow::nb {
namespace {

constexpr double kSlack = 1.0005;   // on the reach: tolerance of constraints, rounding

// The largest distance of a site from the point, and from the first site.
inline double reach_of(const Model& model, const double* positions, double* from_first) {
    double most = 0., bond = 0.;
    for (int m = 0; m < model.n_water; m++) {
        const double *p = positions + size_t(3) * model.water[m], *first = p + 3 * model.site[0];
        double reach[kMostSites] = {}, length[kMostSites] = {};
        for (int d = 0; d < 3; d++) {
            const double c = model.centre * (.5 * (p[3 + d] + p[6 + d]) - first[d]);
            for (int k = 0; k < model.n_sites; k++) {
                const double v = p[3 * model.site[k] + d] - first[d];
                reach[k] += (v - c) * (v - c);
                length[k] += v * v;
            }
        }
        for (int k = 0; k < model.n_sites; k++) {
            most = reach[k] > most ? reach[k] : most;
            bond = length[k] > bond ? length[k] : bond;
        }
    }
    *from_first = kSlack * __builtin_sqrt(bond);
    return kSlack * __builtin_sqrt(most);
}

// Morton's order of the cells of waters, so that waters near in the list are near in space.
inline void sort_waters(const Model& model, Workspace& ws, const double* positions, const Cell& cell) {
    const int n = model.n_water;
    uint32_t* key = reinterpret_cast<uint32_t*>(ws.scratch);
    int32_t *count = ws.scratch + n, bits = 2;
    while ((cell.length[0] + cell.length[1] + cell.length[2]) / 3. / (1 << (bits + 1)) > .3 && bits < 5) bits++;
    const int cells = 1 << (3 * bits);
    memset(count, 0, (cells + 1) * sizeof(int32_t));
    for (int m = 0; m < n; m++) {
        uint32_t code = 0;
        const double* x = positions + 3 * size_t(model.water[m] + model.site[0]);
        double image[3], shift[3];
        image_of(cell, x, image);
        shift_of(cell, image, shift);
        for (int d = 0; d < 3; d++) {
            const double u = (x[d] - shift[d]) / cell.length[d];
            uint32_t c = uint32_t((u < 0. ? 0. : u) * (1 << bits));
            if (c >= 1u << bits) c = (1u << bits) - 1;
            for (int b = 0; b < bits; b++) code |= (c >> b & 1u) << (3 * b + d);
        }
        key[m] = code;
        count[code + 1]++;
    }
    for (int c = 0; c < cells; c++) count[c + 1] += count[c];
    for (int m = 0; m < n; m++) ws.order[count[key[m]]++] = m;
}

enum Positions { kGood, kFar, kNotFinite };

// Positions in, as records in the order of the list, each water in the box by its image of the last
// list. kFar: a record is a micrometre away, where the list must be made again (or all is lost).
inline Positions convert(const Model& model, Workspace& ws, const double* positions, const Cell& cell) {
    double bad = 0.;
    float most = 0.f;
    for (int p = 0; p < model.n_water; p++) {
        const int m = ws.order[p];
        const double* x = positions + size_t(3) * model.water[m];
        double shift[3];
        shift_of(cell, ws.image + size_t(3) * p, shift);
        float* out = ws.sites + size_t(kRecord) * p;
        for (int k = 0; k < model.n_sites; k++)
            for (int d = 0; d < 3; d++) {
                const double v = x[3 * model.site[k] + d] - shift[d];
                const float f = float(v), size = __builtin_fabsf(f);
                bad += v * 0.;
                most = size > most ? size : most;
                out[4 * k + d] = f;
            }
    }
    for (int i = 0; i < model.n_single; i++) {
        double shift[3];
        shift_of(cell, ws.image + size_t(3) * (model.n_water + i), shift);
        for (int d = 0; d < 3; d++) {
            const double v = positions[size_t(3) * model.single[i] + d] - shift[d];
            const float f = float(v), size = __builtin_fabsf(f);
            bad += v * 0.;
            most = size > most ? size : most;
            ws.single_x[3 * i + d] = f;
        }
    }
    return bad != 0. ? kNotFinite : most < 1e3f ? kGood : kFar;
}

// The solute is kept whole: all of it is in the image of its first atom.
inline void set_images(const Model& model, Workspace& ws, const double* positions, const Cell& cell) {
    for (int p = 0; p < model.n_water + model.n_single; p++) {
        const int i = p - model.n_water, leader = i < model.n_solute ? 0 : i;
        const size_t atom = i < 0 ? model.water[ws.order[p]] + model.site[0] : model.single[leader];
        image_of(cell, positions + 3 * atom, ws.image + 3 * size_t(p));
    }
}

inline void centres(const Model& model, const Workspace& ws, int b, Sites& s, Vec* c) {
    uint32_t index[kLanes];
    for (int l = 0; l < kLanes; l++) index[l] = kRecord * (b * kLanes + l);
    read_sites<kMostSites>(ws.sites, index, s);
    const float t = float(model.centre);
    const Vec *v[3] = {s.x, s.y, s.z};
    for (int d = 0; d < 3; d++) c[d] = v[d][0] + t * (.5f * (v[d][1] + v[d][2]) - v[d][0]);
}

// Whether the list is still good for these records. The box may have been stretched along x, y and z; one
// that was tilted otherwise needs a new list.
inline bool list_holds(const Model& model, const Workspace& ws, const Cell& cell) {
    if (!ws.valid) return false;
    const Cell& old = ws.list_cell;
    double shrink = 1., stretch[3];
    for (int d = 0; d < 3; d++) {
        stretch[d] = cell.length[d] / old.length[d];
        shrink = stretch[d] < shrink ? stretch[d] : shrink;
    }
    const double tilted[3] = {cell.yx - stretch[0] * old.yx, cell.zx - stretch[0] * old.zx, cell.zy - stretch[1] * old.zy};
    for (int d = 0; d < 3; d++)
        if (__builtin_fabs(tilted[d]) > 1e-9 * cell.length[0]) return false;
    const double radius = ws.list_radius, needed = radius - model.buffer, spare = radius * shrink - needed;
    if (spare <= 0.) return false;
    const float limit = float(.25 * spare * spare);
    const float reach2 = float(ws.list_reach * ws.list_reach), bond2 = ws.list_reach_o * ws.list_reach_o;
    Vec most{}, widest{}, longest{};
    const float scale[3] = {float(stretch[0]), float(stretch[1]), float(stretch[2])};
    for (int b = 0; b * kLanes < model.n_water; b++) {
        Sites s;
        Vec c[3];
        centres(model, ws, b, s, c);
        const Vec dx = c[0] - scale[0] * load(ws.centre_x + b * kLanes), dy = c[1] - scale[1] * load(ws.centre_y + b * kLanes),
                  dz = c[2] - scale[2] * load(ws.centre_z + b * kLanes);
        Vec r2 = dx * dx + dy * dy + dz * dz;
        if ((b + 1) * kLanes > model.n_water) r2 = select(lanes() < model.n_water - b * kLanes, r2);
        most = r2 > most ? r2 : most;
        for (int k = 0; k < model.n_sites; k++) {   // a water that is not quite rigid may have grown
            auto square = [](Vec x, Vec y, Vec z) { return x * x + y * y + z * z; };
            const Vec reach = square(s.x[k] - c[0], s.y[k] - c[1], s.z[k] - c[2]);
            const Vec bond = square(s.x[k] - s.x[0], s.y[k] - s.y[0], s.z[k] - s.z[0]);
            widest = reach > widest ? reach : widest;
            longest = bond > longest ? bond : longest;
        }
    }
    if (any(most > all(limit)) || any(widest > all(reach2)) || any(longest > all(bond2))) return false;
    for (int i = 0; i < model.n_single; i++) {
        float r2 = 0.f;
        for (int d = 0; d < 3; d++) {
            const float u = ws.single_x[3 * i + d] - scale[d] * ws.single_x[3 * (model.n_single + i) + d];
            r2 += u * u;
        }
        if (r2 > limit) return false;
    }
    return true;
}

inline void build_list(const Model& model, Workspace& ws, const double* positions, const Cell& cell) {
    const Box box = float_box(cell);
    const int n = model.n_water, n_batches = (n + kLanes - 1) / kLanes;
    sort_waters(model, ws, positions, cell);
    set_images(model, ws, positions, cell);
    convert(model, ws, positions, cell);
    memcpy(ws.single_x + 3 * model.n_single, ws.single_x, size_t(3) * model.n_single * sizeof(float));
    double from_first;
    ws.list_reach = reach_of(model, positions, &from_first);
    ws.list_reach_o = float(from_first);
    const double radius = ws.list_radius = model.cutoff + 2. * ws.list_reach + model.buffer;
    const float r2max = float(radius * radius);
    const Distance distance(box, radius);
    const Reciprocal reciprocal(cell);
    const bool tilted = is_tilted(cell);
    float width[3], per_width[3], along[3][3];
    for (int d = 0; d < 3; d++) {
        width[d] = float(reciprocal.width[d]), per_width[d] = float(1. / reciprocal.width[d]);
        for (int e = 0; e < 3; e++) along[d][e] = float(reciprocal.width[d] * reciprocal.row[d][e]);
    }
    // how far kLanes consecutive points reach along each reciprocal vector
    float* bounds = reinterpret_cast<float*>(ws.scratch);   // middle and half width, 6 for each batch
    int32_t *candidates = ws.scratch + 6 * n_batches, n_candidates = 0;
    int32_t *head = candidates + n_batches, *next = head + n, *value = next + size_t(kLanes) * n, n_handed = 0;
    for (int b = 0; b < n_batches; b++) {
        Sites s;
        Vec c[3];
        centres(model, ws, b, s, c);
        const IntVec real = lanes() < n - b * kLanes;
        float* const to[3] = {ws.centre_x, ws.centre_y, ws.centre_z};
        for (int d = 0; d < 3; d++) {
            c[d] = real ? c[d] : all(c[d][0]);
            store(to[d] + b * kLanes, c[d]);
        }
        for (int d = 0; d < 3; d++) {
            const Vec v = c[0] * along[d][0] + c[1] * along[d][1] + c[2] * along[d][2];
            float low = v[0], high = v[0];
            for (int l = 1; l < kLanes; l++) low = v[l] < low ? v[l] : low, high = v[l] > high ? v[l] : high;
            bounds[6 * b + d] = .5f * (low + high);
            bounds[6 * b + 3 + d] = .5f * (high - low) * 1.00001f;
        }
    }
    for (int i = 0; i < n; i++) head[i] = -1;
    int at = 0;
    for (int i = 0; i < n; i++) {
        if (i % kLanes == 0) {   // batches that can be in reach of this batch
            n_candidates = 0;
            const float* own = bounds + 6 * (i / kLanes);
            for (int b = i / kLanes; b < n_batches; b++) {
                float gap2 = 0.f;
                for (int d = 0; d < 3; d++) {
                    float g = (bounds[6 * b + d] - own[d]) * per_width[d];
                    g = __builtin_fabsf(g - ((g + 12582912.f) - 12582912.f)) * width[d] - bounds[6 * b + 3 + d] - own[3 + d];
                    g = g > 0.f ? g : 0.f;
                    if (!tilted) gap2 += g * g;
                    else gap2 = g * g > gap2 ? g * g : gap2;   // the three are not at right angles
                }
                candidates[n_candidates] = b;
                n_candidates += gap2 < r2max;
            }
        }
        if (size_t(at) + 2 * n + 2 * kLanes > ws.capacity) grow_entries(ws, size_t(at) + 4 * n + 4 * kLanes);
        int32_t* list = reinterpret_cast<int32_t*>(ws.entries);
        const int begin = at;
        for (int h = head[i]; h >= 0; h = next[h]) list[at++] = value[h];
        const int own = at;
        const float x = ws.centre_x[i], y = ws.centre_y[i], z = ws.centre_z[i];
        for (int c = 0; c < n_candidates; c++) {
            const int b = candidates[c];
            const Vec dx = load(ws.centre_x + b * kLanes) - x, dy = load(ws.centre_y + b * kLanes) - y, dz = load(ws.centre_z + b * kLanes) - z;
            IntVec near = distance.square(dx, dy, dz) < r2max;
            if (b == i / kLanes) near &= lanes() + b * kLanes > i;
            if (b == n_batches - 1) near &= lanes() + b * kLanes < n;
            at = append(list, at, near, b * kLanes);
        }
        int excess = (at - begin) % kLanes;   // handed on to their partners
        if (excess <= at - own)
            for (; excess; excess--) {
                const int j = list[--at];
                value[n_handed] = i;
                next[n_handed] = head[j];
                head[j] = n_handed++;
            }
        ws.begin[i] = begin;
        ws.end[i] = at;
        for (; (at - begin) % kLanes; at++) list[at] = n;   // the empty record
        for (int k = begin; k < at; k++) list[k] *= kRecord;
    }
    // waters near single atoms
    int near = 0;
    if (model.n_single) {
        const float s2max = float((radius - ws.list_reach) * (radius - ws.list_reach));
        for (int b = 0; b < n_batches; b++) {
            IntVec found{};
            for (int i = 0; i < model.n_single; i++) {
                const float* xi = ws.single_x + 3 * i;
                const Vec dx = load(ws.centre_x + b * kLanes) - xi[0], dy = load(ws.centre_y + b * kLanes) - xi[1],
                          dz = load(ws.centre_z + b * kLanes) - xi[2];
                found |= distance.square(dx, dy, dz) < s2max;
            }
            if (b == n_batches - 1) found &= lanes() + b * kLanes < n;
            near = append(reinterpret_cast<int32_t*>(ws.near), near, found, b * kLanes);
        }
    }
    ws.n_near = near;
    for (int l = 0; l < kLanes; l++) ws.near[near + l] = n;
    for (int k = 0; k < near + kLanes; k++) ws.near[k] *= kRecord;
    ws.list_cell = cell;
    ws.valid = 1;
    ws.n_lists++;
}

}  // namespace
}  // namespace merrow::nb
