// The trellis codec: values, sizes, decoding and the choice of the encoder. Twin: node/compute/reference/trellis.ts.
#include <cmath>

#include "trellis_layout.h"

namespace village {
namespace {

struct Values {
  alignas(64) float values[kTrellisStates];

  Values(uint32_t bits, uint32_t multiplier, double slope) {
    for (uint32_t state = 0; state < kTrellisStates; state++) {
      const uint32_t newest = state & ((1u << bits) - 1);
      const uint32_t history = state >> bits;
      const uint32_t rank =
          ((newest << (kTrellisStateBits - bits)) + history * multiplier) & (kTrellisStates - 1);
      const double x = (2.0 * rank + 1.0 - kTrellisStates) / kTrellisStates;
      values[state] = static_cast<float>((slope * x) / std::sqrt(std::sqrt(1 - x * x)));
    }
  }
};

uint32_t bigEndian(const uint8_t* from, uint32_t count) {
  uint32_t value = 0;
  for (uint32_t i = 0; i < count; i++) value = (value << 8) | from[i];
  return value;
}

// Eight weights take `bits` bytes, and a block holds a multiple of eight.
template <uint32_t bits>
void decodeRow(const uint8_t* packed, const TrellisShape& shape, const float* values, float* out) {
  constexpr uint64_t mask = kTrellisStates - 1;
  const TrellisRow layout = trellisRow(shape);
  const float exponent = trellisPowerOfTwo(shape.scaleExponent);
  const uint8_t* from = packed + layout.bitsAt;
  uint64_t window = firstHistory(bits);
  for (uint32_t block = 0; block < layout.blocks; block++) {
    const float scale = scaleOfCode(packed[block]) * exponent;
    const uint32_t first = block * shape.blockSize;
    const uint32_t end = shape.cols - first < shape.blockSize ? shape.cols : first + shape.blockSize;
    uint32_t col = first;
    for (; end - col >= 8; col += 8, from += bits) {
      window = ((window & mask) << (8 * bits)) | bigEndian(from, bits);
      for (uint32_t i = 0; i < 8; i++) out[col + i] = values[(window >> (bits * (7 - i))) & mask] * scale;
    }
    if (col < end) {
      const uint32_t rest = ((end - col) * bits + 7) / 8;
      window = ((window & mask) << (8 * bits)) | (uint64_t(bigEndian(from, rest)) << (8 * (bits - rest)));
      for (uint32_t i = 0; col + i < end; i++) out[col + i] = values[(window >> (bits * (7 - i))) & mask] * scale;
    }
  }
}

}  // namespace

const float* trellisValues(uint32_t bits) {
  static const Values two(2, 557, 1.25);
  static const Values three(3, 825, 1.3);
  static const Values four(4, 863, 1.35);
  return bits == 2 ? two.values : bits == 3 ? three.values : four.values;
}

size_t trellisBytes(const TrellisShape& shape) { return trellisRow(shape).bytes * shape.rows; }

void trellisEncode(const float* data, const TrellisShape& shape, const TrellisAids& aids, SimdLevel level,
                   uint8_t* payload) {
  VILLAGE_AT_LEVEL(level, trellisEncode)(data, shape, aids, payload);
}

void trellisDecode(const uint8_t* payload, const TrellisShape& shape, float* data) {
  const size_t rowBytes = trellisRow(shape).bytes;
  const float* values = trellisValues(shape.bits);
  const auto decode = shape.bits == 2 ? decodeRow<2> : shape.bits == 3 ? decodeRow<3> : decodeRow<4>;
  for (uint32_t row = 0; row < shape.rows; row++)
    decode(payload + row * rowBytes, shape, values, data + size_t(row) * shape.cols);
}

}  // namespace village
