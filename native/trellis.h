// The trellis codec (see docs/compression.md): a window of 12 bits slides over the bits of a row, and each of its
// positions stands for a value. Twins: node/compute/reference/trellis*.ts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace village {

// `data` is finite and at most 2^20 * 2^scaleExponent in size.
struct TrellisShape {
  uint32_t rows;
  uint32_t cols;
  uint32_t bits;         // 2, 3 or 4 a weight
  uint32_t blockSize;    // weights that share a scale: 32, 64, 128 or 256
  int32_t scaleExponent; // scales are stored over 2^scaleExponent: -100 to 120
};
// Either may be null. `columnWeights` is cols; `feedback` is cols x cols, strictly upper triangular.
struct TrellisAids {
  const float* columnWeights;
  const float* feedback;
};
size_t trellisBytes(const TrellisShape& shape);
void trellisEncode(const float* data, const TrellisShape& shape, const TrellisAids& aids, SimdLevel level,
                   uint8_t* payload);
void trellisDecode(const uint8_t* payload, const TrellisShape& shape, float* data);

#define VILLAGE_DECLARE_LEVEL(level) \
  namespace level { \
  void trellisEncode(const float* data, const TrellisShape& shape, const TrellisAids& aids, uint8_t* payload); \
  }
VILLAGE_EACH_LEVEL(VILLAGE_DECLARE_LEVEL)
#undef VILLAGE_DECLARE_LEVEL

}  // namespace village
