/* The options of step `image`, read once from JSON. Everything is borrowed from the job's data. */
#ifndef FILE_IMAGE_OPTIONS_H
#define FILE_IMAGE_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "cartrita/sdk/json.h"
#include "formats.h"

#define IMAGE_SIDE_MAX    65500 /* of a result, in pixels: what JPEG can */
#define IMAGE_WIDTHS_MAX  16u
#define IMAGE_PATTERN_MAX 4096u

enum image_fit { FIT_COVER, FIT_CONTAIN, FIT_FILL, FIT_INSIDE, FIT_OUTSIDE };

/* The nine places of a compass, and two that look at the picture. */
enum image_place {
    PLACE_CENTRE,
    PLACE_NORTH,
    PLACE_NORTHEAST,
    PLACE_EAST,
    PLACE_SOUTHEAST,
    PLACE_SOUTH,
    PLACE_SOUTHWEST,
    PLACE_WEST,
    PLACE_NORTHWEST,
    PLACE_ATTENTION,
    PLACE_ENTROPY,
};

struct image_colour {
    double rgba[4]; /* 0 to 255 each */
};

struct image_crop {
    bool is_wanted;
    bool has_corner; /* left and top; else `place` */
    int left, top, width, height;
    enum image_place place;
};

struct image_resize {
    bool is_wanted;
    int width, height; /* 0: by the ratio */
    enum image_fit fit;
    enum image_place place;
    bool never_enlarges;
};

struct image_watermark {
    const json_t *options; /* NULL: none; its `image` is read when it is needed */
    const char *text;      /* or an image */
    const char *font;
    struct image_colour colour;
    double opacity; /* 0 to 1 */
    double part;    /* of the picture's width; 0: as it is */
    enum image_place place;
    int margin;
    bool is_tiled;
};

struct image_options {
    bool is_upright; /* turned as EXIF says */
    double angle;    /* then by this, clockwise */
    bool flips_x, flips_y;
    struct image_crop crop;
    struct image_resize resize;
    struct image_watermark watermark;
    struct image_colour background;
    bool has_background;
    bool is_animated; /* all pages */
    int fail_on;      /* VipsFailOn */

    const char *output;   /* NULL: none */
    const char *manifest; /* NULL: none */
    enum image_format formats[FORMAT_COUNT];
    size_t format_count; /* 0: as the output's name says, or as it came */
    int widths[IMAGE_WIDTHS_MAX];
    size_t width_count; /* of a responsive set */
    struct image_saving saving;
};

/* false: the reader has the error. */
bool image_options_read(struct sdk_reader *reader, struct image_options *out);

/* {"operation", "imageUrl", "options"} as options of the step, fresh; NULL with an error. */
json_t *image_options_of_queue(const json_t *data, struct sdk_error *error);

#endif
