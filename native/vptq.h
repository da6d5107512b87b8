// VPTQ (arXiv 2409.17066): vectors of neighbouring rows within a column, coded by the nearest entry of a codebook.
// Twin: node/compute/reference/vptq.ts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace village {

constexpr uint32_t kVptqMaxVector = 8;

// `data` is finite and at most 2^118 in size.
struct VptqShape {
  uint32_t rows;
  uint32_t cols;
  uint32_t vector;        // 2, 3, 4, 6 or 8 rows that are coded together
  uint32_t indexBits;     // 4 to 16: the codebook has 2^indexBits entries
  uint32_t residualBits;  // 0 (none) or 4 to 16: entries of the codebook of what the first leaves
  uint32_t outliers;      // columns that are kept as 8-bit integers
};

struct VptqCodebook {
  const float* entries;   // 2^indexBits x vector
  const float* residuals; // 2^residualBits x vector; not read where residualBits is 0
};

// Either may be null.
struct VptqAids {
  const float* columnWeights; // cols
  const float* feedback;      // cols x cols, strictly upper triangular
};

bool vptqVectorIsKnown(uint32_t vector);
size_t vptqBytes(const VptqShape& shape);
// `outlierColumns`: shape.outliers columns, ascending.
void vptqEncode(const float* data, const VptqShape& shape, const VptqCodebook& codebook,
                const uint32_t* outlierColumns, const VptqAids& aids, SimdLevel level, uint8_t* payload);
void vptqDecode(const uint8_t* payload, const VptqShape& shape, const VptqCodebook& codebook,
                const uint32_t* outlierColumns, float* data);

// For each of `count` points the nearest of `entries` (a multiple of 16), the first among equals.
void vptqNearest(const float* points, size_t count, uint32_t vector, const float* codebook, uint32_t entries,
                 SimdLevel level, uint32_t* nearest);
// k-means++ (Arthur and Vassilvitskii, 2007): `entries` points, each drawn (draws are in [0, 1)) with a probability
// proportional to its weight times the squared distance to the nearest that was drawn before it.
void vptqSpread(const float* points, const float* weights, size_t count, uint32_t vector, const double* draws,
                uint32_t entries, SimdLevel level, uint32_t* chosen);

#define VILLAGE_DECLARE_LEVEL(level) \
  namespace level { \
  void vptqEncode(const float* data, const VptqShape& shape, const VptqCodebook& codebook, \
                  const uint32_t* outlierColumns, const VptqAids& aids, uint8_t* payload); \
  void vptqNearest(const float* points, size_t count, uint32_t vector, const float* codebook, \
                   uint32_t entries, uint32_t* nearest); \
  void vptqSpread(const float* points, const float* weights, size_t count, uint32_t vector, \
                  const double* draws, uint32_t entries, uint32_t* chosen); \
  }
VILLAGE_EACH_LEVEL(VILLAGE_DECLARE_LEVEL)
#undef VILLAGE_DECLARE_LEVEL

}  // namespace village
