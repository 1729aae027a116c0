// The table of kernels as a program, for a CPU that the tests do not run on.
#include <stdio.h>

#include "KernelTable.h"

static void print(const char *line, int disagrees) {
  printf("%s%s\n", disagrees ? "DISAGREES: " : "", line);
}

int main(void) {
  int failures = martlet_check_kernels(print);
  printf("%d cases disagree\n", failures);
  return failures > 0;
}
