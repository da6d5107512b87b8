// SeedLM: from packed bytes to weights. Compiled once a SIMD level. Twin: seedlmDecode in
// node/compute/reference/seedlm.ts.
//
// Column p of U(seed) is every P-th entry of the sequence: in an array with the entries of one phase (those P apart)
// together, it is C entries in a row.
#include <cstring>

#include "seedlm_row.h"
#include "seedlm_search.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

typedef float Eight __attribute__((vector_size(8 * sizeof(float))));
typedef float Four __attribute__((vector_size(4 * sizeof(float))));

template <class Lanes>
inline Lanes load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

template <class Lanes, int P>
inline Lanes combine(const float* const* columns, const float* q, float step) {
  Lanes sum = load<Lanes>(columns[0]) * q[0];
  for (int p = 1; p < P; p++) sum = sum + load<Lanes>(columns[p]) * q[p];
  return sum * step;
}

template <int C, int P>
inline void decodeRow(const uint8_t* packed, const SeedlmShape& shape, float* out) {
  const SeedlmPhases& phases = seedlmPhases(C);
  const SeedlmRow row = seedlmRow(shape);
  const uint8_t* nibbles = packed + row.nibblesAt;
  float steps[16];
  for (int i = 0; i < 16; i++)
    steps[i] = static_cast<float>(static_cast<double>(shape.scale) * (static_cast<double>(1u << i) / 256.0));
  for (uint32_t block = 0; block < row.blocks; block++) {
    const uint32_t seed = packed[size_t(block) * 2] | (uint32_t(packed[size_t(block) * 2 + 1]) << 8);
    uint32_t fields;
    if constexpr (P == 3) {
      fields = nibbles[size_t(block) * 2] | (uint32_t(nibbles[size_t(block) * 2 + 1]) << 8);
    } else {
      const size_t at = size_t(block) * 5;
      const uint8_t* bytes = nibbles + (at >> 1);
      fields = (bytes[0] | (uint32_t(bytes[1]) << 8) | (uint32_t(bytes[2]) << 16)) >> (at & 1 ? 4 : 0);
    }
    uint32_t phase = phases.phaseOf[seed];
    const float* column = phases.entries[phase] + phases.indexOf[seed];
    const float* columns[P];
    float q[P];
    for (int p = 0; p < P; p++) {
      columns[p] = column;
      q[p] = static_cast<float>(static_cast<int32_t>((fields >> (4 * p + 4)) & 15u) - 8);
      const bool wraps = phase == P - 1;
      column = wraps ? column - phases.stride * (P - 1) + 1 : column + phases.stride;
      phase = wraps ? 0 : phase + 1;
    }
    const float step = steps[fields & 15u];
    const Eight low = combine<Eight, P>(columns, q, step);
    float values[16];
    std::memcpy(values, &low, sizeof low);
    if constexpr (C == 12) {
      for (int p = 0; p < P; p++) columns[p] += 8;
      const Four high = combine<Four, P>(columns, q, step);
      std::memcpy(values + 8, &high, sizeof high);
    }
    const uint32_t left = shape.cols - block * C;
    if (left >= C) std::memcpy(out + size_t(block) * C, values, C * sizeof(float));
    else std::memcpy(out + size_t(block) * C, values, left * sizeof(float));
  }
}

}  // namespace

void seedlmDecodeRow(const uint8_t* packed, const SeedlmShape& shape, float* out) {
  if (shape.blockWeights == 8) decodeRow<8, 3>(packed, shape, out);
  else decodeRow<12, 4>(packed, shape, out);
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
