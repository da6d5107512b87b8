// Chooses the widest kernel of half_dot.h.
#include "half_dot.h"

namespace village {

void halfDots(const uint16_t* rows, const float* query, uint32_t count, uint32_t cols, SimdLevel level, double* dots) {
  VILLAGE_AT_LEVEL(level, halfDots)(rows, query, count, cols, dots);
}

}  // namespace village
