/* See picture.h. */
#include "ocr/picture.h"

#include <pthread.h>
#include <stdlib.h>
#include <vips/vips.h>

static pthread_once_t picture_once = PTHREAD_ONCE_INIT;
static bool picture_is_ready;

/* One thread each: jobs are the threads. Loaders that are not made for hostile files stay off. */
static void picture_start(void)
{
    picture_is_ready = VIPS_INIT("cartrita") == 0;
    if (!picture_is_ready)
        return;
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_block_untrusted_set(TRUE);
}

static bool picture_refuse(struct sdk_error *error)
{
    char *text = vips_error_buffer_copy();

    for (char *at = text; *at; at++)
        if (*at == '\n')
            *at = at[1] ? ';' : '\0';
    sdk_refuse(error, "ImageError", "the image cannot be read: %s", text);
    g_free(text);
    return false;
}

/* A step made `next` of `*image`, and replaces it. */
static bool picture_step(VipsImage **image, VipsImage **next, int status)
{
    if (status != 0)
        return false;
    g_object_unref(*image);
    *image = *next;
    *next = NULL;
    return true;
}

/* Upright, sRGB on white, 8 bits, and all of it in memory. */
static bool picture_prepare(VipsImage **image)
{
    VipsImage *next = NULL;
    double white = 255;
    VipsArrayDouble *ground = vips_array_double_new(&white, 1);
    bool is_done =
        picture_step(image, &next, vips_autorot(*image, &next, NULL)) &&
        picture_step(image, &next,
                     vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL)) &&
        (!vips_image_hasalpha(*image) ||
         picture_step(image, &next, vips_flatten(*image, &next, "background", ground, NULL))) &&
        picture_step(image, &next, vips_cast_uchar(*image, &next, NULL));

    vips_area_unref(VIPS_AREA(ground));
    if (!is_done)
        return false;
    next = vips_image_copy_memory(*image);
    return picture_step(image, &next, next ? 0 : -1) && vips_image_get_bands(*image) == 3;
}

bool picture_open(const char *bytes, size_t len, struct picture *out, struct sdk_error *error)
{
    VipsImage *image;
    int64_t pixels;

    pthread_once(&picture_once, picture_start);
    image = picture_is_ready ? vips_image_new_from_buffer(bytes, len, "", "fail_on",
                                                          VIPS_FAIL_ON_TRUNCATED, NULL)
                             : NULL;
    if (!image)
        return picture_refuse(error);
    pixels = (int64_t)vips_image_get_width(image) * vips_image_get_height(image);
    if (pixels > PICTURE_PIXELS_MAX)
        sdk_refuse(error, "TooLarge", "the image has %lld pixels, more than %lld",
                   (long long)pixels, (long long)PICTURE_PIXELS_MAX);
    else if (!picture_prepare(&image))
        picture_refuse(error);
    else
        *out = (struct picture){image, vips_image_get_width(image), vips_image_get_height(image)};
    if (out->image != image)
        g_object_unref(image);
    return out->image == image;
}

void picture_close(struct picture *picture)
{
    if (picture->image)
        g_object_unref(picture->image);
    picture->image = NULL;
    vips_thread_shutdown();
}

static void picture_planes(const unsigned char *pixels, size_t count, const struct colours *colours,
                           float *out)
{
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++)
            out[c * count + i] =
                ((float)pixels[3 * i + 2 - c] / 255.0f - colours->mean[c]) / colours->deviation[c];
}

bool picture_tensor(const struct picture *picture, const struct area *area, int width, int height,
                    const struct colours *colours, size_t max, struct tensor *out,
                    struct sdk_error *error)
{
    int64_t shape[] = {1, 3, height, width};
    VipsImage *image = picture->image, *next = NULL;
    void *pixels = NULL;
    size_t size = 0;

    g_object_ref(image);
    if (picture_step(
            &image, &next,
            vips_crop(image, &next, area->left, area->top, area->width, area->height, NULL)) &&
        picture_step(&image, &next,
                     vips_thumbnail_image(image, &next, width, "height", height, "size",
                                          VIPS_SIZE_FORCE, NULL)))
        pixels = vips_image_write_to_memory(image, &size);
    g_object_unref(image);
    if (!pixels || size != (size_t)width * (size_t)height * 3) {
        g_free(pixels);
        return picture_refuse(error);
    }
    if (tensor_init(out, TENSOR_FLOAT32, shape, 4, max, error))
        picture_planes(pixels, (size_t)width * (size_t)height, colours, out->bytes);
    g_free(pixels);
    return out->bytes != NULL;
}
