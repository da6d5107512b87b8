// Error feedback (GPTQ, arXiv 2210.17323; LDLQ, arXiv 2307.13304): what quantising column j got wrong moves the columns
// after it. For files that are compiled once a SIMD level. Twin: node/compute/reference/error-feedback.ts.
#pragma once
#include <cstddef>
#include <cstdint>

namespace village {
namespace VILLAGE_LEVEL {
namespace {

constexpr uint32_t kFeedbackLanes = VILLAGE_LANES;
// Vectors by tile: with four rows they fill half of the registers.
constexpr uint32_t kFeedbackVectors = kFeedbackLanes == 16 ? 4 : 2;
constexpr uint32_t kFeedbackRows = 4;
typedef float FeedbackLanes __attribute__((vector_size(kFeedbackLanes * sizeof(float))));
typedef float FeedbackUnaligned
    __attribute__((vector_size(kFeedbackLanes * sizeof(float)), aligned(4), may_alias));

template <uint32_t kRows>
inline void feedBackTile(float* weights, size_t stride, const float* errors, size_t errorStride,
                         const float* feedback, size_t cols, uint32_t count) {
  FeedbackLanes sums[kRows][kFeedbackVectors];
  for (uint32_t r = 0; r < kRows; r++)
    for (uint32_t v = 0; v < kFeedbackVectors; v++)
      sums[r][v] = *reinterpret_cast<const FeedbackUnaligned*>(weights + r * stride + v * kFeedbackLanes);
  for (uint32_t j = 0; j < count; j++) {
    const float* factors = feedback + j * cols;
    for (uint32_t v = 0; v < kFeedbackVectors; v++) {
      const FeedbackLanes factor = *reinterpret_cast<const FeedbackUnaligned*>(factors + v * kFeedbackLanes);
      for (uint32_t r = 0; r < kRows; r++) sums[r][v] -= errors[r * errorStride + j] * factor;
    }
  }
  for (uint32_t r = 0; r < kRows; r++)
    for (uint32_t v = 0; v < kFeedbackVectors; v++)
      *reinterpret_cast<FeedbackUnaligned*>(weights + r * stride + v * kFeedbackLanes) = sums[r][v];
}

// For each of `rows` rows of `weights` (`stride` apart) and `errors` (`errorStride` apart), for each k in from .. to - 1:
// weights[k] -= errors[j] * F[first + j][k], j = 0 .. count - 1 in order, products and differences rounded to float.
// F is cols x cols. Many rows at once share each read of F.
[[maybe_unused]] void feedBack(float* weights, size_t stride, const float* errors, size_t errorStride, uint32_t rows,
                               const float* feedback, size_t cols, uint32_t first, uint32_t count, uint32_t from,
                               uint32_t to) {
  constexpr uint32_t kWidth = kFeedbackVectors * kFeedbackLanes;
  const float* block = feedback + size_t(first) * cols;
  uint32_t k = from;
  for (; k + kWidth <= to; k += kWidth) {
    uint32_t row = 0;
    for (; row + kFeedbackRows <= rows; row += kFeedbackRows)
      feedBackTile<kFeedbackRows>(weights + row * stride + k, stride, errors + row * errorStride, errorStride,
                                  block + k, cols, count);
    for (; row < rows; row++)
      feedBackTile<1>(weights + row * stride + k, stride, errors + row * errorStride, errorStride, block + k, cols,
                      count);
  }
  for (uint32_t row = 0; row < rows; row++)
    for (uint32_t j = 0; j < count; j++) {
      const float error = errors[row * errorStride + j];
      for (uint32_t rest = k; rest < to; rest++) weights[row * stride + rest] -= error * block[j * cols + rest];
    }
}

}  // namespace
}  // namespace VILLAGE_LEVEL
}  // namespace village
