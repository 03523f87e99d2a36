/* How large a picture becomes: arithmetic without pixels. */
#ifndef FILE_IMAGE_PLAN_H
#define FILE_IMAGE_PLAN_H

#include "options.h"

/* First scaled to (scaled_width x scaled_height), then cut or filled up to (width x height). */
struct image_plan {
    int scaled_width, scaled_height;
    int width, height;
};

struct image_plan image_plan(const struct image_resize *resize, int width, int height);

/* Left or top edge of `inner` within `outer`, for a place of the compass; negative when `inner` is
 * larger. */
int image_place_x(enum image_place place, int outer, int inner, int margin);
int image_place_y(enum image_place place, int outer, int inner, int margin);

#endif
