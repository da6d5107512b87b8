// The N-API surface of the kernels: checks types and sizes, calls, returns. Arguments come from
// node/compute/kernels.ts, but nothing here trusts them: a wrong size throws a TypeError and never reaches a
// kernel.
#include <napi.h>

#include <cmath>
#include <limits>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "kernels.h"

namespace {

using village::BlockwiseShape;
using village::SeedlmShape;
using village::SimdLevel;

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

bool holds(uint32_t rows, uint32_t cols) { return double(rows) * double(cols) <= kMaxWeights; }

bool readLevel(Arguments& arguments, SimdLevel* level) {
  const int widest = static_cast<int>(village::widestLevel());
  *level = static_cast<SimdLevel>(arguments.integer(0, widest));
  return arguments.ok;
}

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

// (rows, cols, blockWeights, coefficients, scale)
bool readSeedlm(Arguments& arguments, SeedlmShape* shape) {
  shape->rows = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->cols = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->blockWeights = static_cast<uint32_t>(arguments.integer(8, 12));
  shape->coefficients = static_cast<uint32_t>(arguments.integer(3, 4));
  shape->scale = static_cast<float>(
      arguments.number(std::numeric_limits<float>::min(), std::numeric_limits<float>::max()));
  return arguments.ok && holds(shape->rows, shape->cols) &&
         ((shape->blockWeights == 8 && shape->coefficients == 3) ||
          (shape->blockWeights == 12 && shape->coefficients == 4));
}

bool isArray(const Napi::Value& value, napi_typedarray_type type) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
}

// The floats of argument `at`, or null where it is not a Float32Array of rows * cols.
float* matrix(const Napi::CallbackInfo& info, size_t at, uint32_t rows, uint32_t cols) {
  if (!isArray(info[at], napi_float32_array)) return nullptr;
  auto array = info[at].As<Napi::Float32Array>();
  return array.ElementLength() == size_t(rows) * cols ? array.Data() : nullptr;
}

uint8_t* bytes(const Napi::CallbackInfo& info, size_t at, size_t length) {
  if (!isArray(info[at], napi_uint8_array)) return nullptr;
  auto array = info[at].As<Napi::Uint8Array>();
  return array.ElementLength() == length ? array.Data() : nullptr;
}

void refuse(const Napi::CallbackInfo& info) {
  Napi::TypeError::New(info.Env(), "arguments do not fit the kernel").ThrowAsJavaScriptException();
}

// (data, payload, shape, level): fills the payload.
void blockwiseEncode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  BlockwiseShape shape{};
  SimdLevel level{};
  if (!readBlockwise(arguments, &shape) || !readLevel(arguments, &level)) return refuse(info);
  const float* data = matrix(info, 0, shape.rows, shape.cols);
  uint8_t* payload = bytes(info, 1, village::blockwiseBytes(shape));
  if (data == nullptr || payload == nullptr) return refuse(info);
  village::blockwiseEncode(data, shape, level, payload);
}

// (payload, data, shape): fills the data.
void blockwiseDecode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  BlockwiseShape shape{};
  if (!readBlockwise(arguments, &shape)) return refuse(info);
  const uint8_t* payload = bytes(info, 0, village::blockwiseBytes(shape));
  float* data = matrix(info, 1, shape.rows, shape.cols);
  if (data == nullptr || payload == nullptr) return refuse(info);
  village::blockwiseDecode(payload, shape, data);
}

// (data, payload, shape, level): fills the payload.
void seedlmEncode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  SeedlmShape shape{};
  SimdLevel level{};
  if (!readSeedlm(arguments, &shape) || !readLevel(arguments, &level)) return refuse(info);
  const float* data = matrix(info, 0, shape.rows, shape.cols);
  uint8_t* payload = bytes(info, 1, village::seedlmBytes(shape));
  if (data == nullptr || payload == nullptr) return refuse(info);
  village::seedlmEncode(data, shape, level, payload);
}

// (payload, data, shape): fills the data.
void seedlmDecode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  SeedlmShape shape{};
  if (!readSeedlm(arguments, &shape)) return refuse(info);
  const uint8_t* payload = bytes(info, 0, village::seedlmBytes(shape));
  float* data = matrix(info, 1, shape.rows, shape.cols);
  if (data == nullptr || payload == nullptr) return refuse(info);
  village::seedlmDecode(payload, shape, data);
}

// Gives memory that was freed back to the system. glibc keeps it by thread otherwise: a daemon whose sessions are gone
// would stay as large as it was with them. Other C libraries give it back by themselves.
void releaseMemory([[maybe_unused]] const Napi::CallbackInfo& info) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  const int widest = static_cast<int>(village::widestLevel());
  auto levels = Napi::Array::New(env, size_t(widest) + 1);
  for (int level = 0; level <= widest; level++)
    levels.Set(uint32_t(level), village::levelName(static_cast<SimdLevel>(level)));
  exports.Set("revision", village::kRevision);
  exports.Set("levels", levels);
  exports.Set("blockwiseEncode", Napi::Function::New(env, blockwiseEncode));
  exports.Set("blockwiseDecode", Napi::Function::New(env, blockwiseDecode));
  exports.Set("seedlmEncode", Napi::Function::New(env, seedlmEncode));
  exports.Set("seedlmDecode", Napi::Function::New(env, seedlmDecode));
  exports.Set("releaseMemory", Napi::Function::New(env, releaseMemory));
  return exports;
}

}  // namespace

NODE_API_MODULE(village, initialise)
