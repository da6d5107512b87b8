// Block-wise integers: the search for the scale (and zero point) of a block. For files that are compiled once a SIMD
// level. Twin: node/compute/reference/blockwise-search.ts. All is done on weights over 2^scaleExponent, where squares
// neither vanish nor overflow. Lanes run the candidates of a block side by side; each candidate's sums are taken over
// the weights in order, in fp32.
#pragma once
#include <cmath>

#include "blockwise_layout.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

constexpr int kCandidates = 32;
constexpr int kRefinements = 4;
constexpr int kHalfQuadraticRounds = 20;
// The weight of the quadratic term of the splitting, and its growth by round (HQQ, beta and kappa).
constexpr float kBeta = 4.0f;
constexpr float kBetaGrowth = 1.0625f;
constexpr float kInfinity = __builtin_inff();
// Adding and taking away 1.5 * 2^23 rounds a float below 2^22 to the nearest integer, ties to even.
constexpr float kRounder = 12582912.0f;

// How a block's codes become weights: code * scale, with codes from low to high; low is minus the zero point.
struct Candidates {
  float scale[kCandidates];
  float inverse[kCandidates];
  float low[kCandidates];
  float high[kCandidates];
};

// A block as the search sees it. The templates take `weighted` (otherwise all columns count 1) and `halfQuadratic` (the
// splitting for the sum of |error|^(3/4), otherwise least squares).
struct Block {
  const float* weights;
  const float* columnWeights;
  uint32_t count;
  const BlockwiseShape& shape;
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

void symmetric(const Block& block, Candidates& candidates) {
  const BlockwiseShape& shape = block.shape;
  float extreme = 0;
  for (uint32_t i = 0; i < block.count; i++)
    if (magnitude(block.weights[i]) > magnitude(extreme)) extreme = block.weights[i];
  const bool limited = shape.codeLimit != 0;
  const float low = limited ? -static_cast<float>(shape.codeLimit) : shape.bits == 4 ? -8.0f : -128.0f;
  const float high = limited ? static_cast<float>(shape.codeLimit) : -low - 1.0f;
  for (int k = 0; k < kCandidates; k++) {
    candidates.low[k] = low;
    candidates.high[k] = high;
    // Few codes want much clipping: down to 0.516. Otherwise the extreme weight takes the code furthest from zero on
    // the long side, then on the short one.
    const float share = limited ? 1.0f - static_cast<float>(k) / 64.0f : shrink(k & 15, shape);
    setScale(candidates, k, extreme / (k < 16 ? low : high) * share, shape);
  }
}

void withZeroPoint(const Block& block, Candidates& candidates) {
  const BlockwiseShape& shape = block.shape;
  float smallest = 0;
  float largest = 0;
  for (uint32_t i = 0; i < block.count; i++) {
    if (block.weights[i] < smallest) smallest = block.weights[i];
    if (block.weights[i] > largest) largest = block.weights[i];
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

// difference^2, or |difference|^(3/4) from square roots: HQQ takes 0.7, which no correctly rounded function gives.
template <bool halfQuadratic>
inline float costOf(float difference) {
  if (!halfQuadratic) return difference * difference;
  const float root = std::sqrt(magnitude(difference));
  return root * std::sqrt(root);
}

template <bool weighted>
int best(const Block& block, const Candidates& candidates, float* error) {
  float errors[kCandidates] = {0};
  for (uint32_t i = 0; i < block.count; i++) {
    const float weight = block.weights[i];
    const float columnWeight = weighted ? block.columnWeights[i] : 1.0f;
    for (int k = 0; k < kCandidates; k++) {
      const float code = nearestCode(weight, candidates.inverse[k], candidates.low[k], candidates.high[k]);
      const float cost = costOf<false>(weight - code * candidates.scale[k]);
      errors[k] += weighted ? cost * columnWeight : cost;
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

template <bool weighted, bool halfQuadratic>
float errorOf(const Block& block, const Candidates& candidates, int k) {
  float sum = 0;
  for (uint32_t i = 0; i < block.count; i++) {
    const float weight = block.weights[i];
    const float code = nearestCode(weight, candidates.inverse[k], candidates.low[k], candidates.high[k]);
    const float cost = costOf<halfQuadratic>(weight - code * candidates.scale[k]);
    sum += weighted ? cost * block.columnWeights[i] : cost;
  }
  return sum;
}

// With the codes held, the best scale is a least-squares quotient; with the scale held, the best codes are
// the nearest.
template <bool weighted>
void refine(const Block& block, Candidates& candidates, int k, float error) {
  for (int round = 0; round < kRefinements; round++) {
    const float low = candidates.low[k];
    const float high = candidates.high[k];
    float product = 0;
    float square = 0;
    for (uint32_t i = 0; i < block.count; i++) {
      const float weight = block.weights[i];
      const float code = nearestCode(weight, candidates.inverse[k], low, high);
      product += weighted ? weight * block.columnWeights[i] * code : weight * code;
      square += weighted ? code * code * block.columnWeights[i] : code * code;
    }
    if (!(square > 0)) return;
    const float scale = candidates.scale[k];
    const float inverse = candidates.inverse[k];
    setScale(candidates, k, product / square, block.shape);
    const float refined = errorOf<weighted, false>(block, candidates, k);
    if (!(refined < error)) {
      candidates.scale[k] = scale;
      candidates.inverse[k] = inverse;
      return;
    }
    error = refined;
  }
}

// What HQQ (Badri and Shaji, 2023, equation 8) subtracts from an error of the least squares: the part that is held to
// be an outlier, sign(x) * max(0, |x| - |x|^(-1/4) / beta) with x in steps of the scale.
inline float outlier(float steps, float inverseBeta) {
  const float size = magnitude(steps);
  const float shrunk = size - inverseBeta / std::sqrt(std::sqrt(size));
  if (!(shrunk > 0)) return 0;
  return steps < 0 ? -shrunk : shrunk;
}

// HQQ's alternation of outliers and scale (and zero point), while the cost falls.
template <bool weighted>
void splitOutliers(const Block& block, Candidates& candidates, int k) {
  float error = errorOf<weighted, true>(block, candidates, k);
  float inverseBeta = 1.0f / kBeta;
  const float levels = block.shape.bits == 4 ? 15.0f : 255.0f;
  for (int round = 0; round < kHalfQuadraticRounds; round++) {
    const float scale = candidates.scale[k];
    const float inverse = candidates.inverse[k];
    const float low = candidates.low[k];
    const float high = candidates.high[k];
    float product = 0;
    float square = 0;
    float offset = 0;
    float total = 0;
    for (uint32_t i = 0; i < block.count; i++) {
      const float columnWeight = weighted ? block.columnWeights[i] : 1.0f;
      const float code = nearestCode(block.weights[i], inverse, low, high);
      const float steps = block.weights[i] * inverse;
      const float target = steps - outlier(steps - code, inverseBeta);
      product += target * columnWeight * code;
      square += code * code * columnWeight;
      offset += (code - target) * columnWeight;
      total += columnWeight;
    }
    if (!(square > 0)) return;
    if (block.shape.zeroPoints) {
      const float zeroPoint = nearestCode(offset / total - low, 1.0f, 0.0f, levels);
      candidates.low[k] = 0.0f - zeroPoint;
      candidates.high[k] = levels - zeroPoint;
    }
    setScale(candidates, k, scale * (product / square), block.shape);
    const float refined = errorOf<weighted, true>(block, candidates, k);
    if (!(refined < error)) {
      candidates.scale[k] = scale;
      candidates.inverse[k] = inverse;
      candidates.low[k] = low;
      candidates.high[k] = high;
      return;
    }
    error = refined;
    inverseBeta *= 1.0f / kBetaGrowth;
  }
}

// The candidate of least squared error, refined; for HQQ the alternation goes on from there.
template <bool weighted, bool halfQuadratic>
int chooseScale(const Block& block, Candidates& candidates) {
  if (block.shape.zeroPoints) withZeroPoint(block, candidates);
  else symmetric(block, candidates);
  float error;
  const int chosen = best<weighted>(block, candidates, &error);
  refine<weighted>(block, candidates, chosen, error);
  if (halfQuadratic) splitOutliers<weighted>(block, candidates, chosen);
  return chosen;
}

}  // namespace
}  // namespace VILLAGE_LEVEL
}  // namespace village
