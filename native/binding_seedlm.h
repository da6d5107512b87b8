#pragma once
#include <napi.h>

namespace village {
void bindSeedlm(Napi::Env env, Napi::Object exports);
}  // namespace village
