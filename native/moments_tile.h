// A tile of a matrix product that stays in registers: what the kernels of moments.h have in common. Included by files
// that are compiled once a SIMD level.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace village {
namespace VILLAGE_LEVEL {
namespace {

// Doubles of one vector; the products of a tile are added in the order of k, so that only independent sums run side by
// side.
constexpr uint32_t kVector = VILLAGE_LANES / 2;
constexpr uint32_t kTileCols = 2 * kVector;
constexpr uint32_t kTileRows = VILLAGE_LANES >= 16 ? 8 : 4;
typedef double Doubles __attribute__((vector_size(kVector * sizeof(double))));
typedef double UnalignedDoubles __attribute__((vector_size(kVector * sizeof(double)), aligned(8), may_alias));

inline Doubles load(const double* from) { return *reinterpret_cast<const UnalignedDoubles*>(from); }
inline void store(double* to, Doubles values) { *reinterpret_cast<UnalignedDoubles*>(to) = values; }

// c[r][s] += or -= a[k][r] * b[k][s] for k = 0, 1, .. depth-1 in order. `a` has kTileRows and `b` kTileCols numbers for
// each k.
template <bool subtract>
inline void tileProduct(const double* a, const double* b, uint32_t depth, double* c, size_t stride) {
  Doubles left[kTileRows], right[kTileRows];
  for (uint32_t r = 0; r < kTileRows; r++) {
    left[r] = load(c + r * stride);
    right[r] = load(c + r * stride + kVector);
  }
  for (uint32_t k = 0; k < depth; k++) {
    const Doubles b0 = load(b + k * kTileCols);
    const Doubles b1 = load(b + k * kTileCols + kVector);
    for (uint32_t r = 0; r < kTileRows; r++) {
      const Doubles factor = a[k * kTileRows + r] - Doubles{};
      if (subtract) {
        left[r] -= factor * b0;
        right[r] -= factor * b1;
      } else {
        left[r] += factor * b0;
        right[r] += factor * b1;
      }
    }
  }
  for (uint32_t r = 0; r < kTileRows; r++) {
    store(c + r * stride, left[r]);
    store(c + r * stride + kVector, right[r]);
  }
}

// Numbers of a triangle or at an edge: the tile is worked on aside, and only what `keeps(row, column)` goes back.
template <bool subtract, typename Keeps>
inline void edgeProduct(const double* a, const double* b, uint32_t depth, double* c, size_t stride, uint32_t rows,
                        uint32_t cols, Keeps keeps) {
  double aside[kTileRows * kTileCols] = {};
  for (uint32_t r = 0; r < rows; r++)
    for (uint32_t s = 0; s < cols; s++) aside[r * kTileCols + s] = c[r * stride + s];
  tileProduct<subtract>(a, b, depth, aside, kTileCols);
  for (uint32_t r = 0; r < rows; r++)
    for (uint32_t s = 0; s < cols; s++)
      if (keeps(r, s)) c[r * stride + s] = aside[r * kTileCols + s];
}

// `width` numbers for each k out of `from`, where number (k, s) lies at k * stepK + s * stepS; zeros beyond `count`.
template <typename Number>
inline void pack(const Number* from, size_t stepK, size_t stepS, uint32_t depth, uint32_t count, uint32_t width,
                 double* to) {
  for (uint32_t k = 0; k < depth; k++)
    for (uint32_t s = 0; s < width; s++)
      to[k * width + s] = s < count ? static_cast<double>(from[k * stepK + s * stepS]) : 0.0;
}

inline uint32_t tilesOf(uint32_t numbers, uint32_t size) { return (numbers + size - 1) / size; }

}  // namespace
}  // namespace VILLAGE_LEVEL
}  // namespace village
