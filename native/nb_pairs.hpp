// SPDX-License-Identifier: MIT
// What do waters do to each other and to single atoms in direct space?
//
// A list names for each water its partners; kLanes partners are read at once (records of 16 floats,
// transposed in registers) and meet the nine pairs of charges of the water. Half lists: each pair once.
// Entries that do not fill a vector are handed on to the partner's list, so hardly a lane is empty.
// Lennard-Jones acts between O, which is the first site or, in a water of four, the last.
#pragma once

#include "nb_cell.hpp"

namespace merrow::nb {
namespace {

constexpr float kClosest = 1e5f;    // 4/r2 of a pair of O [nm-2]: nearer, the force grows no more; 1/r14 would overflow
constexpr float kHardest = 1e-12f;  // the same of (r/sigma)^6

// Even and odd powers apart: half as long a chain of dependent operations.
NB_INLINE Vec polynomial(const float* c, Vec u) {
    const Vec w = u * u;
    Vec even = all(c[kDegree]), odd = all(c[kDegree - 1]);
#pragma GCC unroll 16
    for (int k = kDegree - 2; k >= 0; k -= 2) {
        even = even * w + c[k];
        if (k > 0) odd = odd * w + c[k - 1];
    }
    return odd * u + even;
}
static_assert(kDegree % 2 == 0, "the highest power is even");

// Coulomb's law times erfc(alpha r), as 1/r less a polynomial in u = 2 r2/rc2 - 1. The Newton step
// gives 2/r; model.force_poly and energy_poly are made for that.
struct Coulomb {
    Vec twice_inverse, square, u;   // 2/r, 4/r2
    NB_INLINE explicit Coulomb(Vec r2, float per_cutoff2) {
        const Vec y = rough_rsqrt(r2);
        twice_inverse = y * (3.f - (r2 * y) * y);
        square = twice_inverse * twice_inverse;
        u = r2 * per_cutoff2 - 1.f;
    }
    NB_INLINE Vec force(const float* poly) const { return square * twice_inverse + polynomial(poly, u); }   // x 8
    NB_INLINE Vec energy(const float* poly) const { return twice_inverse + polynomial(poly, u); }           // x 2
};

// Pairs of waters. One shift brings all sites of a partner near, by its O; in a narrow box, where a pair
// of sites within the cutoff may be of another image than their O, each pair has its own. Returns
// energies [Coulomb, Lennard-Jones] where they are wanted. kN: sites of a water.
template <int kN, bool kNarrow, bool kEnergy>
void water_pairs(const Model& model, Workspace& ws, const Box& box, double* energies) {
    const float rc2 = float(model.cutoff * model.cutoff), per_cutoff2 = float(2. / (model.cutoff * model.cutoff));
    const float qq[3] = {model.charge_o * model.charge_o, model.charge_o * model.charge_h, model.charge_h * model.charge_h};
    const float a_force = 12.f * model.lj_a / 16384.f, b_force = 6.f * model.lj_b / 256.f;
    const float a_energy = model.lj_a / 4096.f, b_energy = model.lj_b / 64.f;
    double coulomb = 0., lj = 0.;
    for (int i = 0; i < model.n_water; i++) {
        const float* xi = ws.sites + size_t(kRecord) * i;
        Sites fi{};
        Vec e_coulomb{}, e_lj{};
        const int begin = ws.begin[i], end = ws.end[i];
        for (int at = begin; at < end; at += kLanes) {
            const uint32_t* index = ws.entries + at;
            Vec cut = all(rc2);
            if (end - at < kLanes) cut = lanes() < end - at ? cut : all(-1.f);
            Sites x, fj{};
            read_sites<kN>(ws.sites, index, x);
            Vec3 shift{};
            if (!kNarrow) shift = image(box, x.x[0] - xi[0], x.y[0] - xi[1], x.z[0] - xi[2]);
#pragma GCC unroll 3
            for (int b = 0; b < kSites; b++) {
                const Vec xb = x.x[b] - shift.x, yb = x.y[b] - shift.y, zb = x.z[b] - shift.z;
                // three pairs in step: the processor sees independent operations side by side
                Vec dx[kSites], dy[kSites], dz[kSites], r2[kSites], y[kSites], y2[kSites], u[kSites], w[kSites], even[kSites], odd[kSites], f[kSites];
                Mask inside[kSites];
#define NB_EACH _Pragma("GCC unroll 3") for (int a = 0; a < kSites; a++)
                NB_EACH dx[a] = xb - xi[4 * a];
                NB_EACH dy[a] = yb - xi[4 * a + 1];
                NB_EACH dz[a] = zb - xi[4 * a + 2];
                if (kNarrow) {
                    NB_EACH to_nearest(box, dx[a], dy[a], dz[a]);
                }
                NB_EACH r2[a] = dx[a] * dx[a];
                NB_EACH r2[a] += dy[a] * dy[a];
                NB_EACH r2[a] += dz[a] * dz[a];
                NB_EACH y[a] = rough_rsqrt(r2[a]);
                NB_EACH u[a] = r2[a] * per_cutoff2 - 1.f;
                NB_EACH inside[a] = less(r2[a], cut);
                NB_EACH w[a] = u[a] * u[a];
                NB_EACH r2[a] *= y[a];
                NB_EACH even[a] = w[a] * model.force_poly[kDegree] + model.force_poly[kDegree - 2];
                NB_EACH odd[a] = w[a] * model.force_poly[kDegree - 1] + model.force_poly[kDegree - 3];
                NB_EACH r2[a] = 3.f - r2[a] * y[a];
                _Pragma("GCC unroll 8") for (int k = kDegree - 4; k >= 0; k -= 2) {
                    NB_EACH even[a] = even[a] * w[a] + model.force_poly[k];
                    if (k > 0) NB_EACH odd[a] = odd[a] * w[a] + model.force_poly[k - 1];
                    if (k == kDegree - 4) NB_EACH y[a] *= r2[a];
                    if (k == kDegree - 6) NB_EACH y2[a] = y[a] * y[a];
                }
                NB_EACH even[a] = odd[a] * u[a] + even[a];
                NB_EACH even[a] = y2[a] * y[a] + even[a];
                NB_EACH f[a] = product(inside[a], even[a], all(qq[(a > 0) + (b > 0)] * .125f));
                if (kEnergy) NB_EACH e_coulomb += product(inside[a], y[a] + polynomial(model.energy_poly, u[a]), all(qq[(a > 0) + (b > 0)] * .5f));
                if (kN == 3 && b == 0) {
                    y2[0] = y2[0] < kClosest ? y2[0] : all(kClosest);
                    const Vec r6 = y2[0] * y2[0] * y2[0];
                    f[0] += product(inside[0], a_force * r6 - b_force, r6 * y2[0]);
                    if (kEnergy) e_lj += product(inside[0], a_energy * r6 - b_energy, r6);
                }
                Vec fx = f[0] * dx[0], fy = f[0] * dy[0], fz = f[0] * dz[0];
                NB_EACH fi.x[a] -= f[a] * dx[a];
                NB_EACH fi.y[a] -= f[a] * dy[a];
                NB_EACH fi.z[a] -= f[a] * dz[a];
                for (int a = 1; a < kSites; a++) fx += f[a] * dx[a], fy += f[a] * dy[a], fz += f[a] * dz[a];
                fj.x[b] = fx, fj.y[b] = fy, fj.z[b] = fz;
            }
            if (kN == 4) {
                Vec dx = x.x[3] - shift.x - xi[12], dy = x.y[3] - shift.y - xi[13], dz = x.z[3] - shift.z - xi[14];
                if (kNarrow) to_nearest(box, dx, dy, dz);
                const Vec r2 = dx * dx + dy * dy + dz * dz, y = rough_rsqrt(r2), twice = y * (3.f - (r2 * y) * y);
                Vec square = twice * twice;   // 4/r2
                square = square < kClosest ? square : all(kClosest);
                const Mask inside = less(r2, cut);
                const Vec r6 = square * square * square, f = product(inside, a_force * r6 - b_force, r6 * square);
                if (kEnergy) e_lj += product(inside, a_energy * r6 - b_energy, r6);
                fj.x[3] = f * dx, fj.y[3] = f * dy, fj.z[3] = f * dz;
                fi.x[3] -= fj.x[3], fi.y[3] -= fj.y[3], fi.z[3] -= fj.z[3];
            }
            add_sites<kN>(ws.forces, index, fj);
        }
        float* out = ws.forces + size_t(kRecord) * i;
        for (int a = 0; a < kN; a++) add_sums(out + 4 * a, quarter(fi.x[a]), quarter(fi.y[a]), quarter(fi.z[a]));
        coulomb += sum(e_coulomb);
        lj += sum(e_lj);
    }
    energies[0] = coulomb;
    energies[1] = lj;
}

// What the mesh does within a molecule and should not: -erf(alpha r)/r of the three pairs of a water.
template <bool kEnergy>
double water_corrections(const Model& model, Workspace& ws) {
    const float per_cutoff2 = float(2. / (model.cutoff * model.cutoff));
    const float qq[3] = {0.f, model.charge_o * model.charge_h, model.charge_h * model.charge_h};
    double energy = 0.;
    for (int i = 0; i < model.n_water; i += kLanes) {
        uint32_t index[kLanes];
        for (int l = 0; l < kLanes; l++) index[l] = kRecord * (i + l < model.n_water ? i + l : model.n_water);   // the empty record
        const IntVec real = lanes() < model.n_water - i;
        Sites x, f{};
        read_sites<3>(ws.sites, index, x);
        Vec e{};
        for (int a = 0; a < kSites; a++)
            for (int b = a + 1; b < kSites; b++) {
                const Vec dx = x.x[b] - x.x[a], dy = x.y[b] - x.y[a], dz = x.z[b] - x.z[a];
                const Vec u = (dx * dx + dy * dy + dz * dz) * per_cutoff2 - 1.f;
                const float q = qq[(a > 0) + (b > 0)];
                const Vec p = select(real, polynomial(model.force_poly, u) * (q * .125f));
                if (kEnergy) e += select(real, polynomial(model.energy_poly, u) * (q * .5f));
                f.x[a] -= p * dx, f.y[a] -= p * dy, f.z[a] -= p * dz;
                f.x[b] += p * dx, f.y[b] += p * dy, f.z[b] += p * dz;
            }
        add_sites<kMostSites>(ws.forces, index, f);
        energy += sum(e);
    }
    return energy;
}

// Coulomb of single atoms at lambda_elec = 1 and their Lennard-Jones, with water.
struct SingleEnergies {
    double solute_coulomb, ion_coulomb, soft_core, ion_lj, sterics_slope;
};

// Single atoms and water. Charges are those of ws.single_q; the Lennard-Jones soft core of the solute is
// 4 eps L (1/s2 - 1/s), s = (1 - L)/2 + (r/sigma)^6; ions have it at L = 1. With kForces, forces are added.
template <bool kForces, int kN, bool kNarrow>
void single_water(const Model& model, Workspace& ws, const Box& box, int n, float lambda_elec, double lambda_sterics,
                  SingleEnergies* energies) {
    const float cutoff2 = float(model.cutoff * model.cutoff), per_cutoff2 = float(2. / (model.cutoff * model.cutoff));
    const float far = float(model.cutoff) + ws.list_reach_o, far2 = far * far;
    const float q_site[2] = {model.charge_o, model.charge_h};
    if (kForces) memset(ws.single_f, 0, size_t(model.n_single) * 3 * kLanes * sizeof(float));
    double coulomb[2] = {}, lj[2] = {}, slope = 0.;
    for (int at = 0; at < ws.n_near; at += kLanes) {
        const uint32_t* index = ws.near + at;
        Vec cut = all(cutoff2);
        if (ws.n_near - at < kLanes) cut = lanes() < ws.n_near - at ? cut : all(-1.f);
        Sites x, fj{};
        read_sites<kN>(ws.sites, index, x);
        for (int i = 0; i < n; i++) {
            const int ion = i >= model.n_solute;
            const float* xi = ws.single_x + 3 * i;
            Vec ox = x.x[0] - xi[0], oy = x.y[0] - xi[1], oz = x.z[0] - xi[2];
            const Vec3 shift = image(box, ox, oy, oz);
            ox -= shift.x, oy -= shift.y, oz -= shift.z;
            if (!kNarrow && !any(ox * ox + oy * oy + oz * oz < far2)) continue;
            const float q = model.single_charge[i], scale = ion ? 1.f : lambda_elec, lambda = ion ? 1.f : float(lambda_sterics);
            const float least = ion ? 0.f : float(.5 * (1. - lambda_sterics));
            Vec fx{}, fy{}, fz{}, e_coulomb{}, e_lj{}, e_slope{};
#pragma GCC unroll 4
            for (int b = 0; b < kN; b++) {
                Vec dx = x.x[b] - xi[0], dy = x.y[b] - xi[1], dz = x.z[b] - xi[2];
                if (kNarrow) to_nearest(box, dx, dy, dz);
                else dx -= shift.x, dy -= shift.y, dz -= shift.z;
                Vec r2 = dx * dx + dy * dy + dz * dz;
                r2 = r2 < 1e-8f ? all(1e-8f) : r2;   // a decoupled solute may stand on an atom
                const IntVec inside = r2 < cut;
                Vec f{};
                if (b < kSites) {
                    const Coulomb c(r2, per_cutoff2);
                    const float qq = q * q_site[b > 0];
                    f = c.force(model.force_poly) * (scale * qq * .125f);
                    e_coulomb += select(inside, c.energy(model.energy_poly) * (qq * .5f));
                }
                if (b == (kN == 4 ? 3 : 0) && model.single_epsilon[i] > 0.f) {
                    const float per_sigma6 = 1.f / model.single_sigma6[i], four = 4.f * model.single_epsilon[i];
                    const Vec r4 = r2 * r2 * per_sigma6;
                    Vec s = least + r4 * r2;
                    s = s < kHardest ? all(kHardest) : s;
                    const Vec v = 1.f / s, e = v * v - v, steep = (v * v) * (2.f * v - 1.f);
                    f += (6.f * four * lambda) * steep * r4;
                    e_lj += select(inside, four * lambda * e);
                    e_slope += select(inside, four * (e + lambda * .5f * steep));
                }
                if (!kForces) continue;
                f = select(inside, f);
                const Vec tx = f * dx, ty = f * dy, tz = f * dz;
                fx -= tx, fy -= ty, fz -= tz;
                fj.x[b] += tx, fj.y[b] += ty, fj.z[b] += tz;
            }
            coulomb[ion] += sum(e_coulomb), lj[ion] += sum(e_lj);
            if (!ion) slope += sum(e_slope);
            if (!kForces) continue;
            float* out = ws.single_f + size_t(3) * kLanes * i;
            store(out, load(out) + fx);
            store(out + kLanes, load(out + kLanes) + fy);
            store(out + 2 * kLanes, load(out + 2 * kLanes) + fz);
        }
        if (kForces) add_sites<kN>(ws.forces, index, fj);
    }
    *energies = {coulomb[0], coulomb[1], lj[0], lj[1], slope};
}

// Adds the soft-core energies of solute and water at several lambdas, in one pass; and at 1 the slope by
// the logarithm of sigma, 12 x repulsion - 6 x attraction.
inline void soft_core_energies(const Model& model, const Workspace& ws, const Box& box, int n, const double* lambdas,
                               double* energies, double* size_slope) {
    const float cutoff2 = float(model.cutoff * model.cutoff);
    double sizes = 0.;
    for (int at = 0; at < ws.n_near; at += kLanes) {
        Vec cut = all(cutoff2);
        if (ws.n_near - at < kLanes) cut = lanes() < ws.n_near - at ? cut : all(-1.f);
        Vec ox{}, oy{}, oz{};
        for (int l = 0; l < kLanes; l++) {
            const float* p = ws.sites + ws.near[at + l] + (model.n_sites == 4 ? 12 : 0);
            ox[l] = p[0], oy[l] = p[1], oz[l] = p[2];
        }
        for (int i = 0; i < model.n_solute; i++) {
            if (!(model.single_epsilon[i] > 0.f)) continue;
            const float* xi = ws.single_x + 3 * i;
            Vec dx = ox - xi[0], dy = oy - xi[1], dz = oz - xi[2];
            to_nearest(box, dx, dy, dz);
            Vec r2 = dx * dx + dy * dy + dz * dz;
            const IntVec inside = r2 < cut;
            r2 = r2 < 1e-8f ? all(1e-8f) : r2;
            if (!any(inside)) continue;
            Vec x6 = r2 * r2 * r2 * (1.f / model.single_sigma6[i]);
            const double four = 4. * model.single_epsilon[i];
            for (int k = 0; k < n; k++) {
                const float lambda = float(lambdas[k]), least = float(.5 * (1. - lambdas[k]));
                Vec s = least + x6;
                s = s < kHardest ? all(kHardest) : s;
                const Vec v = 1.f / s;
                energies[k] += four * lambda * sum(select(inside, v * v - v));
            }
            x6 = x6 < kHardest ? all(kHardest) : x6;
            const Vec v = 1.f / x6;
            sizes += four * sum(select(inside, 12.f * v * v - 6.f * v));
        }
    }
    *size_slope += sizes;
}

}  // namespace
}  // namespace merrow::nb
