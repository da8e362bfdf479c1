#include "vectors.inc.h"

#include "elementwise.inc.h"

#include "attention.inc.h"

#include "linear.inc.h"

const struct kernels kernels_generic = {
    "generic", linear, rms_norm, gelu_multiply, norm_rope, store_tiles, attend,
};
