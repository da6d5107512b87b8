// The N-API surface of native/blockwise.h.
#include "binding_blockwise.h"

#include "binding_arguments.h"
#include "blockwise.h"

namespace village {
namespace {

// (rows, cols, bits, blockSize, zeroPoints, scaleBytes, scaleExponent)
bool readBlockwise(Arguments& arguments, BlockwiseShape* shape) {
  shape->rows = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->cols = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->bits = static_cast<uint32_t>(arguments.integer(4, 8));
  shape->blockSize = static_cast<uint32_t>(arguments.integer(16, 256));
  shape->zeroPoints = arguments.integer(0, 1) == 1;
  shape->scaleBytes = static_cast<uint32_t>(arguments.integer(2, 4));
  shape->scaleExponent = arguments.integer(-100, 100);
  return arguments.ok && holds(shape->rows, shape->cols) && (shape->bits == 4 || shape->bits == 8) &&
         (shape->scaleBytes == 2 || shape->scaleBytes == 4) &&
         (shape->blockSize & (shape->blockSize - 1)) == 0;
}

// (data, payload, shape, level, codeLimit, halfQuadratic, columnWeights?, feedback?): fills the payload.
void encode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  BlockwiseShape shape{};
  SimdLevel level{};
  BlockwiseAids aids{};
  if (!readBlockwise(arguments, &shape) || !readLevel(arguments, &level)) return refuse(info);
  shape.codeLimit = static_cast<uint32_t>(arguments.integer(0, 7));
  aids.halfQuadratic = arguments.integer(0, 1) == 1;
  if (!arguments.ok || (shape.codeLimit != 0 && (shape.zeroPoints || shape.bits != 4))) return refuse(info);
  const float* data = matrix(info, 0, shape.rows, shape.cols);
  uint8_t* payload = bytes(info, 1, blockwiseBytes(shape));
  if (data == nullptr || payload == nullptr) return refuse(info);
  if (!optionalMatrix(info, arguments.at, 1, shape.cols, &aids.columnWeights) ||
      !optionalMatrix(info, arguments.at + 1, shape.cols, shape.cols, &aids.feedback))
    return refuse(info);
  blockwiseEncode(data, shape, aids, level, payload);
}

// (payload, data, shape): fills the data.
void decode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  BlockwiseShape shape{};
  if (!readBlockwise(arguments, &shape)) return refuse(info);
  const uint8_t* payload = bytes(info, 0, blockwiseBytes(shape));
  float* data = matrix(info, 1, shape.rows, shape.cols);
  if (data == nullptr || payload == nullptr) return refuse(info);
  blockwiseDecode(payload, shape, data);
}

}  // namespace

void bindBlockwise(Napi::Env env, Napi::Object exports) {
  exports.Set("blockwiseEncode", Napi::Function::New(env, encode));
  exports.Set("blockwiseDecode", Napi::Function::New(env, decode));
}

}  // namespace village
