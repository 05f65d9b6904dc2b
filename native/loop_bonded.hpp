// SPDX-License-Identifier: MIT
// What do the solute's own MM terms say? Bonds, angles, torsions and pairs, in double precision.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace merrow::loop {

struct Vector { double x, y, z; };
inline Vector operator+(Vector a, Vector b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vector operator-(Vector a, Vector b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vector operator*(double s, Vector a) { return {s * a.x, s * a.y, s * a.z}; }
inline double dot(Vector a, Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vector cross(Vector a, Vector b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }

// Terms of one kind: atoms and numbers of each, one after the other.
struct Terms {
    std::vector<int32_t> atoms;
    std::vector<double> numbers;
};

enum Kind { kBonds, kAngles, kTorsions, kPairs, kKinds };
constexpr int kAtomsOf[kKinds] = {2, 3, 4, 2}, kNumbersOf[kKinds] = {2, 2, 3, 3};

// Positions and forces of all atoms, as vectors.
class Molecule {
   public:
    Molecule(const double* x, double* f) : x_(x), f_(f) {}

    double energy(const Terms* terms) {
        double sum = 0.;
        each(terms, kBonds, [&](const int32_t* a, const double* p) { sum += bond(a, p); });
        each(terms, kAngles, [&](const int32_t* a, const double* p) { sum += angle(a, p); });
        each(terms, kTorsions, [&](const int32_t* a, const double* p) { sum += torsion(a, p); });
        each(terms, kPairs, [&](const int32_t* a, const double* p) { sum += pair(a, p); });
        return sum;
    }

   private:
    template <class Act>
    static void each(const Terms* terms, Kind kind, Act act) {
        const Terms& t = terms[kind];
        for (size_t i = 0; i * kAtomsOf[kind] < t.atoms.size(); i++)
            act(t.atoms.data() + i * kAtomsOf[kind], t.numbers.data() + i * kNumbersOf[kind]);
    }
    Vector at(int i) const { return {x_[3 * size_t(i)], x_[3 * size_t(i) + 1], x_[3 * size_t(i) + 2]}; }
    void push(int i, Vector f) {
        f_[3 * size_t(i)] += f.x;
        f_[3 * size_t(i) + 1] += f.y;
        f_[3 * size_t(i) + 2] += f.z;
    }
    void pull(const int32_t* a, Vector d, double over_r) {   // the force over_r d on a[1], its opposite on a[0]
        push(a[0], -over_r * d);
        push(a[1], over_r * d);
    }

    double bond(const int32_t* a, const double* p) {   // k/2 (r - r0)^2; p: r0, k
        const Vector d = at(a[1]) - at(a[0]);
        const double r = std::sqrt(dot(d, d)), off = r - p[0];
        pull(a, d, -p[1] * off / r);
        return .5 * p[1] * off * off;
    }

    double angle(const int32_t* a, const double* p) {   // k/2 (theta - theta0)^2; p: theta0, k
        const Vector u = at(a[0]) - at(a[1]), v = at(a[2]) - at(a[1]), n = cross(u, v);
        const double sine = std::sqrt(dot(n, n)), theta = std::atan2(sine, dot(u, v)), off = theta - p[0];
        const double torque = p[1] * off / (sine > 1e-12 ? sine : 1e-12);
        // theta falls where an end moves towards the other, across its own arm
        const Vector f0 = (torque / dot(u, u)) * cross(u, n), f2 = (torque / dot(v, v)) * cross(n, v);
        push(a[0], -1. * f0), push(a[2], -1. * f2), push(a[1], f0 + f2);
        return .5 * p[1] * off * off;
    }

    double torsion(const int32_t* a, const double* p) {   // k (1 + cos(n phi - phase)); p: n, phase, k
        const Vector b1 = at(a[1]) - at(a[0]), b2 = at(a[2]) - at(a[1]), b3 = at(a[3]) - at(a[2]);
        const Vector m = cross(b1, b2), n = cross(b2, b3);
        const double axis2 = dot(b2, b2), axis = std::sqrt(axis2);
        const double argument = p[0] * std::atan2(axis * dot(b1, n), dot(m, n)) - p[1];
        const double torque = p[2] * p[0] * std::sin(argument);   // -dE/dphi
        // the ends turn about the axis; the inner two take up force and torque
        const Vector f0 = (-torque * axis / dot(m, m)) * m, f3 = (torque * axis / dot(n, n)) * n;
        const Vector inner = (dot(b1, b2) / axis2) * f0 - (dot(b3, b2) / axis2) * f3;
        push(a[0], f0), push(a[1], -1. * f0 - inner), push(a[2], inner - f3), push(a[3], f3);
        return p[2] * (1. + std::cos(argument));
    }

    double pair(const int32_t* a, const double* p) {   // qq/r + A/r^12 - B/r^6; p: qq, A, B
        const Vector d = at(a[1]) - at(a[0]);
        const double r2 = dot(d, d), r6 = r2 * r2 * r2, coulomb = p[0] / std::sqrt(r2);
        const double repulsion = p[1] / (r6 * r6), attraction = p[2] / r6;
        pull(a, d, (coulomb + 12. * repulsion - 6. * attraction) / r2);
        return coulomb + repulsion - attraction;
    }

    const double* x_;
    double* f_;
};

}  // namespace merrow::loop
