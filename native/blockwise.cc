// Block-wise integers: sizes, decoding and the choice of the encoder. Twin: node/compute/reference/blockwise.ts.
#include "blockwise_layout.h"

namespace village {

size_t blockwiseBytes(const BlockwiseShape& shape) { return blockwiseRow(shape).bytes * shape.rows; }

void blockwiseEncode(const float* data, const BlockwiseShape& shape, SimdLevel level, uint8_t* payload) {
  VILLAGE_AT_LEVEL(level, blockwiseEncode)(data, shape, payload);
}

void blockwiseDecode(const uint8_t* payload, const BlockwiseShape& shape, float* data) {
  const BlockwiseRow layout = blockwiseRow(shape);
  const int32_t middle = shape.bits == 4 ? 8 : 128;
  for (uint32_t row = 0; row < shape.rows; row++) {
    const uint8_t* packed = payload + row * layout.bytes;
    float* out = data + size_t(row) * shape.cols;
    for (uint32_t block = 0; block < layout.blocks; block++) {
      const float scale = getScale(packed + size_t(block) * shape.scaleBytes, shape);
      const int32_t zeroPoint =
          shape.zeroPoints ? getCode(packed + layout.zeroPointsAt, block, shape.bits) : middle;
      const uint32_t first = block * shape.blockSize;
      const uint32_t end = shape.cols - first < shape.blockSize ? shape.cols : first + shape.blockSize;
      for (uint32_t col = first; col < end; col++)
        out[col] = static_cast<float>(getCode(packed + layout.codesAt, col, shape.bits) - zeroPoint) * scale;
    }
  }
}

}  // namespace village
