/* A picture of one job: opened, looked at before it is decoded, changed, watched while libvips
 * works on it. */
#ifndef FILE_IMAGE_PICTURE_H
#define FILE_IMAGE_PICTURE_H

#include <stdbool.h>
#include <vips/vips.h>

#include "cartrita/sdk/call.h"
#include "formats.h"
#include "options.h"
#include "step.h"

struct picture {
    struct file_work *work; /* borrowed */
    const char *name;       /* borrowed, for errors */
    VipsSource *source;     /* owned */
    enum image_format format;
    const char *loader;
    int width, height; /* as stored, of one page */
    int pages;         /* that are decoded: more than one only when it is animated */
    int fail_on;
    bool is_animated;
    bool has_profile; /* its colours are not sRGB's, or may be not */
    bool is_turned;   /* width and height change places when it is made upright */
};

/* Reads the header of `item`; what is no image, or has too many pixels, is refused here. */
bool picture_open(struct file_work *work, const struct file_item *item,
                  const struct image_options *options, struct picture *out);
void picture_close(struct picture *picture);

/* Everything up to the watermark, which the caller adds: turned, cropped, resized, in sRGB (or
 * grey) with 8 bits. In memory, so it may be encoded more than once. `out` is unreferenced by the
 * caller. */
bool picture_develop(struct picture *picture, const struct image_options *options, VipsImage **out);
/* A smaller (or larger) copy of what picture_develop made, `width` pixels wide. */
bool picture_scale(struct picture *picture, VipsImage *image, int width, VipsImage **out);

/* libvips stops its work on `image` soon after the job should stop. */
void picture_watch(const struct picture *picture, VipsImage *image);
/* The error of a failed libvips call: that of the cancelled job, or what libvips says. */
bool picture_fail(const struct picture *picture, const char *doing);
/* Replaces *image by *next when the call that made it has returned 0. `next` is a pointer because
 * it is written by a call among the same arguments. */
bool picture_took(int status, VipsImage **image, VipsImage *const *next);

#endif
