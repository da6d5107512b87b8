#pragma once
#include <napi.h>

namespace village {
void bindMoments(Napi::Env env, Napi::Object exports);
}  // namespace village
