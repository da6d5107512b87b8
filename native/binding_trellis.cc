// The N-API surface of native/trellis.h.
#include "binding_trellis.h"

#include "binding_arguments.h"
#include "trellis.h"

namespace village {
namespace {

// (rows, cols, bits, blockSize, scaleExponent)
bool readTrellis(Arguments& arguments, TrellisShape* shape) {
  shape->rows = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->cols = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->bits = static_cast<uint32_t>(arguments.integer(2, 4));
  shape->blockSize = static_cast<uint32_t>(arguments.integer(32, 256));
  shape->scaleExponent = arguments.integer(-100, 120);
  return arguments.ok && holds(shape->rows, shape->cols) && (shape->blockSize & (shape->blockSize - 1)) == 0;
}

// (data, payload, shape, level, columnWeights?, feedback?): fills the payload.
void encode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  TrellisShape shape{};
  SimdLevel level{};
  TrellisAids aids{};
  if (!readTrellis(arguments, &shape) || !readLevel(arguments, &level)) return refuse(info);
  const float* data = matrix(info, 0, shape.rows, shape.cols);
  uint8_t* payload = bytes(info, 1, trellisBytes(shape));
  if (data == nullptr || payload == nullptr) return refuse(info);
  if (!optionalMatrix(info, arguments.at, 1, shape.cols, &aids.columnWeights) ||
      !optionalMatrix(info, arguments.at + 1, shape.cols, shape.cols, &aids.feedback))
    return refuse(info);
  trellisEncode(data, shape, aids, level, payload);
}

// (payload, data, shape): fills the data.
void decode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  TrellisShape shape{};
  if (!readTrellis(arguments, &shape)) return refuse(info);
  const uint8_t* payload = bytes(info, 0, trellisBytes(shape));
  float* data = matrix(info, 1, shape.rows, shape.cols);
  if (data == nullptr || payload == nullptr) return refuse(info);
  trellisDecode(payload, shape, data);
}

}  // namespace

void bindTrellis(Napi::Env env, Napi::Object exports) {
  exports.Set("trellisEncode", Napi::Function::New(env, encode));
  exports.Set("trellisDecode", Napi::Function::New(env, decode));
}

}  // namespace village
