// SeedLM (arXiv 2410.10714), K = 16: blocks of 8 weights with 3 coefficients, or of 12 with 4.
// Twin: node/compute/reference/seedlm.ts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace village {

// `data` is finite and at most 2^12 * scale in size.
struct SeedlmShape {
  uint32_t rows;
  uint32_t cols;
  uint32_t blockWeights; // C: 8 or 12
  uint32_t coefficients; // P: 3 or 4, fixed by C
  float scale;           // S: weights are divided by it before the search
};
size_t seedlmBytes(const SeedlmShape& shape);
void seedlmEncode(const float* data, const SeedlmShape& shape, SimdLevel level, uint8_t* payload);
void seedlmDecode(const uint8_t* payload, const SeedlmShape& shape, float* data);

}  // namespace village
