// Second moments of activations and their factorisation into error feedback (GPTQ, arXiv 2210.17323). Twin:
// node/compute/reference/moments.ts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace village {

// Adds the outer products of `count` rows (count x cols) to the upper triangle of `sums` (cols x cols), one row after the
// other.
void addMoments(const float* rows, uint32_t count, uint32_t cols, SimdLevel level, double* sums);

// From the upper triangle of H in `moments` (destroyed) the feedback F (cols x cols, strictly upper triangular) and the
// conditional weights (cols). `inverse` is cols x cols of zeros to work in. False where H is not positive definite.
bool factorMoments(double* moments, uint32_t cols, SimdLevel level, double* inverse, float* feedback,
                   double* conditional);

// For each of `count` rows e (count x cols) the energy e H e' of what they make of the inputs, up to the factor by which
// `conditional` was scaled: `feedback` and `conditional` are those of factorMoments, as float32.
void outputEnergies(const float* rows, uint32_t count, uint32_t cols, const float* feedback, const float* conditional,
                    SimdLevel level, double* energies);

#define VILLAGE_DECLARE_LEVEL(level) \
  namespace level { \
  void addMoments(const float* rows, uint32_t count, uint32_t cols, double* sums); \
  bool factorMoments(double* moments, uint32_t cols, double* inverse, float* feedback, double* conditional); \
  void outputEnergies(const float* rows, uint32_t count, uint32_t cols, const float* feedback, \
                      const float* conditional, double* energies); \
  }
VILLAGE_EACH_LEVEL(VILLAGE_DECLARE_LEVEL)
#undef VILLAGE_DECLARE_LEVEL

}  // namespace village
