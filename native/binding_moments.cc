// The N-API surface of native/moments.h.
#include "binding_moments.h"

#include "binding_arguments.h"
#include "moments.h"

namespace village {
namespace {

constexpr int32_t kMaxCols = 4096;  // MAX_FEEDBACK_COLS of node/compute/calibration/calibration-directory.ts

double* doubles(const Napi::CallbackInfo& info, size_t at, size_t length) {
  if (!isArray(info[at], napi_float64_array)) return nullptr;
  auto array = info[at].As<Napi::Float64Array>();
  return array.ElementLength() == length ? array.Data() : nullptr;
}

// (rows, sums, count, cols, level): adds to the sums.
void add(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 2};
  const uint32_t count = static_cast<uint32_t>(arguments.integer(0, 1 << 28));
  const uint32_t cols = static_cast<uint32_t>(arguments.integer(1, kMaxCols));
  SimdLevel level{};
  if (!readLevel(arguments, &level) || !holds(count, cols)) return refuse(info);
  const float* rows = matrix(info, 0, count, cols);
  double* sums = doubles(info, 1, size_t(cols) * cols);
  if (count == 0) return;
  if (rows == nullptr || sums == nullptr) return refuse(info);
  addMoments(rows, count, cols, level, sums);
}

// (moments, inverse, feedback, conditional, cols, level): fills the last two arrays; whether it could.
Napi::Value factor(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 4};
  const uint32_t cols = static_cast<uint32_t>(arguments.integer(1, kMaxCols));
  SimdLevel level{};
  const bool read = readLevel(arguments, &level);
  double* moments = doubles(info, 0, size_t(cols) * cols);
  double* inverse = doubles(info, 1, size_t(cols) * cols);
  float* feedback = matrix(info, 2, cols, cols);
  double* conditional = doubles(info, 3, cols);
  if (!read || moments == nullptr || inverse == nullptr || feedback == nullptr || conditional == nullptr) {
    refuse(info);
    return info.Env().Undefined();
  }
  return Napi::Boolean::New(info.Env(), factorMoments(moments, cols, level, inverse, feedback, conditional));
}

// (rows, feedback, conditional, energies, count, cols, level): fills the energies.
void energies(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 4};
  const uint32_t count = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  const uint32_t cols = static_cast<uint32_t>(arguments.integer(1, kMaxCols));
  SimdLevel level{};
  if (!readLevel(arguments, &level) || !holds(count, cols)) return refuse(info);
  const float* rows = matrix(info, 0, count, cols);
  const float* feedback = matrix(info, 1, cols, cols);
  const float* conditional = matrix(info, 2, 1, cols);
  double* energies = doubles(info, 3, count);
  if (rows == nullptr || feedback == nullptr || conditional == nullptr || energies == nullptr) return refuse(info);
  outputEnergies(rows, count, cols, feedback, conditional, level, energies);
}

}  // namespace

void bindMoments(Napi::Env env, Napi::Object exports) {
  exports.Set("addMoments", Napi::Function::New(env, add));
  exports.Set("factorMoments", Napi::Function::New(env, factor));
  exports.Set("outputEnergies", Napi::Function::New(env, energies));
}

}  // namespace village
