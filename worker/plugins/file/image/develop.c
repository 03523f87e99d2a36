/* From the file to the picture that is written: turn, crop, resize, colours. See picture.h.
 *
 * Most jobs only resize. Then libvips decodes a JPEG or WebP at a fraction of its size
 * (vips_thumbnail), which is several times faster; everything that has to see the full picture
 * first takes the slow way. */
#include "picture.h"

#include <math.h>
#include <stdio.h>

#include "plan.h"
#include "vips_errors.h"

/* All that is done with the pixels of a picture before its size changes. */
static bool develop_is_whole(const struct image_options *options)
{
    return options->crop.is_wanted || options->angle != 0 || options->flips_x || options->flips_y ||
           !options->is_upright;
}

/* Only where colours have to be converted: what has no profile is sRGB already, and the way there
 * and back would change it. */
static const char *develop_profile(const struct picture *picture)
{
    return picture->has_profile ? "srgb" : NULL;
}

/* --- steps: each replaces *image, or leaves it and returns false ---------------------------------
 */

static bool develop_to_memory(const struct picture *picture, VipsImage **image)
{
    VipsImage *next;

    picture_watch(picture, *image);
    next = vips_image_copy_memory(*image);
    return picture_took(next ? 0 : -1, image, &next);
}

static bool develop_rotate(const struct image_options *options, VipsImage **image)
{
    VipsImage *next = NULL;
    double quarter = fmod(fmod(options->angle, 360) + 360, 360);
    VipsArrayDouble *background;
    int status;

    if (options->angle == 0)
        return true;
    if (fmod(quarter, 90) == 0)
        return picture_took(vips_rot(*image, &next, (VipsAngle)(int)(quarter / 90), NULL), image,
                            &next);
    if (vips_image_get_bands(*image) == 1 || vips_image_get_bands(*image) == 3) {
        /* The corners have the background, which may be clear. */
        if (!picture_took(vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL), image,
                          &next) ||
            !picture_took(vips_addalpha(*image, &next, NULL), image, &next))
            return false;
    }
    background = vips_array_double_new(options->background.rgba, 4);
    status = vips_rotate(*image, &next, quarter, "background", background, NULL);
    vips_area_unref(VIPS_AREA(background));
    return picture_took(status, image, &next);
}

static bool develop_flip(const struct image_options *options, VipsImage **image)
{
    VipsImage *next = NULL;

    if (options->flips_x &&
        !picture_took(vips_flip(*image, &next, VIPS_DIRECTION_HORIZONTAL, NULL), image, &next))
        return false;
    return !options->flips_y ||
           picture_took(vips_flip(*image, &next, VIPS_DIRECTION_VERTICAL, NULL), image, &next);
}

/* `width` x `height` of *image, no more than there is, at `place`. */
static bool develop_cut(const struct picture *picture, VipsImage **image, int width, int height,
                        enum image_place place)
{
    int all_width = vips_image_get_width(*image), all_height = vips_image_get_height(*image);
    VipsImage *next = NULL;

    width = VIPS_MIN(width, all_width);
    height = VIPS_MIN(height, all_height);
    if (width == all_width && height == all_height)
        return true;
    if (place >= PLACE_ATTENTION)
        return develop_to_memory(picture, image) &&
               picture_took(vips_smartcrop(*image, &next, width, height, "interesting",
                                           place == PLACE_ATTENTION ? VIPS_INTERESTING_ATTENTION
                                                                    : VIPS_INTERESTING_ENTROPY,
                                           NULL),
                            image, &next);
    return picture_took(vips_extract_area(*image, &next, image_place_x(place, all_width, width, 0),
                                          image_place_y(place, all_height, height, 0), width,
                                          height, NULL),
                        image, &next);
}

static bool develop_crop(const struct picture *picture, const struct image_crop *crop,
                         VipsImage **image)
{
    int width = vips_image_get_width(*image), height = vips_image_get_height(*image);
    VipsImage *next = NULL;

    if (!crop->is_wanted)
        return true;
    if (crop->left + crop->width > width || crop->top + crop->height > height) {
        (void)sdk_refuse(&picture->work->call->error, "ValidationError",
                         "a crop of %d x %d at %d, %d reaches out of %.200s, which has %d x %d "
                         "pixels",
                         crop->width, crop->height, crop->left, crop->top, picture->name, width,
                         height);
        return false;
    }
    if (!crop->has_corner)
        return develop_cut(picture, image, crop->width, crop->height, crop->place);
    return picture_took(
        vips_extract_area(*image, &next, crop->left, crop->top, crop->width, crop->height, NULL),
        image, &next);
}

/* A frame in the background's colour around a picture that is smaller than its box. */
static bool develop_frame(const struct image_options *options, const struct image_plan *plan,
                          VipsImage **image)
{
    int width = vips_image_get_width(*image), height = vips_image_get_height(*image);
    enum image_place place = options->resize.place;
    bool is_clear = options->background.rgba[3] < 255;
    VipsArrayDouble *background;
    VipsImage *next = NULL;
    int status;

    if (width >= plan->width && height >= plan->height)
        return true;
    if (place >= PLACE_ATTENTION)
        place = PLACE_CENTRE;
    if (vips_image_get_bands(*image) < 3 &&
        !picture_took(vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL), image,
                      &next))
        return false;
    if (is_clear && !vips_image_hasalpha(*image) &&
        !picture_took(vips_addalpha(*image, &next, NULL), image, &next))
        return false;
    background =
        vips_array_double_new(options->background.rgba, vips_image_hasalpha(*image) ? 4 : 3);
    status = vips_embed(*image, &next, image_place_x(place, plan->width, width, 0),
                        image_place_y(place, plan->height, height, 0), plan->width, plan->height,
                        "extend", VIPS_EXTEND_BACKGROUND, "background", background, NULL);
    vips_area_unref(VIPS_AREA(background));
    return picture_took(status, image, &next);
}

/* sRGB or grey of 8 bits, as all formats have it and browsers show it. */
static bool develop_colours(const struct picture *picture, bool is_converted, VipsImage **image)
{
    VipsInterpretation space;
    VipsImage *next = NULL;

    if (picture->has_profile && !is_converted &&
        vips_image_get_typeof(*image, VIPS_META_ICC_NAME) != 0 &&
        !picture_took(vips_icc_transform(*image, &next, "srgb", "embedded", TRUE, "intent",
                                         VIPS_INTENT_RELATIVE, "depth", 8, NULL),
                      image, &next))
        return false;
    space = vips_image_get_interpretation(*image);
    if (space == VIPS_INTERPRETATION_GREY16 || space == VIPS_INTERPRETATION_B_W)
        space = VIPS_INTERPRETATION_B_W;
    else
        space = VIPS_INTERPRETATION_sRGB;
    if (space != vips_image_get_interpretation(*image) &&
        !picture_took(vips_colourspace(*image, &next, space, NULL), image, &next))
        return false;
    return vips_image_get_format(*image) == VIPS_FORMAT_UCHAR ||
           picture_took(vips_cast(*image, &next, VIPS_FORMAT_UCHAR, NULL), image, &next);
}

/* --- the two ways --------------------------------------------------------------------------------
 */

/* How much smaller the decoder itself can make it: 8, 4 or 2 for JPEG, anything for WebP. */
static void develop_load_options(const struct picture *picture, const struct image_plan *plan,
                                 char *out, size_t size)
{
    int width = picture->is_turned ? picture->height : picture->width;
    int height = picture->is_turned ? picture->width : picture->height;
    double shrink = fmin((double)width / plan->scaled_width, (double)height / plan->scaled_height);

    out[0] = '\0';
    if (picture->is_animated)
        snprintf(out, size, "[n=-1]");
    else if (picture->format == FORMAT_JPEG && shrink >= 2)
        snprintf(out, size, "[shrink=%d]", shrink >= 8 ? 8 : shrink >= 4 ? 4 : 2);
    else if (picture->format == FORMAT_WEBP && shrink > 1)
        snprintf(out, size, "[scale=%d.%06d]", 0, (int)(1e6 / shrink));
}

static bool develop_check_plan(const struct picture *picture, const struct image_plan *plan)
{
    int64_t max = picture->work->plugin->settings.pixels_max;

    if ((int64_t)plan->scaled_width * plan->scaled_height * picture->pages <= max &&
        (int64_t)plan->width * plan->height * picture->pages <= max)
        return true;
    return sdk_refuse(&picture->work->call->error, "LimitError",
                      "%.200s would be resized to %d x %d, more than %lld pixels (the plugin's "
                      "setting pixelsMax)",
                      picture->name, plan->scaled_width, plan->scaled_height, (long long)max);
}

/* Scales to what the plan says, then cuts or fills up to its box. */
static bool develop_to_plan(const struct picture *picture, const struct image_options *options,
                            const struct image_plan *plan, bool rotates, VipsImage **image)
{
    VipsImage *next = NULL;

    return picture_took(vips_thumbnail_image(*image, &next, plan->scaled_width, "height",
                                             plan->scaled_height, "size", VIPS_SIZE_FORCE,
                                             "export_profile", develop_profile(picture), "intent",
                                             VIPS_INTENT_RELATIVE, "no_rotate", !rotates, NULL),
                        image, &next) &&
           (picture->pages > 1 ||
            (develop_cut(picture, image, plan->width, plan->height, options->resize.place) &&
             develop_frame(options, plan, image)));
}

static bool develop_fast(struct picture *picture, const struct image_options *options,
                         VipsImage **out)
{
    int width = picture->is_turned ? picture->height : picture->width;
    int height = picture->is_turned ? picture->width : picture->height;
    struct image_plan plan = image_plan(&options->resize, width, height);
    char load[48];

    if (!develop_check_plan(picture, &plan))
        return false;
    develop_load_options(picture, &plan, load, sizeof load);
    *out = vips_image_new_from_source(picture->source, load, "access", VIPS_ACCESS_SEQUENTIAL,
                                      "fail_on", picture->fail_on, NULL);
    return *out && develop_to_plan(picture, options, &plan, true, out);
}

static bool develop_resize(const struct picture *picture, const struct image_options *options,
                           VipsImage **image)
{
    struct image_plan plan;

    if (!options->resize.is_wanted)
        return true;
    plan =
        image_plan(&options->resize, vips_image_get_width(*image), vips_image_get_height(*image));
    return develop_check_plan(picture, &plan) &&
           develop_to_plan(picture, options, &plan, false, image);
}

static bool develop_slow(struct picture *picture, const struct image_options *options,
                         VipsImage **out)
{
    VipsImage *image =
        vips_image_new_from_source(picture->source, picture->is_animated ? "[n=-1]" : "", "access",
                                   VIPS_ACCESS_SEQUENTIAL, "fail_on", picture->fail_on, NULL);
    VipsImage *next = NULL;

    *out = image;
    if (!image)
        return false;
    /* What looks at lines out of their order needs all of them. */
    if ((develop_is_whole(options) || vips_image_get_orientation(image) > 1) &&
        !develop_to_memory(picture, out))
        return false;
    if (options->is_upright && vips_image_get_orientation(*out) > 1 &&
        !picture_took(vips_autorot(*out, &next, NULL), out, &next))
        return false;
    return develop_rotate(options, out) && develop_flip(options, out) &&
           develop_crop(picture, &options->crop, out) && develop_resize(picture, options, out);
}

/* Pages lie below each other: what cuts, turns or paints would do it to the strip, not to each. */
static bool develop_check_animated(const struct picture *picture,
                                   const struct image_options *options)
{
    const struct image_resize *resize = &options->resize;
    bool has_frame = resize->width > 0 && resize->height > 0 &&
                     (resize->fit == FIT_COVER || resize->fit == FIT_CONTAIN);

    if (!develop_is_whole(options) && !options->watermark.options && !has_frame &&
        options->width_count == 0)
        return true;
    return sdk_refuse(&picture->work->call->error, "ValidationError",
                      "%.200s: animated images can be resized (to one side, or with fit inside, "
                      "outside or fill) and converted, no more; leave \"animated\" out to work on "
                      "the first page",
                      picture->name);
}

bool picture_develop(struct picture *picture, const struct image_options *options, VipsImage **out)
{
    bool is_fast = options->resize.is_wanted && !develop_is_whole(options);
    VipsImage *image = NULL;

    if (picture->is_animated && !develop_check_animated(picture, options))
        return false;
    picture->work->call->error.text[0] = '\0';
    if ((is_fast ? develop_fast : develop_slow)(picture, options, &image) &&
        develop_colours(picture, options->resize.is_wanted, &image) &&
        develop_to_memory(picture, &image)) {
        *out = image;
        return true;
    }
    if (image)
        g_object_unref(image);
    return picture->work->call->error.text[0] ? false
                                              : picture_fail(picture, "it cannot be decoded");
}

bool picture_scale(struct picture *picture, VipsImage *image, int width, VipsImage **out)
{
    VipsImage *scaled = NULL;

    if (vips_thumbnail_image(image, &scaled, width, "height", IMAGE_SIDE_MAX, "no_rotate", TRUE,
                             NULL) == 0 &&
        develop_to_memory(picture, &scaled)) {
        *out = scaled;
        return true;
    }
    if (scaled)
        g_object_unref(scaled);
    return picture_fail(picture, "it cannot be resized");
}
