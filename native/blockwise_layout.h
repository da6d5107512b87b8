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

// What a half keeps of a float that is no NaN: fromHalfBits(toHalfBits(value)) without a branch, so that lanes can run it.
static inline float throughHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits & 0x80000000u;
  const uint32_t magnitude = bits ^ sign;
  // Normal halves keep ten bits behind the point, ties to even; from 65520 on they are infinite.
  uint32_t kept = (magnitude + 0xfffu + ((magnitude >> 13) & 1u)) & ~0x1fffu;
  kept = magnitude >= 0x477ff000u ? 0x7f800000u : kept;
  // Subnormal halves are multiples of 2^-24, which is what floats from 0.5 to 1 are.
  float small;
  std::memcpy(&small, &magnitude, sizeof small);
  small = (small + 0.5f) - 0.5f;
  uint32_t smallBits;
  std::memcpy(&smallBits, &small, sizeof smallBits);
  kept = (magnitude < 0x38800000u ? smallBits : kept) | sign;
  float result;
  std::memcpy(&result, &kept, sizeof result);
  return result;
}

// The scale as it will be read back, both taken over 2^scaleExponent.
static inline float storedScale(float scale, const BlockwiseShape& shape) {
  return shape.scaleBytes == 4 ? scale : throughHalf(scale);
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
