// The N-API surface of native/ternary.h.
#pragma once
#include <napi.h>

namespace village {

void bindTernary(Napi::Env env, Napi::Object exports);

}  // namespace village
