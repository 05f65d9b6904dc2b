// SPDX-License-Identifier: MIT
// What are the nonbonded energy and forces of this box? Compiled once for each instruction set.
//
// MERROW_ISA (baseline, avx2, avx512) and MERROW_LANES (floats in a vector) are given by the build.
// Everything but the one exported Kernel is in an anonymous namespace, and no C++ library template
// is used: see ani_model.hpp for why. Pairs are computed in float32; energies and the forces of the
// solute are summed in float64. The same calls in the same order give the same numbers.

#include "nb_list.hpp"
#include "nb_mesh.hpp"

#define MERROW_JOIN2(a, b) a##b
#define MERROW_JOIN(a, b) MERROW_JOIN2(a, b)
#define MERROW_TEXT2(a) #a
#define MERROW_TEXT(a) MERROW_TEXT2(a)

namespace merrow::nb {
namespace {

constexpr double kTwoPerRootPi = 1.12837916709551257;

// -erf(alpha r)/r of pairs of single atoms that have no direct term; charges are those of ws.single_q.
double excluded_pairs(const Model& model, const Workspace& ws, double* f) {
    double energy = 0.;
    for (int p = 0; p < model.n_excluded; p++) {
        const int i = model.excluded[2 * p], j = model.excluded[2 * p + 1];
        double d[3], r2 = 0.;
        for (int k = 0; k < 3; k++) {
            d[k] = double(ws.single_x[3 * j + k]) - ws.single_x[3 * i + k];
            r2 += d[k] * d[k];
        }
        const double r = __builtin_sqrt(r2), s = model.alpha * r, qq = double(ws.single_q[i]) * ws.single_q[j];
        if (r < 1e-6) {
            energy -= qq * model.alpha * kTwoPerRootPi;
            continue;
        }
        const double e = __builtin_erf(s) / r;
        const double f_over_r = -qq * (e - model.alpha * kTwoPerRootPi * __builtin_exp(-s * s)) / r2;
        energy -= qq * e;
        for (int k = 0; k < 3; k++) f[3 * i + k] -= f_over_r * d[k], f[3 * j + k] += f_over_r * d[k];
    }
    return energy;
}

struct Near {                      // a pair of single atoms within the cutoff
    double d[3], r2, coulomb, coulomb_f, x6;   // terms for a product of charges of 1; (r/sigma)^6
    bool soft;                     // whether one of the two is of the solute
};

// act(pair, near) for the pairs of ions, and of ions and the solute, within the cutoff.
template <class Act>
void each_pair(const Model& model, const Workspace& ws, const Cell& cell, Act act) {
    for (int p = 0; p < model.n_pairs; p++) {
        const Pair& pair = model.pairs[p];
        Near n;
        for (int k = 0; k < 3; k++) n.d[k] = double(ws.single_x[3 * pair.j + k]) - ws.single_x[3 * pair.i + k];
        to_nearest(cell, n.d);
        n.r2 = n.d[0] * n.d[0] + n.d[1] * n.d[1] + n.d[2] * n.d[2];
        if (n.r2 >= model.cutoff * model.cutoff) continue;
        n.r2 = n.r2 < 1e-8 ? 1e-8 : n.r2;
        const double r = __builtin_sqrt(n.r2), s = model.alpha * r;
        n.coulomb = __builtin_erfc(s) / r;
        n.coulomb_f = (n.coulomb + model.alpha * kTwoPerRootPi * __builtin_exp(-s * s)) / n.r2;
        n.x6 = n.r2 * n.r2 * n.r2 / pair.sigma6;
        n.soft = pair.i < model.n_solute || pair.j < model.n_solute;
        act(pair, n);
    }
}

struct Soft {                      // the soft core of a pair for epsilon = 1
    double energy, slope, f;       // f: force times r, over lambda
};

Soft soft_core(double x6, double lambda) {
    double s = .5 * (1. - lambda) + x6;
    s = s < kHardest ? kHardest : s;
    const double v = 1. / s, e = v * v - v, steep = v * v * (2. * v - 1.);
    return {4. * lambda * e, 4. * (e + .5 * lambda * steep), 24. * lambda * steep * x6};
}

void self_energies(const Model& model, const Cell& cell, double* out) {   // of lambda: 1, lambda, lambda^2
    const double self = -model.alpha / __builtin_sqrt(kPi);
    const double plasma = -kPi / (2. * volume(cell) * model.alpha * model.alpha);
    const double qo = model.charge_o, qh = model.charge_h;
    double sum[2] = {0., (qo + 2. * qh) * model.n_water}, square[2] = {0., (qo * qo + 2. * qh * qh) * model.n_water};
    for (int i = 0; i < model.n_single; i++) {
        const double q = model.single_charge[i];
        sum[i >= model.n_solute] += q;
        square[i >= model.n_solute] += q * q;
    }
    out[0] = self * square[1] + plasma * sum[1] * sum[1];
    out[1] = 2. * plasma * sum[1] * sum[0];
    out[2] = self * square[0] + plasma * sum[0] * sum[0];
}

void set_charges(const Model& model, Workspace& ws, double lambda_elec) {
    for (int i = 0; i < model.n_single; i++)
        ws.single_q[i] = i < model.n_solute ? float(lambda_elec * model.single_charge[i]) : model.single_charge[i];
}

// Positions into records and a list that is good for them.
Status prepare(const Model& model, Workspace& ws, const double* positions, const Cell& cell) {
    for (double length : cell.length)
        if (!(length >= 2. * model.cutoff)) return kTooNarrow;
    Positions state = convert(model, ws, positions, cell);
    if (state == kFar || (state == kGood && !list_holds(model, ws, cell))) {
        build_list(model, ws, positions, cell);
        state = convert(model, ws, positions, cell);
    }
    if (state == kGood && is_tilted(cell) && shortest(cell.length) < ws.list_radius) return kTooNarrow;   // see Distance
    if (state != kGood) ws.valid = 0;
    return state == kGood ? Status::kDone : Status::kNotNumbers;
}

bool is_narrow(const Model& model, const Workspace& ws, const Cell& cell) {
    return shortest(cell.length) < 2. * (model.cutoff + 2. * ws.list_reach_o);
}

template <int kN, bool kNarrow, bool kEnergy>
void direct_space(const Model& model, Workspace& ws, const Cell& cell, double lambda_elec, double lambda_sterics, double* solute,
                  double* energies) {
    const Box box = float_box(cell);
    double e[2];
    SingleEnergies s;
    water_pairs<kN, kNarrow, kEnergy>(model, ws, box, e);
    const double corrections = water_corrections<kEnergy>(model, ws);
    single_water<true, kN, kNarrow>(model, ws, box, model.n_single, float(lambda_elec), lambda_sterics, &s);
    for (int i = 0; i < 3 * model.n_single; i++) solute[i] = sum(load(ws.single_f + size_t(kLanes) * i));
    energies[kDirect] = e[0] + corrections + lambda_elec * s.solute_coulomb + s.ion_coulomb + excluded_pairs(model, ws, solute);
    energies[kLennardJones] = e[1] + s.ion_lj;
    energies[kSoftCore] = s.soft_core;
    each_pair(model, ws, cell, [&](const Pair& pair, const Near& near) {
        const double qq = pair.charge_product * (near.soft ? lambda_elec : 1.);
        const Soft lj = soft_core(near.x6, near.soft ? lambda_sterics : 1.);
        energies[kDirect] += qq * near.coulomb;
        energies[near.soft ? kSoftCore : kLennardJones] += pair.epsilon * lj.energy;
        const double f = qq * near.coulomb_f + pair.epsilon * lj.f / near.r2;
        for (int k = 0; k < 3; k++) {
            solute[3 * pair.i + k] -= f * near.d[k];
            solute[3 * pair.j + k] += f * near.d[k];
        }
    });
}

void add_mesh_forces(const Model& model, Workspace& ws, const Spacing& spacing, double* single) {
    const auto& per = spacing.per;
    const int first_single = batches(model.n_water) * kSites * kLanes;
    gather_places<false>(model, ws, false, [&](int place, float x, float y, float z, float) {
        const float q = ws.splines[size_t(16) * place + 10];
        const int batch = place / kLanes, water = batch / kSites * kLanes + place % kLanes;
        auto add = [&](auto* f) {
            f[0] -= q * per[0][0] * x;
            f[1] -= q * per[0][1] * x, f[1] -= q * per[1][1] * y;
            f[2] -= q * per[0][2] * x, f[2] -= q * per[1][2] * y, f[2] -= q * per[2][2] * z;
        };
        if (place >= first_single) add(single + 3 * (place - first_single));
        else add(ws.forces + size_t(kRecord) * water + 4 * (batch % kSites));
    });
}

template <bool kEnergy>
Status forces_of(const Model& model, Workspace& ws, const double* positions, const Cell& cell, double lambda_elec,
                 double lambda_sterics, double* forces, double* energies) {
    if (const Status status = prepare(model, ws, positions, cell)) return status;
    double* single = ws.single_total;
    memset(ws.forces, 0, size_t(kRecord) * (model.n_water + 1) * sizeof(float));
    set_charges(model, ws, lambda_elec);
    const bool narrow = is_narrow(model, ws, cell);
    const auto direct = model.n_sites == 4 ? narrow ? direct_space<4, true, kEnergy> : direct_space<4, false, kEnergy>
                                           : narrow ? direct_space<3, true, kEnergy> : direct_space<3, false, kEnergy>;
    direct(model, ws, cell, lambda_elec, lambda_sterics, single, energies);
    const Spacing spacing(model, cell);
    set_influence(model, ws, cell);
    place_all(model, ws, spacing);
    spread_places(model, ws, false);
    energies[kReciprocal] = solve<kEnergy, true>(model, ws);
    add_mesh_forces(model, ws, spacing, single);
    double self[3];
    self_energies(model, cell, self);
    energies[kSelf] = self[0] + lambda_elec * (self[1] + lambda_elec * self[2]);
    energies[kTail] = model.tail / volume(cell);
    double bad = 0.;
    for (int p = 0; p < model.n_water; p++) {
        const float* f = ws.forces + size_t(kRecord) * p;
        double* out = forces + size_t(3) * model.water[ws.order[p]];
        for (int k = 0; k < model.n_sites; k++)
            for (int d = 0; d < 3; d++) {
                out[3 * model.site[k] + d] = f[4 * k + d];
                bad += f[4 * k + d] * 0.;
            }
    }
    for (int i = 0; i < model.n_single; i++)
        for (int d = 0; d < 3; d++) {
            forces[size_t(3) * model.single[i] + d] = single[3 * i + d];
            bad += single[3 * i + d] * 0.;
        }
    for (int k = 0; k < kEnergies; k++) bad += energies[k] * 0.;
    return bad == 0. ? Status::kDone : Status::kNotNumbers;
}

// energies: null where forces are enough, which saves a seventh of the time.
Status compute(const Model& model, Workspace& ws, const double* positions, const Cell& cell, double lambda_elec,
               double lambda_sterics, double* forces, double* energies) {
    double rest[kEnergies];        // what costs nothing beside
    return energies ? forces_of<true>(model, ws, positions, cell, lambda_elec, lambda_sterics, forces, energies)
                    : forces_of<false>(model, ws, positions, cell, lambda_elec, lambda_sterics, forces, rest);
}

// One transform of all charges gives the potential of waters and of the solute at the solute, one of the
// solute alone its own.
void record_mesh(const Model& model, Workspace& ws, const Cell& cell, double* linear, double* quadratic) {
    set_influence(model, ws, cell);
    place_all(model, ws, Spacing(model, cell));
    spread_places(model, ws, false);
    solve<false, true>(model, ws);
    const int first = batches(model.n_water) * kSites * kLanes;
    double both = 0.;
    gather_places<true>(model, ws, true, [&](int place, float, float, float, float potential) {
        both += double(model.single_charge[place - first]) * potential;
    });
    spread_places(model, ws, true);
    *quadratic = solve<true, false>(model, ws);
    *linear = both - 2. * *quadratic;
}

Status record(const Model& model, Workspace& ws, const double* positions, const Cell& cell, double lambda_sterics, int n_sterics,
              const double* sterics, Couplings* couplings, double* energies) {
    if (const Status status = prepare(model, ws, positions, cell)) return status;
    const Box box = float_box(cell);
    set_charges(model, ws, 1.);
    SingleEnergies s;
    const bool narrow = is_narrow(model, ws, cell);
    const auto solute = model.n_sites == 4 ? narrow ? single_water<false, 4, true> : single_water<false, 4, false>
                                           : narrow ? single_water<false, 3, true> : single_water<false, 3, false>;
    solute(model, ws, box, model.n_solute, 1.f, lambda_sterics, &s);
    double self[3];
    self_energies(model, cell, self);
    *couplings = {};
    record_mesh(model, ws, cell, &couplings->linear, &couplings->quadratic);
    couplings->linear += s.solute_coulomb + self[1];
    couplings->quadratic += excluded_pairs(model, ws, ws.single_total) + self[2];
    couplings->sterics_slope = s.sterics_slope;
    for (int k = 0; k < n_sterics; k++) energies[k] = 0.;
    soft_core_energies(model, ws, box, n_sterics, sterics, energies, &couplings->size_slope);
    each_pair(model, ws, cell, [&](const Pair& pair, const Near& near) {
        if (!near.soft) return;
        couplings->linear += pair.charge_product * near.coulomb;
        couplings->sterics_slope += pair.epsilon * soft_core(near.x6, lambda_sterics).slope;
        for (int k = 0; k < n_sterics; k++) energies[k] += pair.epsilon * soft_core(near.x6, sterics[k]).energy;
        const double v = 1. / (near.x6 < kHardest ? kHardest : near.x6);
        couplings->size_slope += 4. * pair.epsilon * (12. * v * v - 6. * v);
    });
    return kDone;
}

}  // namespace

extern const Kernel MERROW_JOIN(kernel_, MERROW_ISA);
const Kernel MERROW_JOIN(kernel_, MERROW_ISA) = {MERROW_TEXT(MERROW_ISA), kLanes, compute, record};

}  // namespace merrow::nb
