// Chooses bfloat16 kernels by what the CPU offers.
#include "BF16.h"
#include "Kernels.h"
#if defined(__aarch64__)
#include <sys/auxv.h>

// Linux, Documentation/arch/arm64/elf_hwcaps.rst: HWCAP2_BF16.
static int multiplies_bfloat16(void) { return (getauxval(AT_HWCAP2) >> 14) & 1; }
#endif

const martlet_bf16_kernels *martlet_bf16_kernels_for(martlet_bf16_isa isa) {
  switch (isa) {
    case MARTLET_BF16_PORTABLE: return &martlet_bf16_portable_kernels;
#if defined(__x86_64__)
    case MARTLET_BF16_AVX2:
      return martlet_kernels_for(MARTLET_ISA_AVX2) ? &martlet_bf16_avx2_kernels : 0;
    case MARTLET_BF16_AVX512:
      return martlet_kernels_for(MARTLET_ISA_AVX512) ? &martlet_bf16_avx512_kernels : 0;
    case MARTLET_BF16_AVX512BF16:
      return martlet_kernels_for(MARTLET_ISA_AVX512) && __builtin_cpu_supports("avx512bf16")
                 ? &martlet_bf16_avx512bf16_kernels
                 : 0;
#elif defined(__aarch64__)
    case MARTLET_BF16_NEON: return &martlet_bf16_neon_kernels;
    case MARTLET_BF16_NEONDOT: return multiplies_bfloat16() ? &martlet_bf16_neondot_kernels : 0;
#endif
    default: return 0;
  }
}

double martlet_bf16_peak_operations(martlet_bf16_isa isa, long iterations, float *sink) {
  if (!martlet_bf16_kernels_for(isa)) return 0;
  switch (isa) {
#if defined(__x86_64__)
    case MARTLET_BF16_AVX2: return martlet_bf16_avx2_peak(iterations, sink);
    case MARTLET_BF16_AVX512: return martlet_bf16_avx512_peak(iterations, sink);
    case MARTLET_BF16_AVX512BF16: return martlet_bf16_avx512bf16_peak(iterations, sink);
#elif defined(__aarch64__)
    case MARTLET_BF16_NEON: return martlet_bf16_neon_peak(iterations, sink);
    case MARTLET_BF16_NEONDOT: return martlet_bf16_neondot_peak(iterations, sink);
#endif
    default: return martlet_bf16_portable_peak(iterations, sink);
  }
}

// What the attention takes: keys, values, a block's queries, its scores.
long martlet_bf16_attention_scratch(long length, long head_size) {
  long padded = length + MARTLET_WIDEST_PANEL;
  long keys = padded * ((head_size + 1) / 2);
  long values = (head_size + MARTLET_WIDEST_PANEL) * ((length + 1) / 2 + 1);
  long queries = MARTLET_BF16_QUERIES * (head_size + 16);
  long width = padded < MARTLET_BF16_KEYS ? padded : MARTLET_BF16_KEYS;
  // Each part begins on a cache line.
  return keys + values + queries + MARTLET_BF16_QUERIES * (width + 32) + 4 * 16;
}
