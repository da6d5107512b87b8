// Block-wise integers of 4 or 8 bits (see docs/compression.md). Twin: node/compute/reference/blockwise.ts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace village {

// `data` is rows x cols, row-major, finite, and at most 2^27 * 2^scaleExponent in size.
struct BlockwiseShape {
  uint32_t rows;
  uint32_t cols;
  uint32_t bits;         // 4 or 8
  uint32_t blockSize;    // 16 to 256
  bool zeroPoints;       // one integer zero point a block, otherwise 2^(bits-1)
  uint32_t scaleBytes;   // 2 (half) or 4 (float)
  int32_t scaleExponent; // weights are divided by 2^scaleExponent first; half scales are stored so divided
  uint32_t codeLimit;    // encoding without zero points holds codes this close to the middle; 0: all codes serve
};

// What the encoder may be given besides the weights; null for none.
struct BlockwiseAids {
  const float* columnWeights; // cols: what the error of each column counts, positive and finite
  const float* feedback;      // cols x cols, strictly upper triangular, finite: see error_feedback.h
  bool halfQuadratic;         // scales by HQQ instead of least squares
};
size_t blockwiseBytes(const BlockwiseShape& shape);
void blockwiseEncode(const float* data, const BlockwiseShape& shape, const BlockwiseAids& aids, SimdLevel level,
                     uint8_t* payload);
void blockwiseDecode(const uint8_t* payload, const BlockwiseShape& shape, float* data);

#define VILLAGE_DECLARE_LEVEL(level) \
  namespace level { \
  void blockwiseEncode(const float* data, const BlockwiseShape& shape, const BlockwiseAids& aids, uint8_t* payload); \
  }
VILLAGE_EACH_LEVEL(VILLAGE_DECLARE_LEVEL)
#undef VILLAGE_DECLARE_LEVEL

}  // namespace village
