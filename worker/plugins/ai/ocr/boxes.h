/* From the map of where text is to upright boxes around it, in the order one reads. Pure. */
#ifndef AI_OCR_BOXES_H
#define AI_OCR_BOXES_H

#include "onnx/tensor.h"

#define BOXES_MAX 500u /* of one image; the rest is left out */

struct box {
    float left, top, right, bottom;
    float score; /* mean of the map inside the text */
};

/* Boxes of `map` ([1, 1, height, width], from 0 to 1) as parts of its width and height (0 to 1).
 * Returns their count; SIZE_MAX: no memory. */
size_t boxes_find(const struct tensor *map, struct box out[BOXES_MAX]);

#endif
