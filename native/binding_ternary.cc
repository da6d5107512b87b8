// The N-API surface of native/ternary.h.
#include "binding_ternary.h"

#include <limits>

#include "binding_arguments.h"
#include "ternary.h"

namespace village {
namespace {

// (rows, cols, perByte, rowScales, scale)
bool readTernary(Arguments& arguments, TernaryShape* shape) {
  shape->rows = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->cols = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->perByte = static_cast<uint32_t>(arguments.integer(4, 5));
  shape->rowScales = arguments.integer(0, 1) == 1;
  shape->scale = static_cast<float>(arguments.number(0, std::numeric_limits<float>::max()));
  return arguments.ok && holds(shape->rows, shape->cols);
}

// (data, payload, shape): fills the payload; true where nothing was lost.
Napi::Value encode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  TernaryShape shape{};
  const bool readable = readTernary(arguments, &shape);
  const float* data = readable ? matrix(info, 0, shape.rows, shape.cols) : nullptr;
  uint8_t* payload = readable ? bytes(info, 1, ternaryBytes(shape)) : nullptr;
  if (data == nullptr || payload == nullptr) {
    refuse(info);
    return info.Env().Undefined();
  }
  return Napi::Boolean::New(info.Env(), ternaryEncode(data, shape, payload));
}

// (payload, data, shape): fills the data; false where the payload is not valid.
Napi::Value decode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  TernaryShape shape{};
  const bool readable = readTernary(arguments, &shape);
  const uint8_t* payload = readable ? bytes(info, 0, ternaryBytes(shape)) : nullptr;
  float* data = readable ? matrix(info, 1, shape.rows, shape.cols) : nullptr;
  if (data == nullptr || payload == nullptr) {
    refuse(info);
    return info.Env().Undefined();
  }
  return Napi::Boolean::New(info.Env(), ternaryDecode(payload, shape, data));
}

}  // namespace

void bindTernary(Napi::Env env, Napi::Object exports) {
  exports.Set("ternaryEncode", Napi::Function::New(env, encode));
  exports.Set("ternaryDecode", Napi::Function::New(env, decode));
}

}  // namespace village
