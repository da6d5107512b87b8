#pragma once
#include <napi.h>

namespace village {
void bindVptq(Napi::Env env, Napi::Object exports);
}  // namespace village
