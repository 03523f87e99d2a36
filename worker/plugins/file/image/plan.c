/* See plan.h. */
#include "plan.h"

#include <math.h>

static int plan_side(double side)
{
    if (side < 1)
        return 1;
    return side > IMAGE_SIDE_MAX ? IMAGE_SIDE_MAX : (int)lround(side);
}

struct image_plan image_plan(const struct image_resize *resize, int width, int height)
{
    double by_width = (double)resize->width / width, by_height = (double)resize->height / height;
    bool has_both = resize->width > 0 && resize->height > 0;
    struct image_plan plan;
    double x, y;

    if (!has_both)
        x = y = resize->width > 0 ? by_width : by_height;
    else if (resize->fit == FIT_COVER || resize->fit == FIT_OUTSIDE)
        x = y = fmax(by_width, by_height);
    else if (resize->fit == FIT_CONTAIN || resize->fit == FIT_INSIDE)
        x = y = fmin(by_width, by_height);
    else
        x = by_width, y = by_height;
    if (resize->never_enlarges) {
        x = fmin(x, 1);
        y = fmin(y, 1);
    }
    plan.scaled_width = plan.width = plan_side(width * x);
    plan.scaled_height = plan.height = plan_side(height * y);
    if (has_both && resize->fit == FIT_COVER) {
        plan.width = resize->width < plan.width ? resize->width : plan.width;
        plan.height = resize->height < plan.height ? resize->height : plan.height;
    } else if (has_both && resize->fit == FIT_CONTAIN) {
        plan.width = resize->width;
        plan.height = resize->height;
    }
    return plan;
}

int image_place_x(enum image_place place, int outer, int inner, int margin)
{
    switch (place) {
    case PLACE_WEST:
    case PLACE_NORTHWEST:
    case PLACE_SOUTHWEST:
        return margin;
    case PLACE_EAST:
    case PLACE_NORTHEAST:
    case PLACE_SOUTHEAST:
        return outer - inner - margin;
    default:
        return (outer - inner) / 2;
    }
}

int image_place_y(enum image_place place, int outer, int inner, int margin)
{
    switch (place) {
    case PLACE_NORTH:
    case PLACE_NORTHWEST:
    case PLACE_NORTHEAST:
        return margin;
    case PLACE_SOUTH:
    case PLACE_SOUTHWEST:
    case PLACE_SOUTHEAST:
        return outer - inner - margin;
    default:
        return (outer - inner) / 2;
    }
}
