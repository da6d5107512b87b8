// Block-wise integers with error feedback: the columns of one block, one after the other. For files that are compiled
// once a SIMD level. Twin: node/compute/reference/blockwise-in-order.ts.
#pragma once
#include "blockwise_search.h"
#include "error_feedback.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

constexpr uint32_t kMaxBlockSize = 256;
// Scales that a block is tried with: 0.875 to 1.25 times the one that was chosen without a look at the feedback.
constexpr int kTries = 16;
constexpr int kUnchanged = 5;
// As large as feedback may make a weight over 2^scaleExponent: its scale can still be stored.
constexpr float kLargestAdjusted = 131072.0f;

// Lanes run the tries.
constexpr int kTryVectors = kTries / static_cast<int>(kFeedbackLanes);

inline FeedbackLanes all(float value) { return value - FeedbackLanes{}; }

// For floats and for vectors of them. Infinities, and the NaN of their difference, are held too.
template <typename Lanes>
inline Lanes hold(Lanes weight, Lanes largest) {
  const Lanes floor = weight >= -largest ? weight : -largest;
  return floor > largest ? largest : floor;
}

inline FeedbackLanes nearestCodes(FeedbackLanes weight, FeedbackLanes inverse, FeedbackLanes low, FeedbackLanes high) {
  FeedbackLanes x = weight * inverse;
  x = x < low ? low : x;
  x = x > high ? high : x;
  return (x + kRounder) - kRounder;
}

// Sets the scale under which the errors that are left after the feedback within the block cost least: theirs is the
// error of the outputs. `factors` are the block's rows and columns of F, its rows `cols` apart.
template <bool weighted>
void tryScales(const Block& block, const float* factors, size_t cols, Candidates& candidates, int k) {
  Candidates tries;
  for (int t = 0; t < kTries; t++)
    setScale(tries, t, candidates.scale[k] * (1.0f + static_cast<float>(t - kUnchanged) / 40.0f), block.shape);
  const FeedbackLanes low = all(candidates.low[k]);
  const FeedbackLanes high = all(candidates.high[k]);
  const FeedbackLanes largest = all(kLargestAdjusted);
  FeedbackLanes scales[kTryVectors];
  FeedbackLanes inverses[kTryVectors];
  FeedbackLanes costs[kTryVectors] = {};
  std::memcpy(scales, tries.scale, sizeof scales);
  std::memcpy(inverses, tries.inverse, sizeof inverses);
  FeedbackLanes weights[kMaxBlockSize][kTryVectors];
  for (uint32_t i = 0; i < block.count; i++)
    for (int v = 0; v < kTryVectors; v++) weights[i][v] = all(block.weights[i]);
  for (uint32_t i = 0; i < block.count; i++) {
    FeedbackLanes errors[kTryVectors];
    for (int v = 0; v < kTryVectors; v++) {
      const FeedbackLanes weight = hold(weights[i][v], largest);
      errors[v] = weight - nearestCodes(weight, inverses[v], low, high) * scales[v];
      costs[v] += weighted ? errors[v] * errors[v] * block.columnWeights[i] : errors[v] * errors[v];
    }
    const float* row = factors + i * cols;
    for (uint32_t rest = i + 1; rest < block.count; rest++)
      for (int v = 0; v < kTryVectors; v++) weights[rest][v] -= errors[v] * row[rest];
  }
  float sums[kTries];
  std::memcpy(sums, costs, sizeof sums);
  int chosen = kUnchanged;
  float least = kInfinity;
  for (int t = 0; t < kTries; t++)
    if (sums[t] < least) {
      least = sums[t];
      chosen = t;
    }
  candidates.scale[k] = tries.scale[chosen];
  candidates.inverse[k] = tries.inverse[chosen];
}

// Rounds the weights in order and leaves their errors; each error moves the columns of the block that follow.
void quantiseInOrder(float* weights, uint32_t count, const float* factors, size_t cols, const Candidates& candidates,
                     int k, float* codes, float* errors) {
  for (uint32_t i = 0; i < count; i++) {
    const float weight = hold(weights[i], kLargestAdjusted);
    const float code = nearestCode(weight, candidates.inverse[k], candidates.low[k], candidates.high[k]);
    const float error = weight - code * candidates.scale[k];
    codes[i] = code;
    errors[i] = error;
    const float* row = factors + i * cols;
    for (uint32_t rest = i + 1; rest < count; rest++) weights[rest] -= error * row[rest];
  }
}

}  // namespace
}  // namespace VILLAGE_LEVEL
}  // namespace village
