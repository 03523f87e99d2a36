/* What the header of an image says. Nothing is decoded. */
#include <unistd.h>
#include <vips/vips.h>

#include "formats.h"
#include "image.h"

static json_t *inspect_describe(VipsImage *image, enum image_format format)
{
    json_t *json = json_pack(
        "{s:s, s:i, s:i, s:i, s:s, s:i, s:b, s:i, s:b, s:b}", "format", image_formats[format].name,
        "width", vips_image_get_width(image), "height", vips_image_get_height(image), "pages",
        vips_image_get_n_pages(image), "space",
        vips_enum_nick(VIPS_TYPE_INTERPRETATION, (int)vips_image_get_interpretation(image)),
        "channels", vips_image_get_bands(image), "hasAlpha", vips_image_hasalpha(image),
        "orientation", vips_image_get_orientation(image), "hasProfile",
        vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0, "hasExif",
        vips_image_get_typeof(image, VIPS_META_EXIF_NAME) != 0);
    const char *codec;

    /* HEIC and AVIF are one container with two codecs. */
    if (json && vips_image_get_typeof(image, "heif-compression") &&
        vips_image_get_string(image, "heif-compression", &codec) == 0)
        (void)json_object_set_new(json, "codec", json_string(codec));
    return json;
}

void image_inspect(int fd, json_t *json)
{
    VipsSource *source;
    VipsImage *image = NULL;
    const char *loader;
    enum image_format format = FORMAT_NONE;

    (void)lseek(fd, 0, SEEK_SET);
    source = vips_source_new_from_descriptor(fd);
    loader = source ? vips_foreign_find_load_source(source) : NULL;
    if (loader)
        format = image_format_of_loader(vips_nickname_find(g_type_from_name(loader)));
    if (format != FORMAT_NONE)
        image = vips_image_new_from_source(source, "", "access", VIPS_ACCESS_SEQUENTIAL, NULL);
    if (image) {
        (void)json_object_set_new(json, "image", inspect_describe(image, format));
        g_object_unref(image);
    }
    if (source)
        g_object_unref(source);
    vips_error_clear();
}
