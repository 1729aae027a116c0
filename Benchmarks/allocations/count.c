// Counts the calls that take memory, for `martlet bench forward`, which asks for the count itself:
//   cc -shared -fPIC -O2 count.c -o count.so && LD_PRELOAD=./count.so martlet bench forward MODEL
// Any other program writes it to standard output at SIGUSR1.
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_long calls;

long martlet_allocation_count(void) { return calls; }

// Only write(2): no other way of printing may be used in a signal handler.
static void tell(int number) {
  (void)number;
  char text[40] = "allocations ";
  char digits[24];
  long rest = calls;
  int count = 0, length = 12;
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  while (count) text[length++] = digits[--count];
  text[length++] = '\n';
  if (write(1, text, (size_t)length) < 0) return;
}

__attribute__((constructor)) static void listen_for_questions(void) { signal(SIGUSR1, tell); }

void *malloc(size_t size) {
  calls++;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  calls++;
  return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  calls++;
  return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  calls++;
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  calls++;
  *result = __libc_memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}
