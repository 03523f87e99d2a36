/* Which formats there are, and the options that a job gives for CSV. */
#include "table/format.h"

#include <string.h>

#define NULL_TEXT_MAX 32u

const struct format *format_find(const char *name)
{
    static const struct format *const formats[] = {&format_csv, &format_json, &format_ndjson,
                                                   &format_html};

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    }
    return NULL;
}

bool format_read_csv(struct sdk_reader *in, struct format_options *options)
{
    static const char *const names[] = {"delimiter", "header", "bom", "guard", "null", NULL};
    struct sdk_reader csv = sdk_reader_in(in, "csv");
    const char *delimiter;

    sdk_reader_only(&csv, names);
    delimiter = sdk_text(&csv, "delimiter", NULL, 1);
    if (delimiter && (delimiter[0] == '\0' || strchr("\"\r\n", delimiter[0])))
        return sdk_reader_refuse(&csv, "delimiter",
                                 "must be one character, such as \",\" or \";\"");
    if (delimiter)
        options->delimiter = delimiter[0];
    options->has_header = sdk_boolean(&csv, "header", options->has_header);
    options->has_bom = sdk_boolean(&csv, "bom", options->has_bom);
    options->guards_formulas = sdk_boolean(&csv, "guard", options->guards_formulas);
    options->null_text = sdk_text(&csv, "null", options->null_text, NULL_TEXT_MAX);
    return sdk_reader_ok(&csv);
}
