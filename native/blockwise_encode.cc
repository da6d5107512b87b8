// Block-wise integers: encoding, with and without error feedback. Compiled once a SIMD level. Twin:
// node/compute/reference/blockwise.ts.
#include <algorithm>

#include "blockwise_in_order.h"
#include "scratch.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

// Rows that share each read of the feedback matrix, as far as their weights fit into this much memory.
constexpr uint32_t kMaxTileRows = 64;
constexpr size_t kTileBytes = 1 << 20;
// Where a chosen block goes. Codes reach memory two or one a byte.
struct Target {
  uint8_t* row;
  const BlockwiseRow& layout;
  const BlockwiseShape& shape;

  int32_t zeroPoint(const Candidates& candidates, int k) const {
    return shape.codeLimit != 0 ? 8 : -static_cast<int32_t>(candidates.low[k]);
  }
  void putHead(uint32_t block, const Candidates& candidates, int k) const {
    putScale(row + size_t(block) * shape.scaleBytes, candidates.scale[k], shape);
    if (shape.zeroPoints) putCode(row + layout.zeroPointsAt, block, shape.bits, zeroPoint(candidates, k));
  }
  void putCodes(uint32_t first, const float* codes, uint32_t count, int32_t zeroPoint) const {
    for (uint32_t i = 0; i < count; i++)
      putCode(row + layout.codesAt, first + i, shape.bits, static_cast<int32_t>(codes[i]) + zeroPoint);
  }
};

template <bool weighted, bool halfQuadratic>
void encodeAlone(const float* data, const BlockwiseShape& shape, const BlockwiseAids& aids, uint8_t* payload) {
  const BlockwiseRow layout = blockwiseRow(shape);
  const float scaling = floatPowerOfTwo(-shape.scaleExponent);
  Candidates candidates;
  float weights[kMaxBlockSize];
  for (uint32_t row = 0; row < shape.rows; row++) {
    const Target target{payload + row * layout.bytes, layout, shape};
    for (uint32_t block = 0; block < layout.blocks; block++) {
      const uint32_t first = block * shape.blockSize;
      const uint32_t count = std::min(shape.cols - first, shape.blockSize);
      for (uint32_t i = 0; i < count; i++) weights[i] = data[size_t(row) * shape.cols + first + i] * scaling;
      const float* columnWeights = weighted ? aids.columnWeights + first : nullptr;
      const int k =
          chooseScale<weighted, halfQuadratic>(Block{weights, columnWeights, count, shape}, candidates);
      target.putHead(block, candidates, k);
      for (uint32_t i = 0; i < count; i++)
        weights[i] = nearestCode(weights[i], candidates.inverse[k], candidates.low[k], candidates.high[k]);
      target.putCodes(first, weights, count, target.zeroPoint(candidates, k));
    }
  }
}

// The scale of a block is chosen for its weights as the blocks before it left them.
template <bool weighted, bool halfQuadratic>
void encodeWithFeedback(const float* data, const BlockwiseShape& shape, const BlockwiseAids& aids, uint8_t* payload) {
  const BlockwiseRow layout = blockwiseRow(shape);
  const float scaling = floatPowerOfTwo(-shape.scaleExponent);
  const size_t cols = shape.cols;
  const size_t fitting = std::max<size_t>(1, kTileBytes / (cols * sizeof(float)));
  const uint32_t tileRows = static_cast<uint32_t>(std::min<size_t>({fitting, kMaxTileRows, shape.rows}));
  Scratch<float> weights(tileRows * cols);
  Scratch<float> errors(size_t(tileRows) * shape.blockSize);
  Candidates candidates;
  for (uint32_t start = 0; start < shape.rows; start += tileRows) {
    const uint32_t rows = std::min(shape.rows - start, tileRows);
    for (size_t i = 0; i < rows * cols; i++) weights[i] = data[start * cols + i] * scaling;
    for (uint32_t block = 0; block < layout.blocks; block++) {
      const uint32_t first = block * shape.blockSize;
      const uint32_t count = std::min(shape.cols - first, shape.blockSize);
      for (uint32_t row = 0; row < rows; row++) {
        float* part = weights.data() + row * cols + first;
        for (uint32_t i = 0; i < count; i++) part[i] = hold(part[i], kLargestAdjusted);
        const float* columnWeights = weighted ? aids.columnWeights + first : nullptr;
        const Block sight{part, columnWeights, count, shape};
        const int k = chooseScale<weighted, halfQuadratic>(sight, candidates);
        const float* factors = aids.feedback + first * cols + first;
        if (!halfQuadratic) tryScales<weighted>(sight, factors, cols, candidates, k);
        const Target target{payload + (start + row) * layout.bytes, layout, shape};
        target.putHead(block, candidates, k);
        float codes[kMaxBlockSize];
        quantiseInOrder(part, count, factors, cols, candidates, k, codes,
                        errors.data() + size_t(row) * shape.blockSize);
        target.putCodes(first, codes, count, target.zeroPoint(candidates, k));
      }
      feedBack(weights.data(), cols, errors.data(), shape.blockSize, rows, aids.feedback, cols, first, count,
               first + count, shape.cols);
    }
  }
}

template <bool weighted, bool halfQuadratic>
void encode(const float* data, const BlockwiseShape& shape, const BlockwiseAids& aids, uint8_t* payload) {
  if (aids.feedback == nullptr) encodeAlone<weighted, halfQuadratic>(data, shape, aids, payload);
  else encodeWithFeedback<weighted, halfQuadratic>(data, shape, aids, payload);
}

}  // namespace

void blockwiseEncode(const float* data, const BlockwiseShape& shape, const BlockwiseAids& aids, uint8_t* payload) {
  std::memset(payload, 0, blockwiseRow(shape).bytes * shape.rows);
  const bool weighted = aids.columnWeights != nullptr;
  if (aids.halfQuadratic) (weighted ? encode<true, true> : encode<false, true>)(data, shape, aids, payload);
  else (weighted ? encode<true, false> : encode<false, false>)(data, shape, aids, payload);
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
