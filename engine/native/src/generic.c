#include "pool.h"
#include "vectors.inc.h"

#include "elementwise.inc.h"

#include "rows.inc.h"

#include "codes.inc.h"

#include "attention.inc.h"

#include "full_attention.inc.h"

#include "linear.inc.h"

#include "layer.inc.h"

#include "quantize.inc.h"

const struct kernels kernels_generic = {
    "generic", linear, rms_norm, gelu_multiply, norm_rope, softcap, store_tiles, attend, attend_all,
    before_attention, after_attention, rotate, encode, quantize,
};
