// Block-wise integers: the search for the scale (and zero point) of least squared error. Compiled once a SIMD
// level. Twin: node/compute/reference/blockwise.ts. All is done on weights over 2^scaleExponent, where
// squares neither vanish nor overflow. Lanes run the candidates of a block side by side; each candidate's
// sums are taken over the weights in order, in fp32.
#include "blockwise_layout.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

constexpr int kCandidates = 32;
constexpr int kRefinements = 4;
constexpr uint32_t kMaxBlockSize = 256;
constexpr float kInfinity = __builtin_inff();
// Adding and taking away 1.5 * 2^23 rounds a float below 2^22 to the nearest integer, ties to even.
constexpr float kRounder = 12582912.0f;

struct Candidates {
  float scale[kCandidates];
  float inverse[kCandidates];
  float low[kCandidates];
  float high[kCandidates];
};

inline float magnitude(float value) { return value < 0 ? -value : value; }

inline float nearestCode(float weight, float inverse, float low, float high) {
  float x = weight * inverse;
  x = x < low ? low : x;
  x = x > high ? high : x;
  return (x + kRounder) - kRounder;
}

// Rounds the scale as it will be stored; a scale without a finite inverse stands for a block of zeros.
inline void setScale(Candidates& candidates, int k, float scale, const BlockwiseShape& shape) {
  const float stored = storedScale(scale, shape);
  const float inverse = 1.0f / stored;
  const bool usable = inverse < kInfinity && inverse > -kInfinity;
  candidates.scale[k] = usable ? stored : 0.0f;
  candidates.inverse[k] = usable ? inverse : 0.0f;
}

// The share of the range that candidate k of 16 keeps: down to 0.625 at 4 bits, 0.953 at 8.
inline float shrink(int k, const BlockwiseShape& shape) {
  return 1.0f - static_cast<float>(k) / (shape.bits == 4 ? 40.0f : 320.0f);
}

void symmetric(const float* weights, uint32_t count, const BlockwiseShape& shape, Candidates& candidates) {
  float extreme = 0;
  for (uint32_t i = 0; i < count; i++)
    if (magnitude(weights[i]) > magnitude(extreme)) extreme = weights[i];
  const float low = shape.bits == 4 ? -8.0f : -128.0f;
  const float high = -low - 1.0f;
  for (int k = 0; k < kCandidates; k++) {
    // The extreme weight takes the code furthest from zero on the long side, then on the short one.
    const float full = extreme / (k < 16 ? low : high);
    candidates.low[k] = low;
    candidates.high[k] = high;
    setScale(candidates, k, full * shrink(k & 15, shape), shape);
  }
}

void withZeroPoint(const float* weights, uint32_t count, const BlockwiseShape& shape,
                   Candidates& candidates) {
  float smallest = 0;
  float largest = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (weights[i] < smallest) smallest = weights[i];
    if (weights[i] > largest) largest = weights[i];
  }
  const float levels = shape.bits == 4 ? 15.0f : 255.0f;
  for (int k = 0; k < kCandidates; k++) {
    // 16 shrink both ends, 8 the lower end alone, 8 the upper end alone.
    const float lower = k < 16 ? shrink(k, shape) : k < 24 ? shrink(2 * (k - 15), shape) : 1.0f;
    const float upper = k < 16 ? shrink(k, shape) : k < 24 ? 1.0f : shrink(2 * (k - 23), shape);
    const float from = smallest * lower;
    setScale(candidates, k, (largest * upper - from) / levels, shape);
    const float zeroPoint = nearestCode(-from, candidates.inverse[k], 0.0f, levels);
    candidates.low[k] = 0.0f - zeroPoint;
    candidates.high[k] = levels - zeroPoint;
  }
}

int best(const float* weights, uint32_t count, const Candidates& candidates, float* error) {
  float errors[kCandidates] = {0};
  for (uint32_t i = 0; i < count; i++) {
    const float weight = weights[i];
    for (int k = 0; k < kCandidates; k++) {
      const float code = nearestCode(weight, candidates.inverse[k], candidates.low[k], candidates.high[k]);
      const float difference = weight - code * candidates.scale[k];
      errors[k] += difference * difference;
    }
  }
  int chosen = 0;
  *error = kInfinity;
  for (int k = 0; k < kCandidates; k++)
    if (errors[k] < *error) {
      *error = errors[k];
      chosen = k;
    }
  return chosen;
}

// With the codes held, the best scale is a least-squares quotient; with the scale held, the best codes are
// the nearest.
void refine(const float* weights, uint32_t count, const BlockwiseShape& shape, Candidates& candidates, int k,
            float error) {
  for (int round = 0; round < kRefinements; round++) {
    const float low = candidates.low[k];
    const float high = candidates.high[k];
    float product = 0;
    float square = 0;
    for (uint32_t i = 0; i < count; i++) {
      const float code = nearestCode(weights[i], candidates.inverse[k], low, high);
      product += weights[i] * code;
      square += code * code;
    }
    if (!(square > 0)) return;
    const float scale = candidates.scale[k];
    const float inverse = candidates.inverse[k];
    setScale(candidates, k, product / square, shape);
    float refined = 0;
    for (uint32_t i = 0; i < count; i++) {
      const float difference =
          weights[i] - nearestCode(weights[i], candidates.inverse[k], low, high) * candidates.scale[k];
      refined += difference * difference;
    }
    if (!(refined < error)) {
      candidates.scale[k] = scale;
      candidates.inverse[k] = inverse;
      return;
    }
    error = refined;
  }
}

}  // namespace

void blockwiseEncode(const float* data, const BlockwiseShape& shape, uint8_t* payload) {
  const BlockwiseRow layout = blockwiseRow(shape);
  std::memset(payload, 0, layout.bytes * shape.rows);
  Candidates candidates;
  float weights[kMaxBlockSize];
  const float scaling = floatPowerOfTwo(-shape.scaleExponent);
  for (uint32_t row = 0; row < shape.rows; row++) {
    uint8_t* packed = payload + row * layout.bytes;
    for (uint32_t block = 0; block < layout.blocks; block++) {
      const uint32_t first = block * shape.blockSize;
      const uint32_t count = shape.cols - first < shape.blockSize ? shape.cols - first : shape.blockSize;
      for (uint32_t i = 0; i < count; i++) weights[i] = data[size_t(row) * shape.cols + first + i] * scaling;
      if (shape.zeroPoints) withZeroPoint(weights, count, shape, candidates);
      else symmetric(weights, count, shape, candidates);
      float error;
      const int k = best(weights, count, candidates, &error);
      refine(weights, count, shape, candidates, k, error);
      const int32_t zeroPoint = -static_cast<int32_t>(candidates.low[k]);
      putScale(packed + size_t(block) * shape.scaleBytes, candidates.scale[k], shape);
      if (shape.zeroPoints) putCode(packed + layout.zeroPointsAt, block, shape.bits, zeroPoint);
      for (uint32_t i = 0; i < count; i++) {
        const float code =
            nearestCode(weights[i], candidates.inverse[k], candidates.low[k], candidates.high[k]);
        putCode(packed + layout.codesAt, first + i, shape.bits, static_cast<int32_t>(code) + zeroPoint);
      }
    }
  }
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
