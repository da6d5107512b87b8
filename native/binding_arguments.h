// Reading the arguments of a call from JavaScript. They come from node/compute/kernels/, but nothing here trusts them: a
// wrong size throws a TypeError and never reaches a kernel.
#pragma once
#include <napi.h>

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace village {

constexpr double kMaxWeights = 268435456; // 2^28, MAX_SLICE_WEIGHTS of node/compute/codecs/wire.ts

// Reads one number a call; after the first that is not what it should be, `ok` stays false.
struct Arguments {
  const Napi::CallbackInfo& info;
  size_t at;
  bool ok = true;

  double number(double smallest, double largest) {
    const Napi::Value value = info[at++];
    const double read = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
    if (read >= smallest && read <= largest) return read;
    ok = false;
    return smallest;
  }
  int32_t integer(int32_t smallest, int32_t largest) {
    const double read = number(smallest, largest);
    if (read != std::floor(read)) ok = false;
    return static_cast<int32_t>(read);
  }
};

inline bool holds(uint32_t rows, uint32_t cols) { return double(rows) * double(cols) <= kMaxWeights; }

inline bool readLevel(Arguments& arguments, SimdLevel* level) {
  const int widest = static_cast<int>(village::widestLevel());
  *level = static_cast<SimdLevel>(arguments.integer(0, widest));
  return arguments.ok;
}

inline bool isArray(const Napi::Value& value, napi_typedarray_type type) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
}

// The floats of argument `at`, or null where it is not a Float32Array of rows * cols.
inline float* matrix(const Napi::CallbackInfo& info, size_t at, uint32_t rows, uint32_t cols) {
  if (!isArray(info[at], napi_float32_array)) return nullptr;
  auto array = info[at].As<Napi::Float32Array>();
  return array.ElementLength() == size_t(rows) * cols ? array.Data() : nullptr;
}

// What an encoder may be given beside the weights: false where the argument is neither absent nor a Float32Array of
// rows * cols.
inline bool optionalMatrix(const Napi::CallbackInfo& info, size_t at, uint32_t rows, uint32_t cols,
                           const float** found) {
  *found = nullptr;
  if (info[at].IsUndefined() || info[at].IsNull()) return true;
  *found = matrix(info, at, rows, cols);
  return *found != nullptr;
}

inline uint8_t* bytes(const Napi::CallbackInfo& info, size_t at, size_t length) {
  if (!isArray(info[at], napi_uint8_array)) return nullptr;
  auto array = info[at].As<Napi::Uint8Array>();
  return array.ElementLength() == length ? array.Data() : nullptr;
}

inline void refuse(const Napi::CallbackInfo& info) {
  Napi::TypeError::New(info.Env(), "arguments do not fit the kernel").ThrowAsJavaScriptException();
}

}  // namespace village
