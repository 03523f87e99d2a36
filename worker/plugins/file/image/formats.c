/* Formats: their names, what this libvips has of them, and how each is written. */
#include "formats.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vips_errors.h"

const struct image_format_row image_formats[FORMAT_COUNT] = {
    [FORMAT_JPEG] = {"jpeg", "jpg", "image/jpeg", "jpegload", "jpegsave_buffer", 65500, false,
                     false},
    [FORMAT_PNG] = {"png", "png", "image/png", "pngload", "pngsave_buffer", 1000000, true, false},
    [FORMAT_WEBP] = {"webp", "webp", "image/webp", "webpload", "webpsave_buffer", 16383, true,
                     true},
    [FORMAT_AVIF] = {"avif", "avif", "image/avif", "heifload", "heifsave_buffer", 16384, true,
                     false},
    [FORMAT_GIF] = {"gif", "gif", "image/gif", "gifload", "gifsave_buffer", 65535, true, true},
    [FORMAT_TIFF] = {"tiff", "tif", "image/tiff", "tiffload", "tiffsave_buffer", 1000000, true,
                     false},
};

const char *const image_format_names[FORMAT_COUNT + 1] = {"jpeg", "png",  "webp", "avif",
                                                          "gif",  "tiff", NULL};

enum image_format image_format_of_name(const char *name)
{
    const char *dot = strrchr(name, '.');

    for (int i = 0; dot && i < FORMAT_COUNT; i++)
        if (strcasecmp(dot + 1, image_formats[i].name) == 0 ||
            strcasecmp(dot + 1, image_formats[i].extension) == 0)
            return (enum image_format)i;
    return FORMAT_NONE;
}

enum image_format image_format_of_loader(const char *loader)
{
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (strncmp(loader, image_formats[i].loader, strlen(image_formats[i].loader)) == 0)
            return (enum image_format)i;
    return FORMAT_NONE;
}

static bool formats_is_written(enum image_format format)
{
    return vips_type_find("VipsOperation", image_formats[format].saver) != 0;
}

void image_formats_written(char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (int i = 0; i < FORMAT_COUNT && used < size; i++)
        if (formats_is_written((enum image_format)i))
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                                     image_formats[i].name);
}

static int formats_or(int value, int fallback)
{
    return value > 0 ? value : fallback;
}

/* From 0 (fast) to 9 (small) onto a saver's own scale. */
static int formats_effort(const struct image_saving *saving, int fallback, int web, int max)
{
    if (saving->effort >= 0)
        return (saving->effort * max + 4) / 9;
    return saving->is_for_web ? web : fallback;
}

static int formats_jpeg(VipsImage *image, const struct image_saving *saving, void **bytes,
                        size_t *len)
{
    return vips_jpegsave_buffer(image, bytes, len, "Q", formats_or(saving->quality, 80), "strip",
                                !saving->keeps_metadata, "optimize_coding", TRUE, "interlace",
                                saving->is_progressive, NULL);
}

static int formats_png(VipsImage *image, const struct image_saving *saving, void **bytes,
                       size_t *len)
{
    /* A quality asks for a palette, as people know it from other tools. */
    gboolean has_palette = saving->quality > 0 || saving->is_for_web;

    return vips_pngsave_buffer(
        image, bytes, len, "strip", !saving->keeps_metadata, "compression",
        formats_effort(saving, 6, 9, 9), "interlace", saving->is_progressive && saving->quality > 0,
        "palette", has_palette && !saving->is_lossless, "Q", formats_or(saving->quality, 90), NULL);
}

static int formats_webp(VipsImage *image, const struct image_saving *saving, void **bytes,
                        size_t *len)
{
    return vips_webpsave_buffer(image, bytes, len, "Q", formats_or(saving->quality, 80), "lossless",
                                saving->is_lossless, "effort", formats_effort(saving, 4, 5, 6),
                                "strip", !saving->keeps_metadata, NULL);
}

static int formats_avif(VipsImage *image, const struct image_saving *saving, void **bytes,
                        size_t *len)
{
    return vips_heifsave_buffer(image, bytes, len, "Q", formats_or(saving->quality, 50), "lossless",
                                saving->is_lossless, "effort", formats_effort(saving, 4, 4, 9),
                                "compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "strip",
                                !saving->keeps_metadata, NULL);
}

static int formats_gif(VipsImage *image, const struct image_saving *saving, void **bytes,
                       size_t *len)
{
    int effort = formats_effort(saving, 7, 8, 10);

    return vips_gifsave_buffer(image, bytes, len, "effort", effort > 0 ? effort : 1, "strip",
                               !saving->keeps_metadata, NULL);
}

static int formats_tiff(VipsImage *image, const struct image_saving *saving, void **bytes,
                        size_t *len)
{
    return vips_tiffsave_buffer(
        image, bytes, len, "compression",
        saving->quality > 0 && !saving->is_lossless ? VIPS_FOREIGN_TIFF_COMPRESSION_JPEG
                                                    : VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE,
        "predictor", VIPS_FOREIGN_TIFF_PREDICTOR_HORIZONTAL, "Q", formats_or(saving->quality, 80),
        "strip", !saving->keeps_metadata, NULL);
}

bool image_encode(VipsImage *image, enum image_format format, const struct image_saving *saving,
                  void **bytes, size_t *len, struct sdk_error *error)
{
    static int (*const savers[FORMAT_COUNT])(VipsImage *, const struct image_saving *, void **,
                                             size_t *) = {
        [FORMAT_JPEG] = formats_jpeg, [FORMAT_PNG] = formats_png, [FORMAT_WEBP] = formats_webp,
        [FORMAT_AVIF] = formats_avif, [FORMAT_GIF] = formats_gif, [FORMAT_TIFF] = formats_tiff,
    };
    const struct image_format_row *row = &image_formats[format];
    char written[128];

    *bytes = NULL;
    if (!formats_is_written(format)) {
        image_formats_written(written, sizeof written);
        return sdk_refuse(error, "FormatError", "this libvips does not write %s; it writes: %s",
                          row->name, written);
    }
    if (vips_image_get_width(image) > row->side_max ||
        vips_image_get_page_height(image) > row->side_max)
        return sdk_refuse(error, "FormatError", "%d x %d is too large for %s, which ends at %d",
                          vips_image_get_width(image), vips_image_get_page_height(image), row->name,
                          row->side_max);
    if (savers[format](image, saving, bytes, len) == 0)
        return true;
    return vips_errors_fail(error, "writing %s", row->name);
}
