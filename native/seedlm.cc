// SeedLM (arXiv 2410.10714): from weights to packed bytes. Twin: node/compute/reference/seedlm.ts.
#include "seedlm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "f16.h"
#include "seedlm_row.h"
#include "seedlm_search.h"

namespace village {
namespace {

// Weights (after division by the scale) below this quantise to nothing at the smallest exponent.
constexpr float kNegligible = 0.000244140625f; // 2^-12
constexpr float kLargestHalf = 65504.0f;
constexpr float kProbeRange = 127.0f;
constexpr float kRounder = 12582912.0f; // see seedlm_search.cc
// Weights that are held at once, as a copy that error feedback changes.
constexpr size_t kTileWeights = 65536;

class Encoder {
 public:
  Encoder(const SeedlmShape& shape, const SeedlmAids& aids, bool exact, SimdLevel level)
      : shape_(shape), aids_(aids), exact_(exact), level_(level), row_(seedlmRow(shape)),
        C_(static_cast<int>(shape.blockWeights)), P_(static_cast<int>(shape.coefficients)),
        index_(seedlmIndex(C_)), sequence_(seedlmSequence()), roots_(shape.cols, 1.0f),
        weighted_(aids.columnWeights != nullptr || shape.outliers > 0) {
    if (aids.columnWeights != nullptr)
      for (uint32_t col = 0; col < shape.cols; col++) roots_[col] = std::sqrt(aids.columnWeights[col]);
  }

  // Encodes `rows` rows; `weights` is a copy that feedback may change.
  void tile(float* weights, uint32_t rows, uint8_t* payload) {
    isOutlier_.assign(size_t(rows) * shape_.cols, 0);
    if (shape_.outliers > 0)
      for (uint32_t row = 0; row < rows; row++)
        pickOutliers(weights + size_t(row) * shape_.cols, &isOutlier_[size_t(row) * shape_.cols],
                     payload + row * row_.bytes);
    // Blocks of a column before those of the next: their rows of the feedback stay in the cache.
    errors_.resize(size_t(rows) * kSeedlmMaxBlock);
    for (uint32_t block = 0; block < row_.blocks; block++) {
      const uint32_t first = block * shape_.blockWeights;
      const uint32_t count = std::min(shape_.blockWeights, shape_.cols - first);
      for (uint32_t row = 0; row < rows; row++) {
        const size_t start = size_t(row) * shape_.cols + first;
        const SeedlmChoice choice = choose(weights + start, &roots_[first], &isOutlier_[start], count);
        putBlock(payload + row * row_.bytes, block, choice);
        if (aids_.feedback == nullptr) continue;
        for (uint32_t c = 0; c < count; c++)
          errors_[size_t(row) * kSeedlmMaxBlock + c] =
              weights[start + c] - decoded(choice, c, weights[start + c], isOutlier_[start + c] != 0);
      }
      if (aids_.feedback != nullptr)
        VILLAGE_AT_LEVEL(level_, seedlmFeedBack)
        (weights, rows, errors_.data(), aids_.feedback, shape_.cols, first, count);
    }
    for (uint32_t row = 0; row < rows; row++)
      putOutlierValues(weights + size_t(row) * shape_.cols, payload + row * row_.bytes);
  }

 private:
  const SeedlmShape& shape_;
  const SeedlmAids& aids_;
  const bool exact_;
  const SimdLevel level_;
  const SeedlmRow row_;
  const int C_;
  const int P_;
  const SeedlmIndex& index_;
  const SeedlmSequence& sequence_;
  std::vector<float> roots_;
  const bool weighted_;
  std::vector<uint8_t> isOutlier_;
  std::vector<float> errors_; // kSeedlmMaxBlock a row
  std::vector<std::pair<float, uint32_t>> byMagnitude_;
  std::vector<uint32_t> chosen_;

  // The largest by weighted magnitude, earlier columns first among equals.
  void pickOutliers(const float* weights, uint8_t* isOutlier, uint8_t* packed) {
    byMagnitude_.clear();
    for (uint32_t col = 0; col < shape_.cols; col++)
      byMagnitude_.emplace_back(-(std::fabs(weights[col]) * roots_[col]), col);
    std::nth_element(byMagnitude_.begin(), byMagnitude_.begin() + (shape_.outliers - 1), byMagnitude_.end());
    chosen_.clear();
    for (uint32_t i = 0; i < shape_.outliers; i++) chosen_.push_back(byMagnitude_[i].second);
    std::sort(chosen_.begin(), chosen_.end());
    uint8_t* at = packed + row_.columnsAt;
    for (const uint32_t col : chosen_) {
      isOutlier[col] = 1;
      for (size_t byte = 0; byte < row_.columnBytes; byte++) *at++ = static_cast<uint8_t>(col >> (8 * byte));
    }
  }

  uint16_t outlierHalf(float weight) const { return toHalfBits(held(weight / shape_.scale)); }

  void putOutlierValues(const float* weights, uint8_t* packed) const {
    for (uint32_t i = 0; i < shape_.outliers; i++) {
      const uint16_t half = outlierHalf(weights[seedlmOutlierColumn(packed, row_, i)]);
      packed[row_.valuesAt + size_t(i) * 2] = static_cast<uint8_t>(half & 255u);
      packed[row_.valuesAt + size_t(i) * 2 + 1] = static_cast<uint8_t>(half >> 8);
    }
  }

  // Feedback of absurd aids may drive a weight beyond all bounds: it stays a number.
  static float held(float value) {
    if (!(value >= -kLargestHalf)) return value < 0 ? -kLargestHalf : 0.0f;
    return value > kLargestHalf ? kLargestHalf : value;
  }

  SeedlmChoice choose(const float* weights, const float* roots, const uint8_t* isOutlier, uint32_t count) const {
    float scaled[kSeedlmMaxBlock] = {};
    float counts[kSeedlmMaxBlock] = {};
    float largest = 0;
    for (uint32_t c = 0; c < count; c++) {
      if (isOutlier[c]) continue;
      scaled[c] = held(weights[c] / shape_.scale);
      counts[c] = roots[c];
      largest = std::max(largest, std::fabs(scaled[c]));
    }
    SeedlmChoice choice{0, -8, {0, 0, 0, 0}};
    if (!(largest >= kNegligible)) return choice;
    SeedlmProbe probe{};
    const float factor = kProbeRange / largest;
    for (int c = 0; c < C_; c++)
      probe.weights[c] = static_cast<int8_t>((scaled[c] * factor + kRounder) - kRounder);
    const SeedlmList list =
        exact_ ? seedlmEveryPosition()
               : seedlmCellList(C_, VILLAGE_AT_LEVEL(level_, seedlmCell)(index_, C_, probe), level_);
    VILLAGE_AT_LEVEL(level_, seedlmChoose)
    (index_.records, sequence_.values, C_, list, probe, scaled, weighted_ ? counts : nullptr, &choice);
    return choice;
  }

  void putBlock(uint8_t* packed, uint32_t block, const SeedlmChoice& choice) const {
    const uint32_t seed = sequence_.states[choice.position];
    packed[size_t(block) * 2] = static_cast<uint8_t>(seed & 255u);
    packed[size_t(block) * 2 + 1] = static_cast<uint8_t>(seed >> 8);
    uint8_t* nibbles = packed + row_.nibblesAt;
    size_t at = size_t(block) * (P_ + 1);
    for (int i = 0; i <= P_; i++, at++) {
      const int nibble = (i == 0 ? choice.exponent : choice.coefficients[i - 1]) + 8;
      nibbles[at >> 1] = static_cast<uint8_t>(nibbles[at >> 1] | (nibble << (at & 1 ? 4 : 0)));
    }
  }

  // Weight `c` of a block as the decoder will see it.
  float decoded(const SeedlmChoice& choice, uint32_t c, float weight, bool isOutlier) const {
    if (isOutlier) return fromHalfBits(outlierHalf(weight)) * shape_.scale;
    const float* u = sequence_.values + choice.position + c * P_;
    float sum = u[0] * static_cast<float>(choice.coefficients[0]);
    for (int p = 1; p < P_; p++) sum = sum + u[p] * static_cast<float>(choice.coefficients[p]);
    return sum * static_cast<float>(static_cast<double>(shape_.scale) * std::ldexp(1.0, choice.exponent));
  }
};

}  // namespace

size_t seedlmBytes(const SeedlmShape& shape) { return size_t(shape.rows) * seedlmRow(shape).bytes; }

void seedlmEncode(const float* data, const SeedlmShape& shape, const SeedlmAids& aids, bool exact,
                  SimdLevel level, uint8_t* payload) {
  std::memset(payload, 0, seedlmBytes(shape));
  Encoder encoder(shape, aids, exact, level);
  const size_t rowBytes = seedlmRow(shape).bytes;
  const uint32_t tileRows = static_cast<uint32_t>(std::max<size_t>(1, kTileWeights / shape.cols));
  std::vector<float> weights(size_t(std::min(tileRows, shape.rows)) * shape.cols);
  for (uint32_t row = 0; row < shape.rows; row += tileRows) {
    const uint32_t rows = std::min(tileRows, shape.rows - row);
    std::memcpy(weights.data(), data + size_t(row) * shape.cols, size_t(rows) * shape.cols * sizeof(float));
    encoder.tile(weights.data(), rows, payload + row * rowBytes);
  }
}

void seedlmDecode(const uint8_t* payload, const SeedlmShape& shape, SimdLevel level, float* data) {
  const SeedlmRow row = seedlmRow(shape);
  for (uint32_t i = 0; i < shape.rows; i++) {
    const uint8_t* packed = payload + i * row.bytes;
    float* out = data + size_t(i) * shape.cols;
    VILLAGE_AT_LEVEL(level, seedlmDecodeRow)(packed, shape, out);
    for (uint32_t k = 0; k < shape.outliers; k++) {
      const uint32_t col = seedlmOutlierColumn(packed, row, k);
      if (col < shape.cols) out[col] = fromHalfBits(seedlmOutlierValue(packed, row, k)) * shape.scale;
    }
  }
}

}  // namespace village
