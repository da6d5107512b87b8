// Dot products of half-precision rows with a query: exact vector search. A product of a half and a float is exact in
// double, so that a fused multiply-add gives the same bits as two instructions; the order of the sums is written below.
// Twin: node/compute/reference/half-dot.ts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace village {

// Sums of a row run side by side: sum l gets the products of the columns l, l + 32, l + 64, ... in that order. Then each
// half of the sums is added to the other, from 16 apart to 1 apart.
constexpr uint32_t kHalfDotSums = 32;

// `rows` is count x cols of binary16; `dots` gets count numbers.
void halfDots(const uint16_t* rows, const float* query, uint32_t count, uint32_t cols, SimdLevel level, double* dots);

#define VILLAGE_DECLARE_LEVEL(level) \
  namespace level { \
  void halfDots(const uint16_t* rows, const float* query, uint32_t count, uint32_t cols, double* dots); \
  }
VILLAGE_EACH_LEVEL(VILLAGE_DECLARE_LEVEL)
#undef VILLAGE_DECLARE_LEVEL

}  // namespace village
