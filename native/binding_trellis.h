#pragma once
#include <napi.h>

namespace village {

void bindTrellis(Napi::Env env, Napi::Object exports);

}  // namespace village
