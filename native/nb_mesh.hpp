// SPDX-License-Identifier: MIT
// What is the reciprocal part of smooth particle mesh Ewald (Essmann et al., 10.1063/1.470117)?
//
// Charges are spread with B-splines of order 5 on a real mesh [x][y][z]; three batched Fourier
// transforms, the middle of which (along z) multiplies by the influence function and goes straight
// back; forces are gathered. Two rows of the mesh make one complex sequence along x.
//
// Atoms have places on the mesh: batch of kLanes waters, then site, then lane; single atoms follow.
#pragma once

#include "nb_cell.hpp"
#include "nb_fourier.hpp"

namespace merrow::nb {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kMargin = 8;   // of the tables of offsets

inline int batches(int n) { return (n + kLanes - 1) / kLanes; }

inline void spline(Vec w, Vec* value, Vec* slope) {
    Vec t[kOrder];
    t[0] = 1.f - w;
    t[1] = w;
    for (int k = 2; k < kOrder; k++) {
        if (k == kOrder - 1) {   // order kOrder - 1 gives the slope of order kOrder
            slope[0] = -t[0];
            for (int j = 1; j < kOrder - 1; j++) slope[j] = t[j - 1] - t[j];
            slope[kOrder - 1] = t[kOrder - 2];
        }
        const float f = 1.f / k;
        t[k] = f * w * t[k - 1];
        for (int j = 1; j < k; j++) t[k - j] = f * ((w + float(j)) * t[k - j - 1] + (float(k + 1 - j) - w) * t[k - j]);
        t[0] = f * (1.f - w) * t[0];
    }
    for (int j = 0; j < kOrder; j++) value[j] = t[j];
}

// Mesh points per nm along each of its axes.
struct Spacing {
    float per[3][3];
    Spacing(const Model& model, const Cell& cell) {
        const Reciprocal reciprocal(cell);
        for (int d = 0; d < 3; d++)
            for (int e = 0; e < 3; e++) per[d][e] = float(model.grid[d] * reciprocal.row[d][e]);
    }
};

// Splines of kLanes atoms become one record of 16 floats for each: x (5), y (5), charge, z (5).
inline void place_batch(const Model& model, Workspace& ws, const Spacing& spacing, Vec x, Vec y, Vec z, Vec charge, int at) {
    Vec value[16], slope[16];
    constexpr int kAt[3] = {0, 5, 11};
    for (int i = 0; i < 16; i++) value[i] = slope[i] = Vec{};
    for (int d = 0; d < 3; d++) {
        const float n = float(model.grid[d]);
        Vec u = x * spacing.per[d][0] + (y * spacing.per[d][1] + z * spacing.per[d][2]);
        u -= n * nearest(u * (1.f / n) - .5f);       // within the mesh, or on its far border
        const Vec whole = nearest(u - .5f);
        spline(u - whole, value + kAt[d], slope + kAt[d]);
        IntVec cell = __builtin_convertvector(whole, IntVec);
        cell = cell < 0 ? cell + model.grid[d] : cell;
        cell = cell >= model.grid[d] ? cell - model.grid[d] : cell;
        memcpy(ws.cell + size_t(3) * at + d * kLanes, &cell, sizeof cell);
    }
    value[10] = charge;
    for (int g = 0; g < 16; g += kLanes) {
        transpose(value + g);
        transpose(slope + g);
        for (int l = 0; l < kLanes; l++) {
            store(ws.splines + size_t(16) * (at + l) + g, value[g + l]);
            store(ws.slopes + size_t(16) * (at + l) + g, slope[g + l]);
        }
    }
}

NB_INLINE Vec8 row_spline(const float* record) { return first_five(load_as<Vec8>(record + 11)); }

// Calls act(place) for all atoms, neighbours in the list far apart in time: rows of the mesh that were
// just written must not be read again at once.
template <class Act> inline void for_each_place(const Model& model, bool solute_only, Act act) {
    const int water = batches(model.n_water);
    if (!solute_only)
        for (int l = 0; l < kLanes; l++)
            for (int b = 0; b < water; b++)
                if (b * kLanes + l < model.n_water)
                    for (int k = 0; k < kSites; k++) act((b * kSites + k) * kLanes + l);
    const int n = solute_only ? model.n_solute : model.n_single;
    for (int i = 0; i < n; i++) act(water * kSites * kLanes + i);
}

inline int cell_at(const Workspace& ws, int place, int d) {
    return ws.cell[size_t(3) * (place / kLanes * kLanes) + d * kLanes + place % kLanes];
}

inline void spread_places(const Model& model, Workspace& ws, bool solute_only) {
    const int nx = model.grid[0], ny = model.grid[1], nz = model.grid[2], row = ws.row;
    memset(ws.mesh, 0, size_t(nx) * ny * row * sizeof(float));
    for_each_place(model, solute_only, [&](int place) {
        const float* s = ws.splines + size_t(16) * place;
        const Vec8 z = row_spline(s) * s[10];
        const int32_t *xo = ws.x_offset + cell_at(ws, place, 0), *yo = ws.y_offset + cell_at(ws, place, 1);
        float* base = ws.mesh + cell_at(ws, place, 2);
#pragma GCC unroll 8
        for (int a = 0; a < kOrder; a++) {
            const Vec8 xz = z * s[a];
            float* plane = base + xo[a];
#pragma GCC unroll 8
            for (int b = 0; b < kOrder; b++) {
                float* p = plane + yo[b];
                const Vec8 v = load_as<Vec8>(p) + xz * s[5 + b];
                memcpy(p, &v, sizeof v);
            }
        }
    });
    for (int i = 0; i < nx * ny; i++) {   // what went over the end of a row belongs to its beginning
        float* p = ws.mesh + size_t(i) * row;
        for (int k = 0; k < kOrder - 1; k++) p[k] += p[nz + k], p[nz + k] = 0.f;
    }
}

// Influence function / 2, since the transform along x gives twice each row; blocks of kLanes lines
// along z, [block][z][line].
inline void set_influence(const Model& model, Workspace& ws, const Cell& cell) {
    if (!memcmp(&ws.influence_cell, &cell, sizeof cell)) return;
    ws.influence_cell = cell;
    const Reciprocal reciprocal(cell);
    const int nx = model.grid[0], ny = model.grid[1], nz = model.grid[2], lines = (nx / 2 + 1) * ny;
    auto number = [&](int d, int k) { return k <= model.grid[d] / 2 ? k : k - model.grid[d]; };
    auto square = [&](int d, int k) {
        const double m = number(d, k) / reciprocal.width[d];
        return m * m;
    };
    // the last wave of an even number of points stands for m and -m, whose mixed terms cancel
    auto mixed = [&](int d, int k) { return 2 * k == model.grid[d] ? 0. : number(d, k); };
    const double f = kPi * kPi / (model.alpha * model.alpha), scale = .5 / (kPi * volume(cell));
    const double xy = 2. * reciprocal.product(0, 1), xz = 2. * reciprocal.product(0, 2), yz = 2. * reciprocal.product(1, 2);
    const bool tilted = is_tilted(cell);
    double* table = reinterpret_cast<double*>(ws.buffer);   // z: square, Gaussian
    for (int k = 0; k < nz; k++) {
        table[2 * k] = square(2, k);
        table[2 * k + 1] = __builtin_exp(-f * square(2, k)) / ws.moduli[2][k];
    }
    for (int line = 0; line < lines; line++) {
        const int kx = line / ny, ky = line % ny;
        const double mx = mixed(0, kx), my = mixed(1, ky), flat = square(0, kx) + square(1, ky) + xy * mx * my;
        const double spread = scale / (ws.moduli[0][kx] * ws.moduli[1][ky]), head = spread * __builtin_exp(-f * flat);
        float* p = ws.influence + size_t(line / kLanes) * nz * kLanes + line % kLanes;
        for (int kz = 0; kz < nz; kz++) {
            // exp(-pi^2 m^2/alpha^2) is a product of three where the vectors are at right angles
            const double m2 = flat + table[2 * kz] + (xz * mx + yz * my) * mixed(2, kz);
            const double gauss = tilted ? spread * __builtin_exp(-f * m2) / ws.moduli[2][kz] : head * table[2 * kz + 1];
            p[size_t(kz) * kLanes] = m2 > 0. ? float(gauss / m2) : 0.f;
        }
    }
}

// Mesh of charges -> mesh of potentials; returns the energy where it is wanted.
template <bool kEnergy, bool kBack>
double solve(const Model& model, Workspace& ws) {
    const int nx = model.grid[0], ny = model.grid[1], nz = model.grid[2], row = ws.row, half = nx / 2 + 1;
    const size_t plane = size_t(ny) * row;
    float* work = ws.buffer;                                 // 4 max(n) vectors
    int most = nx > ny ? nx : ny;
    most = nz > most ? nz : most;
    float *pair = work + size_t(4) * most * kLanes;          // 2 max(n) vectors
    for (int y = 0; y < ny; y += 2) {                        // along x, two rows at a time
        const int other = y + 1 < ny ? y + 1 : y;
        for (int z = 0; z < nz; z += kLanes) {
            float *zr = pair, *zi = pair + size_t(nx) * kLanes;
            transform(ws.plan[0], ws.mesh + y * row + z, ws.mesh + other * row + z, plane, zr, zi, kLanes, work);
            for (int k = 0; k < half; k++) {
                const int c = k ? nx - k : 0;
                const Vec ar = load(zr + k * kLanes), ai = load(zi + k * kLanes), br = load(zr + c * kLanes), bi = load(zi + c * kLanes);
                const size_t at = k * plane + y * row + z, next = k * plane + other * row + z;
                store(ws.re + next, ai + bi);
                store(ws.im + next, br - ar);
                if (other == y) continue;
                store(ws.re + at, ar + br);
                store(ws.im + at, ai - bi);
            }
            if (other == y)                                  // odd number of rows: re and im were the same row
                for (int k = 0; k < half; k++) {
                    const int c = k ? nx - k : 0;
                    const Vec ar = load(zr + k * kLanes), ai = load(zi + k * kLanes), br = load(zr + c * kLanes), bi = load(zi + c * kLanes);
                    store(ws.re + k * plane + y * row + z, ar + br);
                    store(ws.im + k * plane + y * row + z, ai - bi);
                }
        }
    }
    for (int k = 0; k < half; k++)                           // along y
        for (int z = 0; z < nz; z += kLanes) {
            const size_t at = k * plane + z;
            transform(ws.plan[1], ws.re + at, ws.im + at, row, ws.re + at, ws.im + at, row, work);
        }
    const int lines = half * ny;
    double energy = 0.;
    for (int line = 0; line < lines; line += kLanes) {       // along z and back
        float *tr = pair, *ti = pair + size_t(most + kLanes) * kLanes;
        for (int z = 0; z < nz; z += kLanes) {
            Vec a[kLanes], b[kLanes];
            for (int l = 0; l < kLanes; l++) {
                a[l] = load(ws.re + size_t(line + l) * row + z);
                b[l] = load(ws.im + size_t(line + l) * row + z);
            }
            transpose(a);
            transpose(b);
            for (int l = 0; l < kLanes; l++) {
                store(tr + (z + l) * kLanes, a[l]);
                store(ti + (z + l) * kLanes, b[l]);
            }
        }
        transform(ws.plan[2], tr, ti, kLanes, tr, ti, kLanes, work);
        const float* g = ws.influence + size_t(line) * nz;
        Vec e{};
        for (int z = 0; z < nz; z++) {
            Vec re = load(tr + z * kLanes), im = load(ti + z * kLanes);
            const Vec factor = load(g + z * kLanes), fr = re * factor, fi = im * factor;
            if (kEnergy) e += fr * re + fi * im;
            store(tr + z * kLanes, fr);
            store(ti + z * kLanes, fi);
        }
        if (kEnergy)
            for (int l = 0; l < kLanes && line + l < lines; l++) {
                const int kx = (line + l) / ny;
                energy += (kx == 0 || 2 * kx == nx ? 1. : 2.) * e[l];
            }
        if (!kBack) continue;
        transform(ws.plan[2], ti, tr, kLanes, ti, tr, kLanes, work);
        for (int z = 0; z < nz; z += kLanes) {
            Vec a[kLanes], b[kLanes];
            for (int l = 0; l < kLanes; l++) {
                a[l] = load(tr + (z + l) * kLanes);
                b[l] = load(ti + (z + l) * kLanes);
            }
            transpose(a);
            transpose(b);
            const int n = lines - line < kLanes ? lines - line : kLanes;
            for (int l = 0; l < n; l++) {
                store(ws.re + size_t(line + l) * row + z, a[l]);
                store(ws.im + size_t(line + l) * row + z, b[l]);
            }
        }
    }
    if (!kBack) return .25 * energy;
    for (int k = 0; k < half; k++)
        for (int z = 0; z < nz; z += kLanes) {
            const size_t at = k * plane + z;
            transform(ws.plan[1], ws.im + at, ws.re + at, row, ws.im + at, ws.re + at, row, work);
        }
    for (int y = 0; y < ny; y += 2) {
        const int other = y + 1 < ny ? y + 1 : y;
        for (int z = 0; z < nz; z += kLanes) {
            float *zr = pair, *zi = pair + size_t(nx) * kLanes;
            const float keep = other == y ? 0.f : 1.f;
            for (int k = 0; k < half; k++) {
                const size_t at = k * plane + y * row + z, next = k * plane + other * row + z;
                const Vec ar = load(ws.re + at), ai = load(ws.im + at), br = load(ws.re + next) * keep, bi = load(ws.im + next) * keep;
                store(zr + k * kLanes, ar - bi);
                store(zi + k * kLanes, ai + br);
                if (k && 2 * k != nx) {
                    store(zr + (nx - k) * kLanes, ar + bi);
                    store(zi + (nx - k) * kLanes, br - ai);
                }
            }
            // the inverse is the transform of exchanged parts
            transform(ws.plan[0], zi, zr, kLanes, zi, zr, kLanes, work);
            for (int x = 0; x < nx; x++) {
                store(ws.mesh + x * plane + y * row + z, load(zr + x * kLanes));
                if (other != y) store(ws.mesh + x * plane + other * row + z, load(zi + x * kLanes));
            }
        }
    }
    for (int i = 0; i < nx * ny; i++) {   // rows go on where they began
        float* p = ws.mesh + size_t(i) * row;
        for (int k = 0; k < 7; k++) p[nz + k] = p[k];
    }
    return .25 * energy;
}

// act(place, d/dx, d/dy, d/dz of the potential per mesh spacing, potential)
template <bool kPotential, class Act>
void gather_places(const Model& model, const Workspace& ws, bool solute_only, Act act) {
    for_each_place(model, solute_only, [&](int place) {
        const float *s = ws.splines + size_t(16) * place, *d = ws.slopes + size_t(16) * place;
        const int32_t *xo = ws.x_offset + cell_at(ws, place, 0), *yo = ws.y_offset + cell_at(ws, place, 1);
        const float* base = ws.mesh + cell_at(ws, place, 2);
        Vec8 fx{}, fy{}, fz{};
#pragma GCC unroll 8
        for (int a = 0; a < kOrder; a++) {
            const float* plane = base + xo[a];
            Vec8 value{}, slope{};
#pragma GCC unroll 8
            for (int b = 0; b < kOrder; b++) {
                const Vec8 phi = load_as<Vec8>(plane + yo[b]);
                value += phi * s[5 + b];
                slope += phi * d[5 + b];
            }
            fx += value * d[a];
            fy += slope * s[a];
            fz += value * s[a];
        }
        const Vec8 z = row_spline(s), dz = row_spline(d);
        const Vec8 v[4] = {fx * z, fy * z, fz * dz, fz * z};
        Vec4 w[4];
        for (int k = 0; k < (kPotential ? 4 : 3); k++) {
            w[k] = fold(v[k]);
        }
        act(place, sum4(w[0]), sum4(w[1]), sum4(w[2]), kPotential ? sum4(w[3]) : 0.f);
    });
}

inline void place_all(const Model& model, Workspace& ws, const Spacing& spacing) {
    const int water = batches(model.n_water);
    for (int b = 0; b < water; b++) {
        uint32_t index[kLanes];
        for (int l = 0; l < kLanes; l++) index[l] = kRecord * (b * kLanes + l);
        Sites s;
        read_sites<3>(ws.sites, index, s);
        for (int k = 0; k < kSites; k++)
            place_batch(model, ws, spacing, s.x[k], s.y[k], s.z[k], all(k ? model.charge_h : model.charge_o), (b * kSites + k) * kLanes);
    }
    for (int i = 0; i < model.n_single; i += kLanes) {
        Vec p[3]{}, charge{};
        for (int l = 0; l < kLanes && i + l < model.n_single; l++) {
            for (int d = 0; d < 3; d++) p[d][l] = ws.single_x[3 * (i + l) + d];
            charge[l] = ws.single_q[i + l];
        }
        place_batch(model, ws, spacing, p[0], p[1], p[2], charge, water * kSites * kLanes + i);
    }
}

}  // namespace
}  // namespace merrow::nb
