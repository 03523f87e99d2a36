/* Opening a picture, its limits, and being interrupted. See picture.h. */
#include "picture.h"

#include <string.h>
#include <unistd.h>

#include "vips_errors.h"

static void picture_eval_cb(VipsImage *image, VipsProgress *progress, struct sdk_call *call)
{
    (void)progress;
    if (call->host->is_cancelled(call->job))
        vips_image_set_kill(image, TRUE);
}

void picture_watch(const struct picture *picture, VipsImage *image)
{
    vips_image_set_progress(image, TRUE);
    g_signal_connect(image, "eval", G_CALLBACK(picture_eval_cb), picture->work->call);
}

bool picture_fail(const struct picture *picture, const char *doing)
{
    struct sdk_call *call = picture->work->call;

    if (!sdk_call_goes_on(call)) {
        vips_error_clear();
        return false;
    }
    return vips_errors_fail(&call->error, "%.200s: %s", picture->name, doing);
}

bool picture_took(int status, VipsImage **image, VipsImage *const *next)
{
    if (status != 0)
        return false;
    g_object_unref(*image);
    *image = *next;
    return true;
}

/* What libvips reads of the formats that it also writes, and no more: its other loaders were not
 * made for data from strangers. */
static bool picture_find_loader(struct picture *picture, struct sdk_error *error)
{
    const char *loader = vips_foreign_find_load_source(picture->source);
    enum image_format format = loader ? FORMAT_NONE : FORMAT_COUNT;
    const char *nickname = loader ? vips_nickname_find(g_type_from_name(loader)) : NULL;

    if (nickname)
        format = image_format_of_loader(nickname);
    vips_error_clear();
    if (format == FORMAT_NONE)
        return sdk_refuse(error, "FormatError",
                          "%.200s is not an image of a format that is read here: jpeg, png, webp, "
                          "avif, heic, gif, tiff",
                          picture->name);
    picture->loader = nickname;
    picture->format = format;
    return true;
}

static bool picture_check_size(const struct picture *picture, struct sdk_error *error)
{
    int64_t max = picture->work->plugin->settings.pixels_max;
    int64_t pixels = (int64_t)picture->width * picture->height * picture->pages;

    if (pixels > max)
        return sdk_refuse(error, "LimitError",
                          "%.200s has %d x %d pixels on %d page(s), more than %lld (the plugin's "
                          "setting pixelsMax)",
                          picture->name, picture->width, picture->height, picture->pages,
                          (long long)max);
    return true;
}

/* For errors that the header shows already. */
static bool picture_read_header(struct picture *picture, struct sdk_error *error)
{
    const char *pages = picture->is_animated ? "[n=-1]" : "";
    VipsImage *header =
        vips_image_new_from_source(picture->source, pages, "access", VIPS_ACCESS_SEQUENTIAL, NULL);

    if (!header)
        return picture_fail(picture, "it cannot be read");
    picture->width = vips_image_get_width(header);
    picture->height =
        picture->is_animated ? vips_image_get_page_height(header) : vips_image_get_height(header);
    picture->pages = vips_image_get_height(header) / picture->height;
    picture->is_turned = vips_image_get_orientation(header) >= 5;
    picture->has_profile = vips_image_get_typeof(header, VIPS_META_ICC_NAME) != 0 ||
                           vips_image_get_interpretation(header) == VIPS_INTERPRETATION_CMYK;
    g_object_unref(header);
    return picture_check_size(picture, error);
}

bool picture_open(struct file_work *work, const struct file_item *item,
                  const struct image_options *options, struct picture *out)
{
    struct sdk_error *error = &work->call->error;
    int64_t size;
    int fd = file_item_open(work, item, &size);

    *out = (struct picture){.work = work,
                            .name = item->name,
                            .is_animated = options->is_animated,
                            .fail_on = options->fail_on};
    if (fd < 0)
        return false;
    out->source = vips_source_new_from_descriptor(fd);
    close(fd);
    if (!out->source)
        return picture_fail(out, "it cannot be read");
    if (picture_find_loader(out, error)) {
        out->is_animated = out->is_animated && image_formats[out->format].is_animated;
        if (picture_read_header(out, error))
            return true;
    }
    picture_close(out);
    return false;
}

void picture_close(struct picture *picture)
{
    if (picture->source)
        g_object_unref(picture->source);
    picture->source = NULL;
}
