// The N-API surface of native/half_dot.h.
#include "binding_half_dot.h"

#include "binding_arguments.h"
#include "half_dot.h"

namespace village {
namespace {

constexpr int32_t kMaxDims = 4096;  // MAX_DIMS of node/agents/rag/index/manifest-file.ts

// (rows, query, dots, count, cols, level): fills the dots; the arrays may be longer than what is taken of them.
void dots(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 3};
  const uint32_t count = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  const uint32_t cols = static_cast<uint32_t>(arguments.integer(1, kMaxDims));
  SimdLevel level{};
  if (!readLevel(arguments, &level) || !holds(count, cols)) return refuse(info);
  const float* query = matrix(info, 1, 1, cols);
  if (query == nullptr || !isArray(info[0], napi_uint16_array) || !isArray(info[2], napi_float64_array))
    return refuse(info);
  auto rows = info[0].As<Napi::Uint16Array>();
  auto into = info[2].As<Napi::Float64Array>();
  if (rows.ElementLength() < size_t(count) * cols || into.ElementLength() < count) return refuse(info);
  halfDots(rows.Data(), query, count, cols, level, into.Data());
}

}  // namespace

void bindHalfDot(Napi::Env env, Napi::Object exports) {
  exports.Set("halfDots", Napi::Function::New(env, dots));
}

}  // namespace village
