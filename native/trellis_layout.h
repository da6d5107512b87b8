// What the encoder and the decoder of the trellis codec agree on. Twin: node/compute/reference/trellis.ts, which says
// why.
#pragma once
#include <cstring>

#include "trellis.h"

namespace village {

constexpr uint32_t kTrellisStateBits = 12;
constexpr uint32_t kTrellisStates = 1u << kTrellisStateBits;

struct TrellisRow {
  uint32_t blocks;
  size_t bitsAt;
  size_t bytes;
};

// `static`: see f16.h.
static inline TrellisRow trellisRow(const TrellisShape& shape) {
  const uint32_t blocks = (shape.cols + shape.blockSize - 1) / shape.blockSize;
  return TrellisRow{blocks, blocks, blocks + (size_t(shape.cols) * shape.bits + 7) / 8};
}

static inline uint32_t firstHistory(uint32_t bits) { return 1u << (kTrellisStateBits - bits - 1); }

// The history of the weight after one of this state.
static inline uint32_t historyAfter(uint32_t state, uint32_t bits) {
  return state & ((kTrellisStates >> bits) - 1);
}

// 2^exponent in float, for -126 .. 127.
static inline float trellisPowerOfTwo(int32_t exponent) {
  const uint32_t bits = static_cast<uint32_t>(exponent + 127) << 23;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The scale of a code over 2^scaleExponent.
static inline float scaleOfCode(uint32_t code) {
  constexpr float kRoots[8] = {1.0f,
                               1.0905077457427979f,
                               1.1892070770263672f,
                               1.2968395948410034f,
                               1.4142135381698608f,
                               1.5422108173370361f,
                               1.6817928552627563f,
                               1.8340080976486206f};
  if (code == 0) return 0;
  return trellisPowerOfTwo(int32_t((code + 1) >> 3) - 32) * kRoots[(code + 1) & 7];
}

// The values of all states at 2, 3 or 4 bits, kTrellisStates floats on a 64-byte boundary.
const float* trellisValues(uint32_t bits);

}  // namespace village
