// SPDX-License-Identifier: MIT
// How is the loop reached from outside, and what happens in a step? Steps, barostat, C ABI.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "library.hpp"
#include "loop_bonded.hpp"
#include "loop_model.hpp"
#include "loop_random.hpp"

namespace merrow::loop {
namespace {

const Kernel* const kKernels[] = {
#if defined(MERROW_X86)
    &kernel_avx512, &kernel_avx2,
#endif
    &kernel_baseline};

// merrow_nb_compute of nb_library.cpp (energies: null where none are wanted), and the potential of the region: positions of all atoms -> energy and forces that are added.
using Nonbonded = int (*)(void* handle, const double* x, const double* box, double lambda_elec, double lambda_sterics,
                          double* forces, double* energies);
using Potential = int (*)(const double* x, double* energy, double* forces);

constexpr int kParts = 6;          // of the nonbonded energy

struct Barostat {                  // as OpenMM's MonteCarloBarostat: its moves, its rule, its step
    int interval = 0;              // steps between attempts; 0: none
    double pressure, kt;           // kJ/mol/nm3, kJ/mol
    std::vector<int32_t> molecules;   // where each begins in `members`, and their end
    std::vector<int32_t> members;
    double largest = 0.;           // change of the volume; 0: not chosen yet
    int since = 0, tried = 0, accepted = 0;   // the last two since `largest` changed
    int64_t attempts = 0, successes = 0;
};

struct Forces {                    // of all atoms at one configuration
    std::vector<double> total;
    double nonbonded, internal;    // the first is no number where it was not wanted
};

struct Loop {
    Model model{};
    const Kernel* kernel = nullptr;
    Nonbonded nonbonded = nullptr;
    void* nonbonded_handle = nullptr;
    Potential potential = nullptr;
    Barostat barostat;
    Terms terms[kKinds];
    double tail = 0.;              // K of the energy lambda_sterics K/V
    uint32_t key[2];
    uint64_t step = 0;
    std::vector<int32_t> water, single;
    std::vector<double> per_mass, internal, noise, trial;
    Forces here, there;            // at the positions; after a trial move
    bool known = false;            // whether `here` is right
    int blocks = 0;                // of four normal numbers
};

// Box vectors are rows; what stands above the diagonal is 0.
double volume_of(const double* box) { return box[0] * box[4] * box[8]; }

int nonbonded_at(Loop& loop, const double* x, const double* box, const double* lambda, bool energy, Forces& out) {
    double parts[kParts];
    double* wanted = energy ? parts : nullptr;
    const int status = loop.nonbonded(loop.nonbonded_handle, x, box, lambda[0], lambda[1], out.total.data(), wanted);
    if (status) return status;
    out.nonbonded = energy ? lambda[1] * loop.tail / volume_of(box) : NAN;
    if (energy)
        for (double part : parts) out.nonbonded += part;
    return kDone;
}

// Only single atoms have forces of the molecule among itself.
void clear_internal(Loop& loop) {
    for (int i : loop.single) std::fill_n(loop.internal.begin() + size_t(3) * i, 3, 0.);
}

double add_internal(Loop& loop) {  // 0, or no number where a force is none
    double bad = 0.;
    for (int i : loop.single)
        for (size_t k = size_t(3) * i; k < size_t(3) * i + 3; k++) {
            bad += loop.internal[k] * 0.;
            loop.here.total[k] += loop.internal[k];
        }
    return bad;
}

// The forces at positions, those of the molecule among itself included, and the nonbonded energy where it is wanted.
int forces_at(Loop& loop, const double* x, const double* box, const double* lambda, bool energy) {
    if (const int status = nonbonded_at(loop, x, box, lambda, energy, loop.here)) return status;
    clear_internal(loop);
    if (loop.potential) {
        if (loop.potential(x, &loop.here.internal, loop.internal.data())) return kRaised;
    } else {
        loop.here.internal = Molecule(x, loop.internal.data()).energy(loop.terms);
    }
    loop.known = loop.here.internal * 0. + add_internal(loop) == 0.;
    return loop.known ? kDone : kNotNumbers;
}

double uniform(uint64_t high, uint64_t low) { return double((high << 32 | low) >> 11) * 0x1p-53; }

// Each molecule by its centre, in the proportion of the box.
void scale_molecules(const Barostat& barostat, const double* x, double scale, double* out) {
    for (size_t m = 0; m + 1 < barostat.molecules.size(); m++) {
        const int begin = barostat.molecules[m], end = barostat.molecules[m + 1];
        double shift[3] = {};
        for (int k = begin; k < end; k++)
            for (int d = 0; d < 3; d++) shift[d] += x[3 * size_t(barostat.members[k]) + d];
        for (double& s : shift) s *= (scale - 1.) / (end - begin);
        for (int k = begin; k < end; k++)
            for (int d = 0; d < 3; d++) {
                const size_t at = 3 * size_t(barostat.members[k]) + d;
                out[at] = x[at] + shift[d];
            }
    }
}

void adapt(Barostat& barostat, double volume) {
    if (barostat.tried < 10) return;
    if (barostat.accepted < .25 * barostat.tried) barostat.largest /= 1.1;
    else if (barostat.accepted > .75 * barostat.tried) barostat.largest = std::min(barostat.largest * 1.1, .3 * volume);
    else return;
    barostat.tried = barostat.accepted = 0;
}

int change_volume(Loop& loop, double* x, double* box, const double* lambda) {
    Barostat& barostat = loop.barostat;
    if (const int status = forces_at(loop, x, box, lambda, true)) return status;
    const double volume = volume_of(box);
    if (barostat.largest == 0.) barostat.largest = .01 * volume;
    uint64_t random[4] = {0, loop.step & 0xffffffffu, loop.step >> 32, kVolume};
    philox(random, loop.key, [](uint64_t a, uint64_t b) { return a * b; });
    const double change = barostat.largest * 2. * (uniform(random[0], random[1]) - .5);
    const double scale = std::cbrt((volume + change) / volume);
    double trial_box[9];
    for (int k = 0; k < 9; k++) trial_box[k] = scale * box[k];
    scale_molecules(barostat, x, scale, loop.trial.data());
    if (const int status = nonbonded_at(loop, loop.trial.data(), trial_box, lambda, true, loop.there)) return status;
    const double n = double(barostat.molecules.size()) - 1.;
    const double work = loop.there.nonbonded - loop.here.nonbonded + barostat.pressure * change -
                        n * barostat.kt * std::log((volume + change) / volume);
    barostat.tried++, barostat.attempts++;
    if (work <= 0. || uniform(random[2], random[3]) <= std::exp(-work / barostat.kt)) {
        barostat.accepted++, barostat.successes++;
        std::copy(loop.trial.begin(), loop.trial.end(), x);
        std::copy(trial_box, trial_box + 9, box);
        loop.here.nonbonded = loop.there.nonbonded;   // no molecule has changed in itself
        std::swap(loop.here.total, loop.there.total);
        add_internal(loop);
    }
    adapt(barostat, volume);
    return kDone;
}

int run(Loop& loop, int64_t n_steps, double* x, double* v, double* box, const double* lambda) {
    loop.known = false;            // the positions are those of the caller
    for (int64_t k = 0; k < n_steps; k++) {
        if (loop.barostat.interval > 0 && ++loop.barostat.since >= loop.barostat.interval) {
            loop.barostat.since = 0;
            if (const int status = change_volume(loop, x, box, lambda)) return status;
        }
        if (!loop.known)
            if (const int status = forces_at(loop, x, box, lambda, false)) return status;
        if (loop.model.kick > 0.) loop.kernel->normals(loop.key, loop.step, loop.blocks, loop.noise.data());
        loop.kernel->advance(loop.model, loop.here.total.data(), loop.noise.data(), x, v);
        loop.step++;
        loop.known = false;
    }
    return kDone;
}

template <class Function>
int guarded(Function&& function) {   // no exception may cross the C ABI
    try {
        return function();
    } catch (...) {
        return kNoMemory;
    }
}

}  // namespace
}  // namespace merrow::loop

using namespace merrow;
using namespace merrow::loop;

// Changes with every change of the functions below; loop.py refuses another number.
MERROW_EXPORT int merrow_loop_abi() { return 1; }

MERROW_EXPORT int merrow_loop_supports(const char* isa) { return find_kernel(kKernels, isa) != nullptr; }

// sizes: atoms, waters, single atoms, molecules, members of molecules, steps between changes of the
// volume (0: none); numbers: time step, friction, kT, pressure, K of the tail, then RigidWater as it stands.
MERROW_EXPORT Loop* merrow_loop_create(const char* isa, Nonbonded nonbonded, void* nonbonded_handle, const int32_t* sizes,
                                       const int32_t* water, const int32_t* single, const double* masses,
                                       const int32_t* molecules, const int32_t* members, const double* numbers,
                                       const uint32_t* key) {
    Loop* loop = nullptr;
    const int status = guarded([&] {
        loop = new Loop;
        if (!(loop->kernel = find_kernel(kKernels, isa))) return int(kNoMemory);
        loop->nonbonded = nonbonded, loop->nonbonded_handle = nonbonded_handle;
        Model& m = loop->model;
        m.n_atoms = sizes[0], m.n_water = sizes[1], m.n_single = sizes[2];
        loop->water.assign(water, water + m.n_water);
        loop->single.assign(single, single + m.n_single);
        for (int i = 0; i < m.n_single; i++) loop->per_mass.push_back(1. / masses[i]);
        m.water = loop->water.data(), m.single = loop->single.data(), m.per_mass = loop->per_mass.data();
        m.dt = numbers[0];
        m.keep = std::exp(-numbers[1] * m.dt);
        m.kick = std::sqrt(numbers[2] * (1. - m.keep * m.keep));
        std::memcpy(&m.rigid, numbers + 5, sizeof m.rigid);
        Barostat& b = loop->barostat;
        b.interval = sizes[5], b.pressure = numbers[3], b.kt = numbers[2];
        b.molecules.assign(molecules, molecules + sizes[3] + 1);
        b.members.assign(members, members + sizes[4]);
        loop->tail = numbers[4];
        std::memcpy(loop->key, key, sizeof loop->key);
        const size_t n = size_t(3) * m.n_atoms;
        loop->blocks = int((n + 4 * kBlock - 1) / (4 * kBlock) * kBlock);
        loop->noise.assign(size_t(4) * loop->blocks, 0.);
        for (auto* values : {&loop->internal, &loop->trial, &loop->here.total, &loop->there.total}) values->assign(n, 0.);
        return int(kDone);
    });
    if (status) {
        delete loop;
        return nullptr;
    }
    return loop;
}

// The solute's terms of one kind, as kAtomsOf and kNumbersOf say.
MERROW_EXPORT int merrow_loop_set_terms(Loop* loop, int kind, int n, const int32_t* atoms, const double* numbers) {
    return guarded([&] {
        loop->terms[kind].atoms.assign(atoms, atoms + size_t(n) * kAtomsOf[kind]);
        loop->terms[kind].numbers.assign(numbers, numbers + size_t(n) * kNumbersOf[kind]);
        return int(kDone);
    });
}

MERROW_EXPORT void merrow_loop_set_potential(Loop* loop, Potential potential) { loop->potential = potential; }

// Steps of positions, velocities and box vectors, in place.
MERROW_EXPORT int merrow_loop_run(Loop* loop, int64_t n_steps, double* x, double* v, double* box, const double* lambda) {
    return guarded([&] { return run(*loop, n_steps, x, v, box, lambda); });
}

// All forces, those within the solute among them, and energies: nonbonded with the tail, internal.
MERROW_EXPORT int merrow_loop_evaluate(Loop* loop, const double* x, const double* box, const double* lambda, double* forces,
                                       double* internal, double* energies) {
    return guarded([&] {
        if (const int status = forces_at(*loop, x, box, lambda, true)) return status;
        std::copy(loop->here.total.begin(), loop->here.total.end(), forces);
        std::copy(loop->internal.begin(), loop->internal.end(), internal);
        energies[0] = loop->here.nonbonded, energies[1] = loop->here.internal;
        return int(kDone);
    });
}

// The solute's own energy alone.
MERROW_EXPORT double merrow_loop_internal(Loop* loop, const double* x) {
    clear_internal(*loop);
    loop->known = false;
    return Molecule(x, loop->internal.data()).energy(loop->terms);
}

// The normal numbers of the next step; returns how many.
MERROW_EXPORT int merrow_loop_noise(Loop* loop, const double** out) {
    loop->kernel->normals(loop->key, loop->step, loop->blocks, loop->noise.data());
    *out = loop->noise.data();
    return 4 * loop->blocks;
}

MERROW_EXPORT void merrow_loop_attempts(Loop* loop, int64_t* out) {   // changes of the volume: tried, accepted
    out[0] = loop->barostat.attempts, out[1] = loop->barostat.successes;
}

MERROW_EXPORT void merrow_loop_destroy(Loop* loop) { delete loop; }
