/* Step `image`: each input becomes one image, or a responsive set of several widths and formats.
 *
 * Owns the way from input to outputs, their names and their description. What happens to the pixels
 * is in develop.c and watermark.c, how they are written in formats.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/digest.h"
#include "cartrita/sdk/text.h"
#include "image/image.h"
#include "image/names.h"
#include "image/options.h"
#include "image/picture.h"
#include "image/watermark.h"
#include "step.h"

/* What the images of one step have in common. */
struct run {
    struct file_work *work;
    struct image_options options;
    struct watermark watermark;
    json_t *images; /* owned: descriptions */
    bool is_set;    /* more than one image comes of it */
};

/* --- one image ----------------------------------------------------------------------------------
 */

static json_t *run_describe(const struct image_name *name, const void *bytes, size_t len)
{
    unsigned char digest[SDK_SHA256_SIZE];
    char hex[2 * SDK_SHA256_SIZE + 1];
    const struct image_format_row *row = &image_formats[name->format];

    sdk_sha256(bytes, len, digest);
    sdk_hex(digest, sizeof digest, hex);
    return json_pack("{s:i, s:i, s:s, s:s, s:I, s:s}", "width", name->width, "height", name->height,
                     "format", row->name, "type", row->type, "bytes", (json_int_t)len, "sha256",
                     hex);
}

/* Where it goes: to `output`, into the result, or to the next step. */
static bool run_deliver(struct run *run, const struct image_name *name, const void *bytes,
                        size_t len, json_t *json)
{
    struct file_work *work = run->work;
    char path[IMAGE_PATTERN_MAX], plain[FILE_NAME_MAX + 1];
    struct file_output output;

    if (!run->options.output && work->is_last)
        return file_inline(work, json, bytes, len);
    if (run->options.output &&
        !image_name_fill(run->options.output, name, path, sizeof path, &work->call->error))
        return false;
    image_name_plain(name, plain, sizeof plain);
    if (!file_output_open(work, run->options.output ? path : NULL, plain, &output))
        return false;
    if (run->options.output)
        (void)json_object_set_new(json, "path", json_string(path));
    if (file_output_write(work, &output, bytes, len) && file_output_commit(work, &output))
        return true;
    file_output_abort(&output);
    return false;
}

/* Formats without transparency get a background. */
static bool run_flatten(const struct run *run, const struct picture *picture,
                        enum image_format format, VipsImage *image, VipsImage **out)
{
    VipsArrayDouble *background;
    int bands = vips_image_get_bands(image) - 1;
    int status;

    if (!vips_image_hasalpha(image) || image_formats[format].has_alpha) {
        *out = g_object_ref(image);
        return true;
    }
    background = vips_array_double_new(run->options.background.rgba, bands);
    status = vips_flatten(image, out, "background", background, NULL);
    vips_area_unref(VIPS_AREA(background));
    return status == 0 || picture_fail(picture, "its transparency cannot be filled");
}

/* Savers that are told to strip leave some: one makes EXIF anew of the fields that were read from
 * it.
 */
static bool run_is_metadata(const char *field)
{
    return strncmp(field, "exif-", 5) == 0 || strcmp(field, VIPS_META_XMP_NAME) == 0 ||
           strcmp(field, VIPS_META_IPTC_NAME) == 0 || strcmp(field, VIPS_META_ICC_NAME) == 0 ||
           strcmp(field, VIPS_META_ORIENTATION) == 0;
}

static bool run_strip(const struct run *run, VipsImage **image)
{
    VipsImage *next = NULL;
    char **fields;

    if (run->options.saving.keeps_metadata)
        return true;
    if (!picture_took(vips_copy(*image, &next, NULL), image, &next))
        return false;
    fields = vips_image_get_fields(*image);
    for (size_t i = 0; fields && fields[i]; i++)
        if (run_is_metadata(fields[i]))
            (void)vips_image_remove(*image, fields[i]);
    g_strfreev(fields);
    return true;
}

static bool run_write(struct run *run, const struct picture *picture, VipsImage *image,
                      enum image_format format)
{
    struct sdk_call *call = run->work->call;
    struct image_name name = {.source = picture->name,
                              .width = vips_image_get_width(image),
                              .height = vips_image_get_page_height(image),
                              .format = format};
    VipsImage *flat = NULL;
    void *bytes = NULL;
    size_t len = 0;
    json_t *json;
    bool is_done;

    call->host->phase(call->job, "image: encode");
    if (!run_flatten(run, picture, format, image, &flat))
        return false;
    picture_watch(picture, flat);
    is_done = run_strip(run, &flat) &&
              image_encode(flat, format, &run->options.saving, &bytes, &len, &call->error);
    g_object_unref(flat);
    if (!is_done)
        return sdk_call_goes_on(call) ? sdk_error_wrap(&call->error, "%.200s", picture->name)
                                      : false;
    json = run_describe(&name, bytes, len);
    is_done = sdk_call_goes_on(call) && run_deliver(run, &name, bytes, len, json);
    g_free(bytes);
    (void)json_array_append_new(run->images, json);
    return is_done;
}

/* --- one input ----------------------------------------------------------------------------------
 */

static enum image_format run_format(const struct run *run, const struct picture *picture)
{
    enum image_format named =
        run->options.output ? image_format_of_name(run->options.output) : FORMAT_NONE;

    if (named != FORMAT_NONE)
        return named;
    return run->options.saving.is_for_web ? FORMAT_WEBP : picture->format;
}

static bool run_write_all(struct run *run, const struct picture *picture, VipsImage *image)
{
    VipsImage *marked = g_object_ref(image);
    bool is_done = watermark_put(&run->watermark, picture, &run->options.watermark, &marked);

    if (is_done && run->options.format_count == 0)
        is_done = run_write(run, picture, marked, run_format(run, picture));
    for (size_t i = 0; is_done && i < run->options.format_count; i++)
        is_done = run_write(run, picture, marked, run->options.formats[i]);
    g_object_unref(marked);
    return is_done;
}

static int run_widest(const struct image_options *options)
{
    int widest = 0;

    for (size_t i = 0; i < options->width_count; i++)
        widest = VIPS_MAX(widest, options->widths[i]);
    return widest;
}

/* Decoded once, at the largest width; no copy is larger than the source, for that only costs bytes.
 */
static bool run_set(struct run *run, struct picture *picture)
{
    struct image_options options = run->options;
    VipsImage *largest = NULL;
    bool is_done, had_full = false;

    if (!options.resize.is_wanted) {
        options.resize = (struct image_resize){
            .is_wanted = true, .width = run_widest(&options), .never_enlarges = true};
    }
    is_done = picture_develop(picture, &options, &largest);
    for (size_t i = 0; is_done && i < options.width_count; i++) {
        int full = vips_image_get_width(largest);
        bool is_full = options.widths[i] >= full;
        VipsImage *image = NULL;

        if (is_full && had_full)
            continue;
        had_full = had_full || is_full;
        if (is_full)
            image = g_object_ref(largest);
        else
            is_done = picture_scale(picture, largest, options.widths[i], &image);
        is_done = is_done && run_write_all(run, picture, image);
        if (image)
            g_object_unref(image);
    }
    if (largest)
        g_object_unref(largest);
    return is_done;
}

static bool run_input(struct run *run, const struct file_item *item)
{
    struct sdk_call *call = run->work->call;
    struct picture picture;
    VipsImage *image = NULL;
    bool is_done;

    if (!sdk_call_goes_on(call))
        return false;
    call->host->phase(call->job, "image: decode");
    if (!picture_open(run->work, item, &run->options, &picture))
        return false;
    if (run->options.width_count > 0) {
        is_done = run_set(run, &picture);
    } else {
        is_done =
            picture_develop(&picture, &run->options, &image) && run_write_all(run, &picture, image);
        if (image)
            g_object_unref(image);
    }
    picture_close(&picture);
    return is_done;
}

/* --- the step -----------------------------------------------------------------------------------
 */

static bool run_write_manifest(struct run *run)
{
    struct file_work *work = run->work;
    struct file_output output;
    char *text;
    bool is_done;

    if (!run->options.manifest)
        return true;
    text = json_dumps(run->work->result, JSON_INDENT(2));
    is_done = text && file_output_open(work, run->options.manifest, NULL, &output);
    if (is_done && !(file_output_write(work, &output, text, strlen(text)) &&
                     file_output_commit(work, &output))) {
        file_output_abort(&output);
        is_done = false;
    }
    free(text);
    if (is_done)
        (void)json_object_set_new(work->result, "manifest", json_string(run->options.manifest));
    return is_done;
}

static bool run_check(struct run *run, const struct file_list *inputs)
{
    const struct image_options *options = &run->options;
    size_t formats = options->format_count ? options->format_count : 1;
    size_t widths = options->width_count ? options->width_count : 1;
    size_t count = inputs->count * formats * widths;
    int64_t max = run->work->plugin->settings.variants_max;

    run->is_set = count > 1 || options->width_count > 0 || options->manifest;
    if ((int64_t)count > max)
        return sdk_refuse(&run->work->call->error, "LimitError",
                          "%zu images in one step are more than %lld (the plugin's setting "
                          "variantsMax)",
                          count, (long long)max);
    return image_names_check(run->work->options, options, inputs->count, run->work->is_last);
}

static bool run_inputs(struct run *run, const struct file_list *inputs)
{
    struct file_work *work = run->work;
    bool is_done = run_check(run, inputs) && watermark_open(work, &run->options, &run->watermark);

    for (size_t i = 0; is_done && i < inputs->count; i++)
        is_done = run_input(run, &inputs->items[i]);
    watermark_close(&run->watermark);
    if (!is_done)
        return false;
    work->result = run->is_set ? json_pack("{s:O}", "images", run->images)
                               : json_incref(json_array_get(run->images, 0));
    return run_write_manifest(run);
}

bool image_step(struct file_work *work)
{
    struct run run = {.work = work};
    struct file_list inputs = {0};
    struct sdk_reader queue;
    json_t *options = NULL;
    bool is_done = false;

    if (image_is_queue_form(work->options->object)) {
        options = image_options_of_queue(work->options->object, &work->call->error);
        if (!options)
            return false;
        queue = sdk_reader(options, "data", &work->call->error);
        work->options = &queue;
    }
    run.images = json_array();
    if (image_options_read(work->options, &run.options) && file_inputs(work, "source", &inputs))
        is_done = run_inputs(&run, &inputs);
    is_done = is_done && sdk_reader_ok(work->options);
    file_list_free(&inputs);
    json_decref(run.images);
    json_decref(options);
    return is_done;
}
