/* See watermark.h. */
#include "watermark.h"

#include "plan.h"
#include "vips_errors.h"

/* Text is a mask; the colour lies behind it. */
static bool watermark_draw(const struct image_watermark *options, VipsImage **out)
{
    double zero[3] = {0, 0, 0}, rgb[3];
    char *text = g_markup_escape_text(options->text, -1);
    VipsImage *mask = NULL, *next = NULL, *ink = NULL;
    bool is_done;

    for (int i = 0; i < 3; i++)
        rgb[i] = options->colour.rgba[i];
    is_done = vips_text(&mask, text, "font", options->font, "dpi", 72, NULL) == 0;
    g_free(text);
    if (!is_done)
        return false;
    is_done = vips_linear(mask, &ink, zero, rgb, 3, "uchar", TRUE, NULL) == 0 &&
              picture_took(vips_copy(ink, &next, "interpretation", VIPS_INTERPRETATION_sRGB, NULL),
                           &ink, &next) &&
              picture_took(vips_bandjoin2(ink, mask, &next, NULL), &ink, &next);
    g_object_unref(mask);
    if (is_done)
        *out = ink;
    else if (ink)
        g_object_unref(ink);
    return is_done;
}

static bool watermark_load(struct file_work *work, const struct image_options *options,
                           VipsImage **out)
{
    struct sdk_reader reader = sdk_reader_in(work->options, "watermark");
    struct image_options plain = {.is_upright = true, .fail_on = options->fail_on};
    struct file_list none = {0}, list = {0};
    struct file_work own = *work;
    struct picture picture;
    VipsImage *next = NULL;
    bool is_done = false;

    own.options = &reader;
    own.inputs = &none;
    if (file_inputs(&own, "image", &list) && picture_open(work, &list.items[0], &plain, &picture)) {
        is_done = picture_develop(&picture, &plain, out);
        if (is_done && vips_image_get_bands(*out) < 3)
            is_done = picture_took(vips_colourspace(*out, &next, VIPS_INTERPRETATION_sRGB, NULL),
                                   out, &next);
        if (is_done && !vips_image_hasalpha(*out))
            is_done = picture_took(vips_addalpha(*out, &next, NULL), out, &next);
        picture_close(&picture);
    }
    file_list_free(&list);
    return is_done;
}

static bool watermark_fade(double opacity, VipsImage **image)
{
    double factors[4] = {1, 1, 1, opacity}, zeros[4] = {0, 0, 0, 0};
    VipsImage *next = NULL;

    return picture_took(vips_linear(*image, &next, factors, zeros, 4, "uchar", TRUE, NULL), image,
                        &next) &&
           picture_took(vips_copy(*image, &next, "interpretation", VIPS_INTERPRETATION_sRGB, NULL),
                        image, &next);
}

bool watermark_open(struct file_work *work, const struct image_options *options,
                    struct watermark *out)
{
    const struct image_watermark *mark = &options->watermark;
    struct sdk_error *error = &work->call->error;

    out->image = NULL;
    if (!mark->options)
        return true;
    error->text[0] = '\0';
    if ((mark->text ? watermark_draw(mark, &out->image)
                    : watermark_load(work, options, &out->image)) &&
        watermark_fade(mark->opacity * (mark->text ? mark->colour.rgba[3] / 255 : 1), &out->image))
        return true;
    watermark_close(out);
    return error->text[0] ? false : vips_errors_fail(error, "the watermark cannot be made");
}

void watermark_close(struct watermark *watermark)
{
    if (watermark->image)
        g_object_unref(watermark->image);
    watermark->image = NULL;
}

/* As large as it shall be over a picture of that size: a part of its width, never more than it. */
static bool watermark_fit(const struct image_watermark *options, int width, int height,
                          VipsImage **mark)
{
    int wanted = options->part > 0 ? VIPS_MAX(1, (int)(options->part * width)) : width;
    VipsImage *next = NULL;

    if (options->part == 0 && vips_image_get_width(*mark) <= width &&
        vips_image_get_height(*mark) <= height)
        return true;
    return picture_took(
        vips_thumbnail_image(*mark, &next, wanted, "height", height, "no_rotate", TRUE, NULL), mark,
        &next);
}

static bool watermark_tile(const struct image_watermark *options, int width, int height,
                           VipsImage **mark)
{
    int each_width = vips_image_get_width(*mark) + options->margin;
    int each_height = vips_image_get_height(*mark) + options->margin;
    VipsImage *next = NULL;

    return picture_took(vips_embed(*mark, &next, 0, 0, each_width, each_height, NULL), mark,
                        &next) &&
           picture_took(
               vips_replicate(*mark, &next, width / each_width + 1, height / each_height + 1, NULL),
               mark, &next) &&
           picture_took(vips_extract_area(*mark, &next, 0, 0, width, height, NULL), mark, &next);
}

static bool watermark_compose(const struct image_watermark *options, VipsImage *mark,
                              VipsImage **image)
{
    int width = vips_image_get_width(*image), height = vips_image_get_height(*image);
    int x = image_place_x(options->place, width, vips_image_get_width(mark), options->margin);
    int y = image_place_y(options->place, height, vips_image_get_height(mark), options->margin);
    bool had_alpha = vips_image_hasalpha(*image);
    VipsImage *next = NULL;

    if (options->is_tiled)
        x = y = 0;
    if (!picture_took(
            vips_composite2(*image, mark, &next, VIPS_BLEND_MODE_OVER, "x", x, "y", y, NULL), image,
            &next))
        return false;
    if (!had_alpha &&
        !picture_took(vips_extract_band(*image, &next, 0, "n", 3, NULL), image, &next))
        return false;
    return picture_took(vips_cast(*image, &next, VIPS_FORMAT_UCHAR, NULL), image, &next);
}

bool watermark_put(const struct watermark *watermark, const struct picture *picture,
                   const struct image_watermark *options, VipsImage **image)
{
    int width = vips_image_get_width(*image), height = vips_image_get_height(*image);
    VipsImage *mark = watermark->image, *next = NULL;
    bool is_done;

    if (!mark)
        return true;
    g_object_ref(mark);
    is_done = watermark_fit(options, width, height, &mark) &&
              (!options->is_tiled || watermark_tile(options, width, height, &mark)) &&
              watermark_compose(options, mark, image);
    g_object_unref(mark);
    if (is_done) {
        picture_watch(picture, *image);
        next = vips_image_copy_memory(*image);
        is_done = picture_took(next ? 0 : -1, image, &next);
    }
    return is_done || picture_fail(picture, "the watermark cannot be put on it");
}
