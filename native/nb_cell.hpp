// SPDX-License-Identifier: MIT
// Which image of an atom is the nearest, in a box that may be tilted?
//
// A difference is brought into the brick of the box's lengths: by a multiple of the third vector, then of
// the second, then of the first. If some image of a pair is nearer than half of every length, this is it.
#pragma once

#include "nb_model.hpp"
#include "nb_vector.hpp"

namespace merrow::nb {
namespace {

struct Box { float length[3], inverse[3], yx, zx, zy; };

inline Box float_box(const Cell& cell) {
    Box b{{}, {}, float(cell.yx), float(cell.zx), float(cell.zy)};
    for (int d = 0; d < 3; d++) b.length[d] = float(cell.length[d]), b.inverse[d] = float(1. / cell.length[d]);
    return b;
}

inline double volume(const Cell& cell) { return cell.length[0] * cell.length[1] * cell.length[2]; }

inline bool is_tilted(const Cell& cell) { return cell.yx != 0. || cell.zx != 0. || cell.zy != 0.; }

template <class T> inline T shortest(const T* length) {
    const T least = length[0] < length[1] ? length[0] : length[1];
    return length[2] < least ? length[2] : least;
}

struct Vec3 { Vec x, y, z; };

// The vector of the image that a difference is in.
NB_INLINE Vec3 image(const Box& box, Vec dx, Vec dy, Vec dz) {
    const Vec c = nearest(dz * box.inverse[2]), b = nearest((dy - c * box.zy) * box.inverse[1]);
    const Vec tilt = b * box.yx + c * box.zx, a = nearest((dx - tilt) * box.inverse[0]);
    return {a * box.length[0] + tilt, b * box.length[1] + c * box.zy, c * box.length[2]};
}

NB_INLINE void to_nearest(const Box& box, Vec& dx, Vec& dy, Vec& dz) {
    const Vec3 v = image(box, dx, dy, dz);
    dx -= v.x, dy -= v.y, dz -= v.z;
}

inline void to_nearest(const Cell& cell, double* d) {
    const double c = __builtin_rint(d[2] / cell.length[2]), b = __builtin_rint((d[1] - c * cell.zy) / cell.length[1]);
    d[2] -= c * cell.length[2];
    d[1] -= c * cell.zy + b * cell.length[1];
    d[0] -= c * cell.zx + b * cell.yx;
    d[0] -= cell.length[0] * __builtin_rint(d[0] / cell.length[0]);
}

// Which image of the brick is a point in, and the vector of an image.
inline void image_of(const Cell& cell, const double* x, double* image) {
    image[2] = __builtin_floor(x[2] / cell.length[2]);
    image[1] = __builtin_floor((x[1] - image[2] * cell.zy) / cell.length[1]);
    image[0] = __builtin_floor((x[0] - image[1] * cell.yx - image[2] * cell.zx) / cell.length[0]);
}

inline void shift_of(const Cell& cell, const double* image, double* shift) {
    shift[0] = image[0] * cell.length[0] + (image[1] * cell.yx + image[2] * cell.zx);
    shift[1] = image[1] * cell.length[1] + image[2] * cell.zy;
    shift[2] = image[2] * cell.length[2];
}

// Squared distances of points that may be farther apart than half of a length, though nearer than every
// length. In a tilted box the nearest image is then the first or the second along z, and along y.
struct Distance {
    Box box;
    bool second;
    Distance(const Box& box, double farthest)
        : box(box), second((box.yx != 0.f || box.zx != 0.f || box.zy != 0.f) && shortest(box.length) < 2.001f * float(farthest)) {}

    NB_INLINE Vec square(Vec dx, Vec dy, Vec dz) const {
        to_nearest(box, dx, dy, dz);
        Vec least = dx * dx + dy * dy + dz * dz;
        for (int k = 1; second && k < 4; k++) {
            Vec x = dx, y = dy, z = dz;
            if (k & 2) {
                const Vec c = away(z);
                z -= c * box.length[2], y -= c * box.zy, x -= c * box.zx;
                const Vec b = nearest(y * box.inverse[1]);
                y -= b * box.length[1], x -= b * box.yx;
            }
            if (k & 1) {
                const Vec b = away(y);
                y -= b * box.length[1], x -= b * box.yx;
            }
            x -= nearest(x * box.inverse[0]) * box.length[0];
            const Vec r2 = x * x + y * y + z * z;
            least = r2 < least ? r2 : least;
        }
        return least;
    }
    static NB_INLINE Vec away(Vec d) { return d < 0.f ? all(-1.f) : all(1.f); }
};

// Reciprocal vectors [1/nm], which are the rows, and the width of the box along each of them.
struct Reciprocal {
    double row[3][3], width[3];
    explicit Reciprocal(const Cell& cell) {
        const double *l = cell.length, y = cell.yx / l[1], z = cell.zy / l[2], x = (y * cell.zy - cell.zx) / l[2];
        const double rows[3][3] = {{1. / l[0], -y / l[0], x / l[0]}, {0., 1. / l[1], -z / l[1]}, {0., 0., 1. / l[2]}};
        memcpy(row, rows, sizeof row);
        width[0] = l[0] / __builtin_sqrt(1. + y * y + x * x);
        width[1] = l[1] / __builtin_sqrt(1. + z * z);
        width[2] = l[2];
    }
    double product(int d, int e) const { return row[d][0] * row[e][0] + row[d][1] * row[e][1] + row[d][2] * row[e][2]; }
};

}  // namespace
}  // namespace merrow::nb
