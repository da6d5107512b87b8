#pragma once
#include <napi.h>

namespace village {
void bindBlockwise(Napi::Env env, Napi::Object exports);
}  // namespace village
