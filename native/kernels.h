// The compute kernels of the village. Pure C++, no Node, no allocation visible to callers; a family of kernels has a
// header, its files and a binding of its own. Every function gives the same bytes as its TypeScript twin in
// node/compute/reference/ and the same at every SIMD level: arithmetic is integer, or fp32 or fp64 in a written order
// without fused multiply-add; lanes only run independent items side by side.
#pragma once

namespace village {

// Raised with every change of what a kernel takes or gives; node/compute/kernels.ts refuses an addon of
// another revision.
constexpr int kRevision = 9;

}  // namespace village
