// SPDX-License-Identifier: MIT
// How is the kernel reached from outside? Memory, plans, choice of instruction set, C ABI.
#include <cmath>
#include <complex>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "library.hpp"
#include "nb_model.hpp"

namespace merrow::nb {
namespace {

#if defined(MERROW_X86)
constexpr const Kernel* kKernels[] = {&kernel_avx512, &kernel_avx2, &kernel_baseline};
#else
constexpr const Kernel* kKernels[] = {&kernel_baseline};
#endif

Cell cell_of(const double* vectors) {
    return {{vectors[0], vectors[4], vectors[8]}, vectors[3], vectors[6], vectors[7]};
}

void* zeroed(size_t bytes) {
    const size_t size = (bytes / 64 + 2) * 64;
    void* p = std::aligned_alloc(64, size);
    if (!p) throw std::bad_alloc();
    std::memset(p, 0, size);
    return p;
}

struct Handle {
    Model model{};
    Workspace ws{};
    const Kernel* kernel = nullptr;
    std::vector<int32_t> water, single, excluded;
    std::vector<float> charge, sigma6, epsilon;
    std::vector<Pair> pairs;
    std::vector<double> moduli[3];
    std::vector<void*> memory;

    Handle() = default;
    Handle(const Handle&) = delete;
    ~Handle() {
        for (void* p : memory) std::free(p);
        std::free(ws.entries);
    }
    template <class T> T* get(size_t n) {
        memory.push_back(nullptr);
        memory.back() = zeroed(n * sizeof(T));
        return static_cast<T*>(memory.back());
    }
};

// Few passes: large radices first.
void factorize(int n, FourierPlan& plan) {
    plan.n = n;
    int best[kMaxRadices], n_best = kMaxRadices + 1, now[kMaxRadices];
    auto search = [&](auto&& self, int rest, int depth, int largest) -> void {
        if (rest == 1) {
            if (depth < n_best) n_best = depth, std::memcpy(best, now, sizeof best);
            return;
        }
        if (depth + 1 >= n_best || depth >= kMaxRadices) return;
        for (int r = largest; r >= 2; r--)
            if (rest % r == 0) now[depth] = r, self(self, rest / r, depth + 1, r);
    };
    search(search, n, 0, 8);
    if (n_best > kMaxRadices) throw std::bad_alloc();
    plan.n_radices = n_best;
    std::memcpy(plan.radix, best, sizeof best);
}

void make_plan(Handle& h, int d) {
    FourierPlan& plan = h.ws.plan[d];
    factorize(h.model.grid[d], plan);
    const int n = plan.n;
    size_t size = 0;
    for (int i = 0, s = 1; i < plan.n_radices; s *= plan.radix[i++]) size += 2 * size_t(plan.radix[i] - 1) * (n / s / plan.radix[i]);
    float* t = plan.twiddle = h.get<float>(size);
    for (int i = 0, s = 1; i < plan.n_radices; s *= plan.radix[i++]) {
        const int left = n / s, m = left / plan.radix[i];
        for (int p = 0; p < m; p++)
            for (int k = 1; k < plan.radix[i]; k++) {
                const double angle = -2. * M_PI * p * k / left;
                *t++ = float(std::cos(angle)), *t++ = float(std::sin(angle));
            }
    }
}

std::vector<double> spline_moduli(int n) {   // |sum over k of M(k + 1) exp(2 pi i m k / n)|^2
    double m[kOrder] = {0., 1.};             // order 2 at whole numbers
    for (int p = 3; p <= kOrder; p++)
        for (int k = p - 1; k > 0; k--) m[k] = (k * m[k] + (p - k) * m[k - 1]) / (p - 1);
    std::vector<double> out(n);
    for (int i = 0; i < n; i++) {
        std::complex<double> sum = 0.;
        for (int k = 1; k < kOrder; k++) sum += m[k] * std::polar(1., 2. * M_PI * i * (k - 1) / n);
        out[i] = std::norm(sum);
    }
    for (int i = 0; i < n; i++)
        if (out[i] < 1e-7) out[i] = .5 * (out[(i + n - 1) % n] + out[(i + 1) % n]);
    return out;
}

void set_numbers(Model& m, const double* numbers) {
    m.charge_o = float(numbers[0]), m.charge_h = float(numbers[1]);
    m.lj_a = float(numbers[2]), m.lj_b = float(numbers[3]);
    m.cutoff = numbers[4], m.alpha = numbers[5], m.tail = numbers[6];
    m.buffer = numbers[7], m.centre = numbers[8];
    for (int k = 0; k <= kDegree; k++) {
        m.force_poly[k] = float(numbers[9 + k]);
        m.energy_poly[k] = float(numbers[9 + kDegree + 1 + k]);
    }
}

void set_memory(Handle& h) {
    Workspace& w = h.ws;
    const Model& m = h.model;
    const int lanes = h.kernel->lanes, padded = (m.n_water + lanes - 1) / lanes * lanes + lanes;
    w.sites = h.get<float>(16 * size_t(padded)), w.forces = h.get<float>(16 * size_t(padded));
    w.centre_x = h.get<float>(padded), w.centre_y = h.get<float>(padded), w.centre_z = h.get<float>(padded);
    w.order = h.get<int32_t>(padded);
    for (int i = 0; i < m.n_water; i++) w.order[i] = i;
    w.scratch = h.get<int32_t>(size_t(padded) * (9 + 2 * lanes) + 40000);   // see sort_waters, build_list
    w.image = h.get<double>(3 * size_t(m.n_water + m.n_single));
    w.single_x = h.get<float>(6 * size_t(m.n_single));
    w.single_q = h.get<float>(m.n_single);
    w.single_f = h.get<float>(3 * size_t(lanes) * m.n_single);
    w.single_total = h.get<double>(3 * size_t(m.n_single));
    w.begin = h.get<int32_t>(padded), w.end = h.get<int32_t>(padded);
    w.near = h.get<uint32_t>(padded + lanes);
    grow_entries(w, size_t(m.n_water) * 100 + 1000);
    const int* grid = m.grid;
    int most = grid[0] > grid[1] ? grid[0] : grid[1];
    most = grid[2] > most ? grid[2] : most;
    w.row = (grid[2] + 7 + lanes - 1) / lanes * lanes;
    const size_t rows = size_t(grid[0]) * grid[1] + 2 * lanes, lines = size_t(grid[0] / 2 + 1) * grid[1] + 2 * lanes;
    w.mesh = h.get<float>(rows * w.row);
    w.re = h.get<float>(lines * w.row), w.im = h.get<float>(lines * w.row);
    w.influence = h.get<float>((lines + lanes) * grid[2]);
    const size_t places = size_t(padded) * 3 + m.n_single + 2 * lanes;
    w.splines = h.get<float>(16 * places + 16), w.slopes = h.get<float>(16 * places + 16);
    w.cell = h.get<int32_t>(3 * places);
    w.x_offset = h.get<int32_t>(grid[0] + 8), w.y_offset = h.get<int32_t>(grid[1] + 8);
    for (int i = 0; i < grid[0] + 8; i++) w.x_offset[i] = i % grid[0] * grid[1] * w.row;
    for (int i = 0; i < grid[1] + 8; i++) w.y_offset[i] = i % grid[1] * w.row;
    w.buffer = h.get<float>((size_t(6) * most + 4 * lanes) * lanes);
    for (int d = 0; d < 3; d++) {
        make_plan(h, d);
        h.moduli[d] = spline_moduli(grid[d]);
        w.moduli[d] = h.moduli[d].data();
    }
}

}  // namespace

void grow_entries(Workspace& ws, size_t at_least) {
    const size_t size = at_least + at_least / 4;
    uint32_t* p = static_cast<uint32_t*>(zeroed(size * sizeof(uint32_t)));
    if (ws.entries) std::memcpy(p, ws.entries, ws.capacity * sizeof(uint32_t));
    std::free(ws.entries);
    ws.entries = p;
    ws.capacity = size;
}

}  // namespace merrow::nb

using namespace merrow;
using namespace merrow::nb;

MERROW_EXPORT int merrow_nb_abi() { return 3; }

MERROW_EXPORT int merrow_nb_supports(const char* isa) { return find_kernel(kKernels, isa) != nullptr; }

// sizes: atoms, waters, atoms of the solute, single atoms, excluded pairs, pairs, sites of a water;
// single_terms: charge [scaled], sigma^6 and epsilon with the O of water, of each single atom;
// pair_terms: product of charges [scaled], sigma^6, epsilon; numbers: charges of O (or the extra
// point) and of H [scaled], A and B of O-O, cutoff, alpha, tail, buffer, centre, then the two polynomials.
MERROW_EXPORT Handle* merrow_nb_create(const char* isa, const int32_t* sizes, const int32_t* water, const int32_t* single,
                                       const double* single_terms, const int32_t* grid, const double* numbers, const int32_t* excluded,
                                       const int32_t* pair_atoms, const double* pair_terms) {
    Handle* h = nullptr;
    try {
        h = new Handle;
        Model& m = h->model;
        if (!(h->kernel = find_kernel(kKernels, isa))) throw std::bad_alloc();
        m.n_atoms = sizes[0], m.n_water = sizes[1], m.n_solute = sizes[2], m.n_single = sizes[3];
        m.n_excluded = sizes[4], m.n_pairs = sizes[5];
        const int site[2][4] = {{0, 1, 2, 0}, {3, 1, 2, 0}};
        m.n_sites = sizes[6];
        std::memcpy(m.site, site[m.n_sites == 4], sizeof m.site);
        h->water.assign(water, water + m.n_water);
        h->single.assign(single, single + m.n_single);
        for (int i = 0; i < m.n_single; i++) {
            h->charge.push_back(float(single_terms[3 * i]));
            h->sigma6.push_back(float(single_terms[3 * i + 1]));
            h->epsilon.push_back(float(single_terms[3 * i + 2]));
        }
        h->excluded.assign(excluded, excluded + 2 * m.n_excluded);
        for (int p = 0; p < m.n_pairs; p++) {
            const double* t = pair_terms + 3 * p;
            h->pairs.push_back({pair_atoms[2 * p], pair_atoms[2 * p + 1], t[0], t[1], t[2]});
        }
        m.water = h->water.data(), m.single = h->single.data(), m.excluded = h->excluded.data(), m.pairs = h->pairs.data();
        m.single_charge = h->charge.data(), m.single_sigma6 = h->sigma6.data(), m.single_epsilon = h->epsilon.data();
        for (int d = 0; d < 3; d++) m.grid[d] = grid[d];
        set_numbers(m, numbers);
        set_memory(*h);
        return h;
    } catch (...) {
        delete h;
        return nullptr;
    }
}

// box: its vectors, a row each; what stands above the diagonal is 0. energies: null where none are wanted.
MERROW_EXPORT int merrow_nb_compute(Handle* h, const double* positions, const double* box, double lambda_elec, double lambda_sterics,
                                    double* forces, double* energies) {
    const FlushTinyNumbers flush;
    try {
        return h->kernel->compute(h->model, h->ws, positions, cell_of(box), lambda_elec, lambda_sterics, forces, energies);
    } catch (...) {
        return kNoMemory;
    }
}

MERROW_EXPORT int merrow_nb_record(Handle* h, const double* positions, const double* box, double lambda_sterics, int n_sterics,
                                   const double* sterics, double* couplings, double* soft_core) {
    const FlushTinyNumbers flush;
    try {
        Couplings found;
        const Status status = h->kernel->record(h->model, h->ws, positions, cell_of(box), lambda_sterics, n_sterics, sterics, &found, soft_core);
        couplings[0] = found.linear, couplings[1] = found.quadratic;
        couplings[2] = found.sterics_slope, couplings[3] = found.size_slope;
        return status;
    } catch (...) {
        return kNoMemory;
    }
}

// Forgets the list: what comes next does not depend on what was before.
MERROW_EXPORT void merrow_nb_forget(Handle* h) { h->ws.valid = 0; }

MERROW_EXPORT int64_t merrow_nb_lists(Handle* h) { return h->ws.n_lists; }

MERROW_EXPORT void merrow_nb_destroy(Handle* h) { delete h; }
