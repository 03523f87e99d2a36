/* Templates of mails. See template.h. */
#include "mail/template.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/file.h"
#include "mail/mail.h"

static const char *const endings[] = {".subject", ".txt", ".html"};

void template_fini(struct mail_template *template)
{
    free(template->name);
    sdk_template_free(template->subject);
    sdk_template_free(template->text);
    sdk_template_free(template->html);
    memset(template, 0, sizeof *template);
}

static bool template_part(struct sdk_reader *in, const char *name, size_t max_len,
                          struct sdk_template **out)
{
    const char *text = sdk_text(in, name, NULL, max_len);

    if (!text || !sdk_reader_ok(in))
        return sdk_reader_ok(in);
    if (sdk_template_parse(text, strcmp(name, "html") == 0, out, in->error))
        return true;
    in->is_failed = true;
    return sdk_error_wrap(in->error, "%s.%s", in->path, name);
}

bool template_parse(struct sdk_reader *in, size_t max_len, struct mail_template *out)
{
    if (template_part(in, "subject", MAIL_SUBJECT_MAX, &out->subject) &&
        template_part(in, "text", max_len, &out->text) &&
        template_part(in, "html", max_len, &out->html))
        return true;
    template_fini(out);
    return false;
}

/* --- files ---------------------------------------------------------------------------------------
 */

const struct mail_template *templates_find(const struct mail_templates *templates, const char *name)
{
    for (size_t i = 0; i < templates->count; i++)
        if (strcmp(templates->items[i].name, name) == 0)
            return &templates->items[i];
    return NULL;
}

static struct mail_template *templates_name(struct mail_templates *templates, const char *file,
                                            size_t len, struct sdk_error *error)
{
    char *name = strndup(file, len);
    struct mail_template *found = (struct mail_template *)templates_find(templates, name);

    if (found) {
        free(name);
        return found;
    }
    if (templates->count == TEMPLATE_NAMES_MAX) {
        free(name);
        sdk_refuse(error, "LimitError", "templates: more than %u of them", TEMPLATE_NAMES_MAX);
        return NULL;
    }
    found = realloc(templates->items, (templates->count + 1) * sizeof *found);
    if (!found) {
        free(name);
        sdk_retry_later(error, "MemoryError", "out of memory");
        return NULL;
    }
    templates->items = found;
    found += templates->count++;
    *found = (struct mail_template){.name = name};
    return found;
}

static bool templates_load(const char *path, size_t kind, struct mail_template *template,
                           struct sdk_error *error)
{
    struct sdk_template **parts[] = {&template->subject, &template->text, &template->html};
    char *text = NULL;
    size_t len = 0;
    bool is_loaded;

    if (!sdk_file_read(NULL, path, TEMPLATE_FILE_MAX, &text, &len, error))
        return sdk_error_wrap(error, "templates");
    while (kind == 0 && len > 0 && strchr("\r\n ", text[len - 1]))
        text[--len] = '\0';
    is_loaded = sdk_template_parse(text, kind == 2, parts[kind], error);
    free(text);
    return is_loaded || sdk_error_wrap(error, "%s", path);
}

/* Files with other endings are nobody's business here. */
static bool templates_take(const char *directory, const char *file,
                           struct mail_templates *templates, struct sdk_error *error)
{
    const char *dot = strrchr(file, '.');
    char path[4096];

    for (size_t kind = 0; dot && dot > file && kind < 3; kind++) {
        struct mail_template *template;

        if (strcmp(dot, endings[kind]) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, file);
        template = templates_name(templates, file, (size_t)(dot - file), error);
        return template && templates_load(path, kind, template, error);
    }
    return true;
}

bool templates_open(const char *directory, struct mail_templates *out, struct sdk_error *error)
{
    DIR *open = directory ? opendir(directory) : NULL;
    struct dirent *entry;
    bool is_read = true;

    if (directory && !open)
        return sdk_refuse(error, "SettingsError", "templates: %s: %s", directory, strerror(errno));
    while (open && is_read && (entry = readdir(open)))
        is_read = templates_take(directory, entry->d_name, out, error);
    if (open)
        closedir(open);
    if (!is_read)
        templates_close(out);
    return is_read;
}

void templates_close(struct mail_templates *templates)
{
    for (size_t i = 0; i < templates->count; i++)
        template_fini(&templates->items[i]);
    free(templates->items);
    memset(templates, 0, sizeof *templates);
}
