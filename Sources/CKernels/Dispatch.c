// Chooses kernels by what the CPU offers; which of them to use is the caller's decision.
#include "Int8.h"
#include "Kernels.h"
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

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
#elif defined(__aarch64__)
    case MARTLET_ISA_NEON: return &martlet_neon_kernels;
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
#elif defined(__aarch64__)
    case MARTLET_ISA_NEON: return martlet_neon_kernels_peak(iterations, sink);
#endif
    default: return martlet_portable_kernels_peak(iterations, sink);
  }
}

long martlet_attention_band(long length, long left, long right) {
  long band = left + right + MARTLET_TALLEST_BLOCK + MARTLET_WIDEST_PANEL;
  return band < length ? band : length;
}

// What `take` takes in the order of the forward or of the backward pass.
long martlet_attention_scratch(const martlet_attention *a, int is_backward) {
  if (a->length <= 0) return 0;
  long length = a->length, size = a->head_size;
  // Backward passes, and forward ones that keep weights, have all keys at hand.
  long keys = is_backward || a->weights ? length : martlet_attention_keys(length);
  long width = a->weights ? a->band : martlet_attention_width(a->band);
  long block = MARTLET_TALLEST_BLOCK * (is_backward ? MARTLET_GRADIENT_BLOCKS : 1);
  long padded_size = size + MARTLET_WIDEST_PANEL;
  long across = (keys + MARTLET_WIDEST_PANEL) * size, down = padded_size * keys;
  long floats = is_backward ? 2 * across + down + 2 * padded_size * block + 3 * block * a->band
                            : across + down + block * width + (2 + size) * a->queries;
  if (a->relative) {
    long rows = martlet_rows_for(a->relative->rows, -martlet_attention_reach(a->left, length),
                                 martlet_attention_reach(a->right, length)).count;
    // A table is packed by rows or by columns.
    floats += 2 * (rows + MARTLET_WIDEST_PANEL) * padded_size + (block + keys) * rows;
  }
  // Each part begins on a cache line.
  return floats + 16 * 16;
}

#if defined(__x86_64__)
// Leaf 7, subleaf 1, EAX bit 4 (Intel's manual, volume 2, CPUID); asked directly because compilers
// differ in their names for it.
static int has_avx_vnni(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__builtin_cpu_supports("avx2") || !__get_cpuid_count(7, 1, &a, &b, &c, &d)) return 0;
  return (a >> 4) & 1;
}
#elif defined(__aarch64__)
// Linux, Documentation/arch/arm64/elf_hwcaps.rst: HWCAP_ASIMDDP.
static int has_dot_products(void) { return (getauxval(AT_HWCAP) >> 20) & 1; }
#endif

const martlet_int8_kernels *martlet_int8_kernels_for(martlet_int8_isa isa) {
  switch (isa) {
    case MARTLET_INT8_PORTABLE: return &martlet_int8_portable_kernels;
#if defined(__x86_64__)
    case MARTLET_INT8_AVX2:
      return martlet_kernels_for(MARTLET_ISA_AVX2) ? &martlet_int8_avx2_kernels : 0;
    case MARTLET_INT8_AVXVNNI: return has_avx_vnni() ? &martlet_int8_avxvnni_kernels : 0;
    case MARTLET_INT8_AVX512VNNI:
      return martlet_kernels_for(MARTLET_ISA_AVX512) && __builtin_cpu_supports("avx512vnni")
                 ? &martlet_int8_avx512vnni_kernels
                 : 0;
#elif defined(__aarch64__)
    case MARTLET_INT8_NEON: return &martlet_int8_neon_kernels;
    case MARTLET_INT8_NEONDOT: return has_dot_products() ? &martlet_int8_neondot_kernels : 0;
#endif
    default: return 0;
  }
}

void martlet_int8_quantize_weights(const float *weights, long k, long n, long stride,
                                   const float *input_scale, const float *row_scales,
                                   int8_t *values, float *scales) {
  for (long j = 0; j < n; j++, weights += stride, values += k) {
    scales[j] = row_scales ? row_scales[j] : weight_peak(weights, k, input_scale) / 127.0f;
    float inverse = scales[j] >= FLT_MIN ? 1 / scales[j] : 0;
    for (long p = 0; p < k; p++) values[p] = weight_step(weights, p, input_scale, inverse);
  }
}

double martlet_int8_peak_operations(martlet_int8_isa isa, long iterations, float *sink) {
  if (!martlet_int8_kernels_for(isa)) return 0;
  switch (isa) {
#if defined(__x86_64__)
    case MARTLET_INT8_AVX2: return martlet_int8_avx2_peak(iterations, sink);
    case MARTLET_INT8_AVXVNNI: return martlet_int8_avxvnni_peak(iterations, sink);
    case MARTLET_INT8_AVX512VNNI: return martlet_int8_avx512vnni_peak(iterations, sink);
#elif defined(__aarch64__)
    case MARTLET_INT8_NEON: return martlet_int8_neon_peak(iterations, sink);
    case MARTLET_INT8_NEONDOT: return martlet_int8_neondot_peak(iterations, sink);
#endif
    default: return martlet_int8_portable_peak(iterations, sink);
  }
}
