// What the addon gives to node/compute/kernels.ts: its revision, the SIMD levels of this machine, and the kernels of each
// family.
#include <napi.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "binding_blockwise.h"
#include "binding_half_dot.h"
#include "binding_moments.h"
#include "binding_seedlm.h"
#include "binding_ternary.h"
#include "binding_trellis.h"
#include "binding_vptq.h"
#include "kernels.h"
#include "simd.h"

namespace {

// Gives memory that was freed back to the system. glibc keeps it by thread otherwise: a daemon whose sessions are gone
// would stay as large as it was with them. Other C libraries give it back by themselves.
void releaseMemory([[maybe_unused]] const Napi::CallbackInfo& info) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

// For a process under a small cap of memory. By default glibc keeps up to eight heaps a core, each of which grows to the most that
// its threads ever held at once, and takes blocks of up to 32 MiB from them once one of that size was freed. With two heaps, and
// large blocks from the system itself, what is freed is free. It holds for heaps that are not there yet: call it early. Blocks of the
// system cost calls and cleared pages: from 256 KiB on an encoder took twice the processor time, from 8 MiB on an eighth more (docs/edge.md).
void keepMemorySmall([[maybe_unused]] const Napi::CallbackInfo& info) {
#ifdef __GLIBC__
  constexpr int kArenas = 2;
  constexpr int kSystemBlockBytes = 8 << 20;
  constexpr int kKeptBytes = 8 << 20;
  mallopt(M_ARENA_MAX, kArenas);
  mallopt(M_MMAP_THRESHOLD, kSystemBlockBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
#endif
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  const int widest = static_cast<int>(village::widestLevel());
  auto levels = Napi::Array::New(env, size_t(widest) + 1);
  for (int level = 0; level <= widest; level++)
    levels.Set(uint32_t(level), village::levelName(static_cast<village::SimdLevel>(level)));
  exports.Set("revision", village::kRevision);
  exports.Set("levels", levels);
  exports.Set("releaseMemory", Napi::Function::New(env, releaseMemory));
  exports.Set("keepMemorySmall", Napi::Function::New(env, keepMemorySmall));
  village::bindBlockwise(env, exports);
  village::bindHalfDot(env, exports);
  village::bindMoments(env, exports);
  village::bindSeedlm(env, exports);
  village::bindTernary(env, exports);
  village::bindTrellis(env, exports);
  village::bindVptq(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(village, initialise)
