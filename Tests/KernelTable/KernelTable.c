#include "KernelTable.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "Case.h"

void record(results *out, float got, double want) {
  if (out->count == out->room) {
    out->room = out->room ? 2 * out->room : 1024;
    out->got = realloc(out->got, (size_t)out->room * sizeof(float));
    out->want = realloc(out->want, (size_t)out->room * sizeof(double));
    if (!out->got || !out->want) abort();
  }
  out->got[out->count] = got;
  out->want[out->count++] = want;
}

void record_all(results *out, const float *got, long count) {
  for (long i = 0; i < count; i++) record(out, got[i], (double)NAN);
}

void free_results(results *out) {
  free(out->got);
  free(out->want);
  *out = (results){0};
}

void *aligned(long bytes) {
  void *memory = aligned_alloc(64, ((size_t)bytes + 127) / 64 * 64);
  if (!memory) abort();
  memset(memory, 0, ((size_t)bytes + 127) / 64 * 64);
  return memory;
}

float *zeros(long count) { return aligned(count * (long)sizeof(float)); }

float *drawn(long count, uint64_t seed) {
  float *numbers = zeros(count);
  for (long i = 0; i < count; i++) {
    uint64_t z = seed += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    numbers[i] = (float)((z ^ (z >> 31)) >> 40) / (float)(1 << 23) - 1;
  }
  return numbers;
}

// Compares `got` with what it should be: its own, or what the portable kernels gave. Returns 1 where not.
static int disagrees(const char *set, const char *name, const results *got, const results *portable,
                     double tolerance, void (*report)(const char *, int)) {
  char line[200];
  double size = 1, worst = 0;
  long place = -1;
  if (got->count != portable->count || got->count == 0) {
    snprintf(line, sizeof line, "%s, %s: %ld results for %ld", set, name, got->count,
             portable->count);
    report(line, 1);
    return 1;
  }
  for (long i = 0; i < got->count; i++)
    if (isfinite(portable->got[i])) size = fmax(size, fabs((double)portable->got[i]));
  for (long i = 0; i < got->count; i++) {
    double want = isnan(got->want[i]) ? (double)portable->got[i] : got->want[i];
    double value = (double)got->got[i];
    if (value == want || (isnan(value) && isnan(want))) continue;
    double difference = fabs(value - want) / size;
    if (!(difference <= worst)) {
      worst = difference;
      place = i;
    }
    if (isnan(difference)) break;
  }
  if (worst <= tolerance) return 0;
  double want = isnan(got->want[place]) ? (double)portable->got[place] : got->want[place];
  snprintf(line, sizeof line, "%s, %s: result %ld of %ld is %.9g, not %.9g (%.2g, at most %.2g)", set,
           name, place, got->count, (double)got->got[place], want, worst, tolerance);
  report(line, 1);
  return 1;
}

static int check_floats(const float_case *c, void (*report)(const char *, int)) {
  int failures = 0;
  for (; c->name; c++) {
    results portable = {0};
    c->run(martlet_kernels_for(MARTLET_ISA_PORTABLE), &portable);
    for (int isa = 0; isa <= MARTLET_ISA_NEON; isa++) {
      const martlet_kernels *kernels = martlet_kernels_for((martlet_isa)isa);
      if (!kernels) continue;
      results got = {0};
      c->run(kernels, &got);
      failures += disagrees(kernels->name, c->name, &got, &portable, c->tolerance, report);
      free_results(&got);
    }
    free_results(&portable);
  }
  return failures;
}

static int check_bf16(void (*report)(const char *, int)) {
  const martlet_kernels *floats = martlet_kernels_for(MARTLET_ISA_PORTABLE);
  int failures = 0;
  for (const bf16_case *c = martlet_bf16_cases; c->name; c++) {
    results portable = {0};
    c->run(martlet_bf16_kernels_for(MARTLET_BF16_PORTABLE), floats, &portable);
    for (int isa = 0; isa <= MARTLET_BF16_NEONDOT; isa++) {
      const martlet_bf16_kernels *kernels = martlet_bf16_kernels_for((martlet_bf16_isa)isa);
      if (!kernels) continue;
      char set[40];
      snprintf(set, sizeof set, "bf16 %s", kernels->name);
      results got = {0};
      c->run(kernels, floats, &got);
      failures += disagrees(set, c->name, &got, &portable,
                            isa == MARTLET_BF16_NEONDOT ? c->own_tolerance : c->tolerance, report);
      free_results(&got);
    }
    free_results(&portable);
  }
  return failures;
}

static int check_int8(void (*report)(const char *, int)) {
  const martlet_kernels *floats = martlet_kernels_for(MARTLET_ISA_PORTABLE);
  int failures = 0;
  for (const int8_case *c = martlet_int8_cases; c->name; c++) {
    results portable = {0};
    c->run(martlet_int8_kernels_for(MARTLET_INT8_PORTABLE), floats, &portable);
    for (int isa = 0; isa <= MARTLET_INT8_NEONDOT; isa++) {
      const martlet_int8_kernels *kernels = martlet_int8_kernels_for((martlet_int8_isa)isa);
      if (!kernels) continue;
      char set[40];
      snprintf(set, sizeof set, "int8 %s", kernels->name);
      results got = {0};
      c->run(kernels, floats, &got);
      failures += disagrees(set, c->name, &got, &portable,
                            isa == MARTLET_INT8_AVX2 ? c->narrow_tolerance : c->tolerance, report);
      free_results(&got);
    }
    free_results(&portable);
  }
  return failures;
}

// The ceilings compute, and count what they compute.
static int check_peaks(void (*report)(const char *, int)) {
  int failures = 0;
  float sink[3] = {0.5f, 0.25f, NAN};
#define CHECK_PEAKS(last, present, run) \
  for (int isa = 0; isa <= (last); isa++) { \
    if (!(present)) continue; \
    sink[2] = NAN; \
    double operations = (run); \
    if (operations > 0 && isfinite(sink[2])) continue; \
    report(#run ": no operations", 1); \
    failures++; \
  }
  CHECK_PEAKS(MARTLET_ISA_NEON, martlet_kernels_for((martlet_isa)isa),
              martlet_peak_operations((martlet_isa)isa, 100, sink))
  CHECK_PEAKS(MARTLET_BF16_NEONDOT, martlet_bf16_kernels_for((martlet_bf16_isa)isa),
              martlet_bf16_peak_operations((martlet_bf16_isa)isa, 100, sink))
  CHECK_PEAKS(MARTLET_INT8_NEONDOT, martlet_int8_kernels_for((martlet_int8_isa)isa),
              martlet_int8_peak_operations((martlet_int8_isa)isa, 100, sink))
#undef CHECK_PEAKS
  return failures;
}

static void list_sets(void (*report)(const char *, int)) {
  char line[400] = "f32:";
#define LIST(last, set) \
  for (int isa = 0; isa <= (last); isa++) \
    if (set) { \
      strcat(line, " "); \
      strcat(line, (set)->name); \
    }
  LIST(MARTLET_ISA_NEON, martlet_kernels_for((martlet_isa)isa))
  strcat(line, "; bf16:");
  LIST(MARTLET_BF16_NEONDOT, martlet_bf16_kernels_for((martlet_bf16_isa)isa))
  strcat(line, "; int8:");
  LIST(MARTLET_INT8_NEONDOT, martlet_int8_kernels_for((martlet_int8_isa)isa))
#undef LIST
  report(line, 0);
}

int martlet_check_kernels(void (*report)(const char *line, int disagrees)) {
  list_sets(report);
  return check_floats(martlet_product_cases, report) + check_floats(martlet_row_cases, report) +
         check_floats(martlet_attention_cases, report) + check_bf16(report) + check_int8(report) +
         check_peaks(report);
}
