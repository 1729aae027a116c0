// The kernels, written once over a vector of WIDTH floats. Each instruction set's file defines
// WIDTH, ROWS (rows of a register tile), FUSED (1 where the target has fused multiply-add),
// KERNELS (the table's name), KERNELS_NAME and KERNELS_ISA, switches the target on, and includes
// this file.
#include "CKernels.h"
#include "Kernels.h"
#include <math.h>
#include <string.h>

#include "VectorBody.h"

#include "ActivationBody.h"

#include "MatmulBody.h"

#include "ExponentialBody.h"

#include "ElementwiseBody.h"

#include "NormBody.h"

#include "GatedBody.h"

#include "RotaryBody.h"

#include "AttentionBlocks.h"

#include "RelativeBody.h"

#include "AttentionScores.h"

#include "AttentionBody.h"

#include "AttentionBackward.h"

const martlet_kernels KERNELS = {
    .name = KERNELS_NAME,
    .isa = KERNELS_ISA,
    .panel_columns = PANEL,
    .pack = pack,
    .matmul = matmul,
    .finish = finish_matrix,
    .attention = attention,
    .attention_backward = attention_backward,
    .norm = norm,
    .norm_backward = norm_backward,
    .norm_parameters = norm_parameters,
    .softmax = softmax,
    .activate = activate,
    .activate_backward = activate_backward,
    .gated = gated,
    .gated_backward = gated_backward,
    .rotate = rotate,
    .dropout = dropout,
    .add = add,
    .add_scaled = add_scaled,
    .scale = scale,
    .column_sums = column_sums,
    .dot = dot,
    .adamw = adamw,
};
