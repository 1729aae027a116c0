// 8-bit kernels for any CPU.
#include <stdint.h>
#define LANES 4
#define INT8_ROWS 4
#define ACTIVATION_LIMIT 255
#define ACTIVATION_OFFSET 0
#define WEIGHT_LIMIT 127
#define ADDS_IN_LANES 0
#define INT8_KERNELS martlet_int8_portable_kernels
#define INT8_PEAK martlet_int8_portable_peak
#define INT8_NAME "portable"
#define DOT(sums, a, b) dot4((sums), (a), (b))
typedef int32_t lanes4 __attribute__((vector_size(16)));
static inline __attribute__((always_inline)) lanes4 dot4(lanes4 sums, lanes4 a, lanes4 b) {
  for (int byte = 0; byte < 32; byte += 8)
    sums += ((a >> byte) & 255) * ((b << (24 - byte)) >> 24);
  return sums;
}
#define DOT2(sums, a, b, c, d) DOT(DOT(sums, a, b), c, d)
#include "Int8Body.h"
