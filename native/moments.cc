// Chooses the widest kernels of moments.h.
#include "moments.h"

namespace village {

void addMoments(const float* rows, uint32_t count, uint32_t cols, SimdLevel level, double* sums) {
  VILLAGE_AT_LEVEL(level, addMoments)(rows, count, cols, sums);
}

bool factorMoments(double* moments, uint32_t cols, SimdLevel level, double* inverse, float* feedback,
                   double* conditional) {
  return VILLAGE_AT_LEVEL(level, factorMoments)(moments, cols, inverse, feedback, conditional);
}

void outputEnergies(const float* rows, uint32_t count, uint32_t cols, const float* feedback, const float* conditional,
                    SimdLevel level, double* energies) {
  VILLAGE_AT_LEVEL(level, outputEnergies)(rows, count, cols, feedback, conditional, energies);
}

}  // namespace village
