// The N-API surface of native/seedlm.h.
#include "binding_seedlm.h"

#include <limits>

#include "binding_arguments.h"
#include "seedlm.h"

namespace village {
namespace {

// (rows, cols, blockWeights, coefficients, scale, outliers)
bool readSeedlm(Arguments& arguments, SeedlmShape* shape) {
  shape->rows = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->cols = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->blockWeights = static_cast<uint32_t>(arguments.integer(8, 12));
  shape->coefficients = static_cast<uint32_t>(arguments.integer(3, 4));
  shape->scale = static_cast<float>(
      arguments.number(std::numeric_limits<float>::min(), std::numeric_limits<float>::max()));
  shape->outliers = static_cast<uint32_t>(arguments.integer(0, 1 << 28));
  return arguments.ok && holds(shape->rows, shape->cols) && shape->outliers <= shape->cols &&
         ((shape->blockWeights == 8 && shape->coefficients == 3) ||
          (shape->blockWeights == 12 && shape->coefficients == 4));
}

// (data, payload, shape, level, exact, columnWeights?, feedback?): fills the payload.
void encode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  SeedlmShape shape{};
  SimdLevel level{};
  SeedlmAids aids{};
  if (!readSeedlm(arguments, &shape) || !readLevel(arguments, &level)) return refuse(info);
  const bool exact = arguments.integer(0, 1) == 1;
  const float* data = matrix(info, 0, shape.rows, shape.cols);
  uint8_t* payload = bytes(info, 1, seedlmBytes(shape));
  if (!arguments.ok || data == nullptr || payload == nullptr) return refuse(info);
  if (!optionalMatrix(info, arguments.at, 1, shape.cols, &aids.columnWeights) ||
      !optionalMatrix(info, arguments.at + 1, shape.cols, shape.cols, &aids.feedback))
    return refuse(info);
  seedlmEncode(data, shape, aids, exact, level, payload);
}

// (payload, data, shape, level): fills the data.
void decode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  SeedlmShape shape{};
  SimdLevel level{};
  if (!readSeedlm(arguments, &shape) || !readLevel(arguments, &level)) return refuse(info);
  const uint8_t* payload = bytes(info, 0, seedlmBytes(shape));
  float* data = matrix(info, 1, shape.rows, shape.cols);
  if (data == nullptr || payload == nullptr) return refuse(info);
  seedlmDecode(payload, shape, level, data);
}

}  // namespace

void bindSeedlm(Napi::Env env, Napi::Object exports) {
  exports.Set("seedlmEncode", Napi::Function::New(env, encode));
  exports.Set("seedlmDecode", Napi::Function::New(env, decode));
}

}  // namespace village
