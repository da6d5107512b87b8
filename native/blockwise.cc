// Block-wise integers: sizes, decoding, and the choice of the encoder. Twin: node/compute/reference/blockwise.ts.
#include "blockwise_layout.h"

namespace village {
namespace {

template <uint32_t bits>
void decodeBlock(const uint8_t* codes, uint32_t count, int32_t zeroPoint, float scale, float* out) {
  if (bits == 8) {
    for (uint32_t i = 0; i < count; i++) out[i] = static_cast<float>(int32_t(codes[i]) - zeroPoint) * scale;
    return;
  }
  // A block begins on a byte: its size is even.
  for (uint32_t i = 0; i < count / 2; i++) {
    out[2 * i] = static_cast<float>(int32_t(codes[i] & 15) - zeroPoint) * scale;
    out[2 * i + 1] = static_cast<float>(int32_t(codes[i] >> 4) - zeroPoint) * scale;
  }
  if (count & 1) out[count - 1] = static_cast<float>(int32_t(codes[count / 2] & 15) - zeroPoint) * scale;
}

template <uint32_t bits>
void decode(const uint8_t* payload, const BlockwiseShape& shape, float* data) {
  const BlockwiseRow layout = blockwiseRow(shape);
  for (uint32_t row = 0; row < shape.rows; row++) {
    const uint8_t* packed = payload + row * layout.bytes;
    float* out = data + size_t(row) * shape.cols;
    for (uint32_t block = 0; block < layout.blocks; block++) {
      const float scale = getScale(packed + size_t(block) * shape.scaleBytes, shape);
      const int32_t zeroPoint =
          shape.zeroPoints ? getCode(packed + layout.zeroPointsAt, block, bits) : 1 << (bits - 1);
      const uint32_t first = block * shape.blockSize;
      const uint32_t count = shape.cols - first < shape.blockSize ? shape.cols - first : shape.blockSize;
      decodeBlock<bits>(packed + layout.codesAt + size_t(first) * bits / 8, count, zeroPoint, scale, out + first);
    }
  }
}

}  // namespace

size_t blockwiseBytes(const BlockwiseShape& shape) { return blockwiseRow(shape).bytes * shape.rows; }

void blockwiseEncode(const float* data, const BlockwiseShape& shape, const BlockwiseAids& aids, SimdLevel level,
                     uint8_t* payload) {
  VILLAGE_AT_LEVEL(level, blockwiseEncode)(data, shape, aids, payload);
}

void blockwiseDecode(const uint8_t* payload, const BlockwiseShape& shape, float* data) {
  (shape.bits == 4 ? decode<4> : decode<8>)(payload, shape, data);
}

}  // namespace village
