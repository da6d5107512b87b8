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
  uint32_t outliers;     // weights of a row, at most cols, that are stored as they are, in half precision
};

// What helps the encoder; the format does not depend on it. Null: nothing.
struct SeedlmAids {
  const float* columnWeights; // cols: how much the error of a column counts
  const float* feedback;      // cols x cols, strictly upper triangular (GPTQ, arXiv 2210.17323)
};

size_t seedlmBytes(const SeedlmShape& shape);
// `exact` tries every seed for every block, instead of those of the block's cell in the index.
void seedlmEncode(const float* data, const SeedlmShape& shape, const SeedlmAids& aids, bool exact,
                  SimdLevel level, uint8_t* payload);
void seedlmDecode(const uint8_t* payload, const SeedlmShape& shape, SimdLevel level, float* data);

}  // namespace village
