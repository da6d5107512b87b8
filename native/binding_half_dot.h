#pragma once
#include <napi.h>

namespace village {
void bindHalfDot(Napi::Env env, Napi::Object exports);
}  // namespace village
