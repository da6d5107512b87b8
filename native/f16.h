// IEEE 754 binary16 by bit manipulation, rounding to nearest, ties to even. Twin:
// node/compute/reference/f16.ts.
#pragma once
#include <cstdint>
#include <cstring>

namespace village {

// `static`: each object file keeps its own copy, so that one compiled for a wider instruction set is never
// the one that the linker gives to the baseline.
static inline uint16_t toHalfBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    if (magnitude <= 0x33000000u) return static_cast<uint16_t>(sign);
    const uint32_t shift = 126u - (magnitude >> 23);
    const uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    const uint32_t kept = mantissa >> shift;
    const uint32_t rest = mantissa & ((1u << shift) - 1u);
    const uint32_t half = 1u << (shift - 1u);
    const bool up = rest > half || (rest == half && (kept & 1u));
    return static_cast<uint16_t>(sign | (kept + (up ? 1u : 0u)));
  }
  const uint32_t kept = (magnitude - 0x38000000u) >> 13;
  const uint32_t rest = magnitude & 0x1fffu;
  const bool up = rest > 0x1000u || (rest == 0x1000u && (kept & 1u));
  return static_cast<uint16_t>(sign | (kept + (up ? 1u : 0u)));
}

static inline float fromHalfBits(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 5.9604644775390625e-8f;  // 2^-24
    return sign ? -value : value;
  }
  const uint32_t bits = exponent == 31 ? (sign | 0x7f800000u | (mantissa << 13))
                                       : (sign | ((exponent + 112u) << 23) | (mantissa << 13));
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace village
