/* See names.h. */
#include "names.h"

#include <stdio.h>
#include <string.h>

static int names_stem_len(const char *source)
{
    const char *dot = strrchr(source, '.');

    return (int)(dot && dot != source ? (size_t)(dot - source) : strlen(source));
}

/* What {word} stands for; false: no such word. */
static bool names_word(const struct image_name *name, const char *word, size_t len, char *out,
                       size_t size)
{
    const struct image_format_row *row = &image_formats[name->format];

    if (len == 4 && memcmp(word, "stem", len) == 0)
        snprintf(out, size, "%.*s", names_stem_len(name->source), name->source);
    else if (len == 4 && memcmp(word, "name", len) == 0)
        snprintf(out, size, "%s", name->source);
    else if (len == 5 && memcmp(word, "width", len) == 0)
        snprintf(out, size, "%d", name->width);
    else if (len == 6 && memcmp(word, "height", len) == 0)
        snprintf(out, size, "%d", name->height);
    else if (len == 6 && memcmp(word, "format", len) == 0)
        snprintf(out, size, "%s", row->name);
    else if (len == 3 && memcmp(word, "ext", len) == 0)
        snprintf(out, size, "%s", row->extension);
    else
        return false;
    return true;
}

bool image_name_fill(const char *pattern, const struct image_name *name, char *out, size_t size,
                     struct sdk_error *error)
{
    size_t used = 0;

    while (*pattern && used < size) {
        const char *end = *pattern == '{' ? strchr(pattern, '}') : NULL;
        char value[512];

        if (end &&
            names_word(name, pattern + 1, (size_t)(end - pattern) - 1, value, sizeof value)) {
            used += (size_t)snprintf(out + used, size - used, "%s", value);
            pattern = end + 1;
        } else {
            used += (size_t)snprintf(out + used, size - used, "%c", *pattern++);
        }
    }
    if (used >= size)
        return sdk_refuse(error, "ValidationError",
                          "the name of an output is longer than %zu bytes", size - 1);
    return true;
}

void image_name_plain(const struct image_name *name, char *out, size_t size)
{
    snprintf(out, size, "%.*s-%d.%s", VIPS_MIN(names_stem_len(name->source), 200), name->source,
             name->width, image_formats[name->format].extension);
}

bool image_names_check(struct sdk_reader *reader, const struct image_options *options,
                       size_t inputs, bool is_last)
{
    const char *output = options->output;

    if (!output)
        return (inputs <= 1 && options->width_count <= 1 && options->format_count <= 1) ||
               !is_last ||
               sdk_reader_refuse(
                   reader, "output",
                   "several images need names, such as \"/srv/{stem}-{width}.{ext}\"");
    if (inputs > 1 && !strstr(output, "{stem}") && !strstr(output, "{name}"))
        return sdk_reader_refuse(reader, "output", "for several inputs it needs {stem} or {name}");
    if (options->width_count > 1 && !strstr(output, "{width}"))
        return sdk_reader_refuse(reader, "output", "for several widths it needs {width}");
    if (options->format_count > 1 && !strstr(output, "{ext}") && !strstr(output, "{format}"))
        return sdk_reader_refuse(reader, "output",
                                 "for several formats it needs {ext} or {format}");
    return true;
}
