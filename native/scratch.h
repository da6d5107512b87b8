// Working memory for kernels that are compiled once a SIMD level. Not std::vector: its functions are shared by all
// object files, and the linker may give the one compiled for the widest instruction set to everybody.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace village {
namespace VILLAGE_LEVEL {

// `length` zeroed numbers on a 64-byte boundary.
template <typename T>
class Scratch {
 public:
  explicit Scratch(size_t length) : length_(length) {
    const size_t bytes = (length * sizeof(T) + 63) / 64 * 64;
    items_ = static_cast<T*>(std::aligned_alloc(64, bytes > 0 ? bytes : 64));
    if (items_ == nullptr) std::abort();
    std::memset(static_cast<void*>(items_), 0, bytes);
  }
  ~Scratch() { std::free(items_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() { return items_; }
  const T* data() const { return items_; }
  size_t size() const { return length_; }
  T& operator[](size_t index) { return items_[index]; }
  const T& operator[](size_t index) const { return items_[index]; }

 private:
  size_t length_;
  T* items_;
};

}  // namespace VILLAGE_LEVEL
}  // namespace village
