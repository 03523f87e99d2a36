/* Reads the options of step `image`. */
#include "options.h"

#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

static const char *const members[] = {
    "source",   "rotate",   "flip",   "crop",     "resize",   "watermark",   "background",
    "animated", "failOn",   "output", "manifest", "format",   "formats",     "widths",
    "quality",  "lossless", "effort", "metadata", "optimize", "progressive", NULL,
};
static const char *const fits[] = {"cover", "contain", "fill", "inside", "outside", NULL};
static const char *const places[] = {
    "centre",    "north", "northeast", "east",      "southeast", "south",
    "southwest", "west",  "northwest", "attention", "entropy",   NULL,
};

static bool options_hex(const char *text, size_t len, double *out)
{
    char digits[3] = {text[0], len == 2 ? text[1] : text[0], '\0'};
    char *end;

    *out = (double)strtol(digits, &end, 16);
    return *end == '\0';
}

/* "#rgb", "#rrggbb", "#rrggbbaa", and three names. */
static bool options_colour_parse(const char *text, struct image_colour *out)
{
    size_t len = strlen(text), each;

    if (strcmp(text, "white") == 0)
        text = "#ffffff";
    else if (strcmp(text, "black") == 0)
        text = "#000000";
    else if (strcmp(text, "transparent") == 0)
        text = "#00000000";
    len = strlen(text);
    if (text[0] != '#' || (len != 4 && len != 7 && len != 9))
        return false;
    each = len == 4 ? 1 : 2;
    out->rgba[3] = 255;
    for (size_t i = 0; i < (len - 1) / each; i++)
        if (!options_hex(text + 1 + i * each, each, &out->rgba[i]))
            return false;
    return true;
}

static struct image_colour options_colour(struct sdk_reader *reader, const char *name,
                                          const char *fallback)
{
    struct image_colour colour = {{0}};

    if (!options_colour_parse(sdk_text(reader, name, fallback, 16), &colour))
        (void)sdk_reader_refuse(reader, name,
                                "a colour is \"#rrggbb\", \"#rrggbbaa\", \"white\", \"black\" or "
                                "\"transparent\"");
    return colour;
}

static int options_side(struct sdk_reader *reader, const char *name, int64_t fallback)
{
    return (int)sdk_integer(reader, name, fallback, 1, IMAGE_SIDE_MAX);
}

static enum image_place options_place(struct sdk_reader *reader, enum image_place fallback)
{
    return (enum image_place)sdk_choice(reader, "position", places, (int)fallback);
}

static void options_rotate(struct sdk_reader *reader, struct image_options *out)
{
    const json_t *rotate = sdk_any(reader, "rotate");
    const char *word = json_string_value(rotate);

    out->is_upright = true;
    if (!rotate || (word && strcmp(word, "auto") == 0))
        return;
    if (word && strcmp(word, "none") == 0)
        out->is_upright = false;
    else if (json_is_number(rotate))
        out->angle = sdk_number(reader, "rotate", 0, -360, 360);
    else
        (void)sdk_reader_refuse(reader, "rotate", "it is \"auto\", \"none\" or degrees");
}

static void options_flip(struct sdk_reader *reader, struct image_options *out)
{
    static const char *const ways[] = {"horizontal", "vertical", "both", NULL};
    int way = sdk_choice(reader, "flip", ways, -1);

    out->flips_x = way == 0 || way == 2;
    out->flips_y = way == 1 || way == 2;
}

static bool options_crop(struct sdk_reader *parent, struct image_crop *out)
{
    static const char *const names[] = {"left", "top", "width", "height", "position", NULL};
    struct sdk_reader reader = sdk_reader_in(parent, "crop");

    out->is_wanted = sdk_has(parent, "crop");
    if (!out->is_wanted)
        return sdk_reader_ok(&reader);
    (void)sdk_reader_only(&reader, names);
    out->has_corner = sdk_has(&reader, "left") || sdk_has(&reader, "top");
    out->left = (int)sdk_integer(&reader, "left", 0, 0, IMAGE_SIDE_MAX);
    out->top = (int)sdk_integer(&reader, "top", 0, 0, IMAGE_SIDE_MAX);
    out->width = options_side(&reader, "width", 0);
    out->height = options_side(&reader, "height", 0);
    out->place = options_place(&reader, PLACE_CENTRE);
    if (out->width == 0 || out->height == 0)
        return sdk_reader_refuse(&reader, "width", "a crop needs width and height");
    return sdk_reader_ok(&reader);
}

static bool options_resize(struct sdk_reader *parent, struct image_resize *out)
{
    static const char *const names[] = {"width", "height", "fit", "position", "withoutEnlargement",
                                        NULL};
    struct sdk_reader reader = sdk_reader_in(parent, "resize");

    out->is_wanted = sdk_has(parent, "resize");
    if (!out->is_wanted)
        return sdk_reader_ok(&reader);
    (void)sdk_reader_only(&reader, names);
    out->width = options_side(&reader, "width", 0);
    out->height = options_side(&reader, "height", 0);
    out->fit = (enum image_fit)sdk_choice(&reader, "fit", fits, FIT_COVER);
    out->place = options_place(&reader, PLACE_CENTRE);
    out->never_enlarges = sdk_boolean(&reader, "withoutEnlargement", false);
    if (out->width == 0 && out->height == 0)
        return sdk_reader_refuse(&reader, "width", "a resize needs width, height or both");
    return sdk_reader_ok(&reader);
}

static bool options_watermark(struct sdk_reader *parent, struct image_watermark *out)
{
    static const char *const names[] = {"image",    "text",   "font",  "colour", "opacity",
                                        "position", "margin", "width", "tile",   NULL};
    struct sdk_reader reader = sdk_reader_in(parent, "watermark");

    out->options = sdk_object(parent, "watermark");
    if (!out->options)
        return sdk_reader_ok(&reader);
    (void)sdk_reader_only(&reader, names);
    out->text = sdk_text(&reader, "text", NULL, 1000);
    out->font = sdk_text(&reader, "font", "sans bold 32", 200);
    out->colour = options_colour(&reader, "colour", "white");
    out->opacity = sdk_number(&reader, "opacity", 0.5, 0, 1);
    out->place = options_place(&reader, PLACE_SOUTHEAST);
    out->margin = (int)sdk_integer(&reader, "margin", 10, 0, IMAGE_SIDE_MAX);
    out->part = sdk_number(&reader, "width", 0, 0.001, 1);
    out->is_tiled = sdk_boolean(&reader, "tile", false);
    if (!sdk_has(&reader, "image") == !sdk_has(&reader, "text"))
        return sdk_reader_refuse(&reader, "image", "a watermark is either an image or a text");
    if (out->place >= PLACE_ATTENTION)
        return sdk_reader_refuse(&reader, "position", "a watermark goes to a fixed place");
    return sdk_reader_ok(&reader);
}

static void options_add_format(struct sdk_reader *reader, const char *name, const char *value,
                               struct image_options *out)
{
    char written[128];

    for (int i = 0; value && i < FORMAT_COUNT; i++) {
        if (strcmp(value, image_format_names[i]) != 0 &&
            strcmp(value, image_formats[i].extension) != 0)
            continue;
        if (out->format_count < FORMAT_COUNT)
            out->formats[out->format_count++] = (enum image_format)i;
        return;
    }
    image_formats_written(written, sizeof written);
    (void)sdk_reader_refuse(reader, name,
                            "\"%.40s\" is no format that can be written; there are: %s",
                            value ? value : "(not a text)", written);
}

static void options_set(struct sdk_reader *reader, struct image_options *out)
{
    const json_t *list = sdk_array(reader, "formats", FORMAT_COUNT);
    const char *format = sdk_text(reader, "format", NULL, 16);

    for (size_t i = 0; i < json_array_size(list); i++)
        options_add_format(reader, "formats", json_string_value(json_array_get(list, i)), out);
    if (format)
        options_add_format(reader, "format", format, out);
    list = sdk_array(reader, "widths", IMAGE_WIDTHS_MAX);
    out->width_count = json_array_size(list);
    for (size_t i = 0; i < out->width_count; i++) {
        json_int_t width = json_integer_value(json_array_get(list, i));

        if (width < 1 || width > IMAGE_SIDE_MAX) {
            (void)sdk_reader_refuse(reader, "widths", "widths are integers from 1 to %d",
                                    IMAGE_SIDE_MAX);
            return;
        }
        out->widths[i] = (int)width;
    }
}

static void options_saving(struct sdk_reader *reader, struct image_saving *out)
{
    static const char *const ways[] = {"strip", "keep", NULL};

    out->is_for_web = sdk_boolean(reader, "optimize", false);
    out->quality = (int)sdk_integer(reader, "quality", 0, 1, 100);
    out->effort = (int)sdk_integer(reader, "effort", -1, 0, 9);
    out->is_lossless = sdk_boolean(reader, "lossless", false);
    out->is_progressive = sdk_boolean(reader, "progressive", out->is_for_web);
    out->keeps_metadata = sdk_choice(reader, "metadata", ways, 0) == 1;
}

bool image_options_read(struct sdk_reader *reader, struct image_options *out)
{
    static const char *const fail_ons[] = {"none", "truncated", "error", "warning", NULL};

    *out = (struct image_options){0};
    (void)sdk_reader_only(reader, members);
    options_rotate(reader, out);
    options_flip(reader, out);
    out->has_background = sdk_has(reader, "background");
    out->background = options_colour(reader, "background", "white");
    out->is_animated = sdk_boolean(reader, "animated", false);
    out->fail_on = sdk_choice(reader, "failOn", fail_ons, VIPS_FAIL_ON_ERROR);
    out->output = sdk_text(reader, "output", NULL, IMAGE_PATTERN_MAX - 1);
    out->manifest = sdk_text(reader, "manifest", NULL, IMAGE_PATTERN_MAX - 1);
    options_set(reader, out);
    options_saving(reader, &out->saving);
    return options_crop(reader, &out->crop) && options_resize(reader, &out->resize) &&
           options_watermark(reader, &out->watermark) && sdk_reader_ok(reader);
}

/* --- the form of an image queue -----------------------------------------------------------------
 */

static bool options_is_of_image(const char *name)
{
    for (size_t i = 0; members[i]; i++)
        if (strcmp(members[i], name) == 0)
            return true;
    return false;
}

static void options_move(json_t *from, const char *name, json_t *to, const char *as)
{
    json_t *value = json_object_get(from, name);

    if (value)
        (void)json_object_set(to, as, value);
    (void)json_object_del(from, name);
}

json_t *image_options_of_queue(const json_t *data, struct sdk_error *error)
{
    const char *operation = json_string_value(json_object_get(data, "operation"));
    const json_t *given = json_object_get(data, "options");
    json_t *own = json_object(), *out = json_object();
    const char *name;
    json_t *value;

    (void)json_object_set(out, "source", json_object_get(data, "imageUrl"));
    json_object_foreach((json_t *)given, name, value)(void)
        json_object_set(options_is_of_image(name) ? out : own, name, value);
    if (strcmp(operation, "crop") == 0 || strcmp(operation, "watermark") == 0) {
        (void)json_object_set_new(out, operation, own);
        own = json_object();
    } else if (strcmp(operation, "rotate") == 0) {
        options_move(own, "angle", out, "rotate");
    } else if (strcmp(operation, "flip") == 0) {
        (void)json_object_set_new(out, "flip", json_string("horizontal"));
        options_move(own, "direction", out, "flip");
    } else if (strcmp(operation, "optimize") == 0) {
        (void)json_object_set_new(out, "optimize", json_true());
    } else if (strcmp(operation, "resize") != 0 && strcmp(operation, "thumbnail") != 0 &&
               strcmp(operation, "convert") != 0 && strcmp(operation, "responsive") != 0) {
        (void)sdk_refuse(error, "ValidationError",
                         "data.operation: \"%.60s\" is none of resize, thumbnail, crop, rotate, "
                         "flip, watermark, convert, optimize, responsive",
                         operation);
        json_decref(out);
        out = NULL;
    }
    if (out && json_object_size(own) > 0)
        (void)json_object_set(out, "resize", own); /* width, height, fit */
    json_decref(own);
    return out;
}
