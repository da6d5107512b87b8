// Where the parts of a packed row lie. A row: the scales of its blocks, their zero points (if any), then the
// codes. 4-bit values are packed two a byte, low nibble first; a row starts on a byte.
#pragma once
#include <cstring>

#include "blockwise.h"
#include "f16.h"

namespace village {

struct BlockwiseRow {
  uint32_t blocks;
  size_t zeroPointsAt;
  size_t codesAt;
  size_t bytes;
};

static inline BlockwiseRow blockwiseRow(const BlockwiseShape& shape) {
  const uint32_t blocks = (shape.cols + shape.blockSize - 1) / shape.blockSize;
  const size_t zeroPointsAt = size_t(blocks) * shape.scaleBytes;
  const size_t codesAt = zeroPointsAt + (shape.zeroPoints ? (size_t(blocks) * shape.bits + 7) / 8 : 0);
  return BlockwiseRow{blocks, zeroPointsAt, codesAt, codesAt + (size_t(shape.cols) * shape.bits + 7) / 8};
}

// 2^exponent in float, for -126 .. 127.
static inline float floatPowerOfTwo(int32_t exponent) {
  const uint32_t bits = static_cast<uint32_t>(exponent + 127) << 23;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The scale as it will be read back, both taken over 2^scaleExponent.
static inline float storedScale(float scale, const BlockwiseShape& shape) {
  return shape.scaleBytes == 4 ? scale : fromHalfBits(toHalfBits(scale));
}

static inline void putScale(uint8_t* at, float scale, const BlockwiseShape& shape) {
  if (shape.scaleBytes == 4) {
    const float whole = scale * floatPowerOfTwo(shape.scaleExponent);
    uint32_t bits;
    std::memcpy(&bits, &whole, sizeof bits);
    for (int i = 0; i < 4; i++) at[i] = static_cast<uint8_t>(bits >> (8 * i));
    return;
  }
  const uint16_t half = toHalfBits(scale);
  at[0] = static_cast<uint8_t>(half & 255u);
  at[1] = static_cast<uint8_t>(half >> 8);
}

static inline float getScale(const uint8_t* at, const BlockwiseShape& shape) {
  if (shape.scaleBytes == 4) {
    uint32_t bits = 0;
    for (int i = 0; i < 4; i++) bits |= uint32_t(at[i]) << (8 * i);
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return scale;
  }
  return fromHalfBits(static_cast<uint16_t>(at[0] | (at[1] << 8))) * floatPowerOfTwo(shape.scaleExponent);
}

// `values` must be zero where it has not been written.
static inline void putCode(uint8_t* values, size_t index, uint32_t bits, int32_t code) {
  if (bits == 8) {
    values[index] = static_cast<uint8_t>(code);
    return;
  }
  values[index >> 1] = static_cast<uint8_t>(values[index >> 1] | (code << (index & 1 ? 4 : 0)));
}

static inline int32_t getCode(const uint8_t* values, size_t index, uint32_t bits) {
  return bits == 8 ? values[index] : (values[index >> 1] >> (index & 1 ? 4 : 0)) & 15;
}

}  // namespace village
