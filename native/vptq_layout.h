// Where the parts of a packed group of rows lie: the scales of its rows (16 bits each), the codes of its outlier columns
// (a byte a weight, row after row), the indices of the other columns, their residual indices. Indices are packed lowest
// bits first; each part begins on a byte.
#pragma once
#include <cmath>
#include <cstring>

#include "vptq.h"

namespace village {

struct VptqGroup {
  uint32_t groups;
  uint32_t kept;  // columns that are coded by the codebook
  size_t outliersAt;
  size_t indicesAt;
  size_t residualsAt;
  size_t bytes;
};

static inline VptqGroup vptqGroup(const VptqShape& shape) {
  VptqGroup group{};
  group.groups = (shape.rows + shape.vector - 1) / shape.vector;
  group.kept = shape.cols - shape.outliers;
  group.outliersAt = size_t(shape.vector) * 2;
  group.indicesAt = group.outliersAt + size_t(shape.vector) * shape.outliers;
  group.residualsAt = group.indicesAt + (size_t(group.kept) * shape.indexBits + 7) / 8;
  group.bytes = group.residualsAt + (size_t(group.kept) * shape.residualBits + 7) / 8;
  return group;
}

// A scale is the upper 16 of a positive float's 31 bits: 8 of exponent, 8 of mantissa. 0 stands for a row of zeros,
// others are from 2^-120 to 2^120, so that neither they nor their inverses overflow.
static inline uint16_t vptqScaleCode(float scale) {
  if (!(scale >= 7.52316384526264e-37f)) return 0;
  if (scale >= 1.329227995784916e36f) return 247u << 8;
  uint32_t bits;
  std::memcpy(&bits, &scale, sizeof bits);
  return static_cast<uint16_t>((bits + 0x4000u) >> 15);
}

static inline float vptqScale(uint16_t code) {
  const uint32_t bits = uint32_t(code) << 15;
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return scale;
}

// The bytes must be zero where nothing has been written.
static inline void vptqPutIndex(uint8_t* bytes, size_t position, uint32_t bits, uint32_t index) {
  const size_t at = position * bits;
  uint32_t value = index << (at & 7);
  for (uint8_t* to = bytes + (at >> 3); value != 0; value >>= 8) *to++ |= static_cast<uint8_t>(value & 255u);
}

static inline uint32_t vptqIndex(const uint8_t* bytes, size_t position, uint32_t bits) {
  const size_t at = position * bits;
  const uint32_t shift = at & 7;
  const uint8_t* from = bytes + (at >> 3);
  uint32_t value = from[0];
  if (shift + bits > 8) value |= uint32_t(from[1]) << 8;
  if (shift + bits > 16) value |= uint32_t(from[2]) << 16;
  return (value >> shift) & ((1u << bits) - 1u);
}

// Of an outlier column: sixteenths of the row's scale.
constexpr float kVptqOutlierStep = 0.0625f;

}  // namespace village
