// Chooses kernels by what the CPU offers; which of them to use is the caller's decision.
#include "Kernels.h"

const martlet_kernels *martlet_kernels_for(martlet_isa isa) {
  switch (isa) {
    case MARTLET_ISA_PORTABLE: return &martlet_portable_kernels;
#if defined(__x86_64__)
    case MARTLET_ISA_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                 ? &martlet_avx2_kernels
                 : 0;
    case MARTLET_ISA_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma")
                 ? &martlet_avx512_kernels
                 : 0;
#endif
    default: return 0;
  }
}

double martlet_peak_operations(martlet_isa isa, long iterations, float *sink) {
  if (!martlet_kernels_for(isa)) return 0;
  switch (isa) {
#if defined(__x86_64__)
    case MARTLET_ISA_AVX2: return martlet_avx2_kernels_peak(iterations, sink);
    case MARTLET_ISA_AVX512: return martlet_avx512_kernels_peak(iterations, sink);
#endif
    default: return martlet_portable_kernels_peak(iterations, sink);
  }
}

// Enough for the widest panels of any instruction set and for the tallest block.
long martlet_attention_scratch(long length, long head_size) {
  long widest = 64;
  long padded = (length + widest) * head_size + (head_size + widest) * length;
  return 2 * length * length + 2 * padded + 64 * length + 1024;
}
