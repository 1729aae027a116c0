// Kernels for any CPU: vectors of four, no fused multiply-add.
#pragma clang fp contract(off)
#define WIDTH 4
#define ROWS 4
#define FUSED 0
#define KERNELS martlet_portable_kernels
#define KERNELS_NAME "portable"
#define KERNELS_ISA MARTLET_ISA_PORTABLE
#include "KernelBody.h"
#define PEAK martlet_portable_kernels_peak
#include "PeakBody.h"
