// Stands before the C library's malloc and keeps the sum of what is held and its peak. For one thread.
#include "CMemoryMeter.h"
#include <errno.h>
#include <malloc.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static long held, peak;

long martlet_memory_held(void) { return held; }
long martlet_memory_peak(void) { return peak; }
void martlet_memory_restart(void) { peak = held; }

__attribute__((unused)) static void *taken(void *block) {
  if (block) held += (long)malloc_usable_size(block);
  if (held > peak) peak = held;
  return block;
}

__attribute__((unused)) static void given(void *block) {
  if (block) held -= (long)malloc_usable_size(block);
}

// The address sanitizer stands there itself; then nothing is counted.
#ifndef MARTLET_FUZZ_SANITIZED
void *malloc(size_t size) { return taken(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) { return taken(__libc_calloc(count, size)); }

void *realloc(void *old, size_t size) {
  given(old);
  void *block = __libc_realloc(old, size);
  // What cannot grow stays; a size of zero has freed it.
  if (!block && old && size) taken(old);
  return taken(block);
}

void free(void *block) {
  given(block);
  __libc_free(block);
}

void *memalign(size_t alignment, size_t size) { return taken(__libc_memalign(alignment, size)); }

void *aligned_alloc(size_t alignment, size_t size) {
  return taken(__libc_memalign(alignment, size));
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  void *block = taken(__libc_memalign(alignment, size));
  if (!block) return ENOMEM;
  *result = block;
  return 0;
}
#endif
