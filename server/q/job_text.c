/* Fields of stored jobs, and their JSON form; see the header. */
#include "q/job_text.h"

#include "common/json.h"
#include "common/mem.h"

struct ct_str job_field(const struct inspector *inspector, const struct inspect_job *job,
                        const char *name)
{
    for (uint32_t i = 0; i < inspector->field_count; i++) {
        if (strcmp(inspector->fields[i].name, name) == 0)
            return job->fields[i];
    }
    return CT_STR_NONE;
}

int64_t job_number(const struct inspector *inspector, const struct inspect_job *job,
                   const char *name)
{
    struct ct_str text = job_field(inspector, job, name);
    double number;

    return text.data && ct_str_to_double(text, &number) && number > -9e18 && number < 9e18
               ? (int64_t)number
               : 0;
}

char *job_option_text(struct ct_str opts, const char *name)
{
    json_error_t ignored;
    json_t *object = opts.data ? json_loadb(opts.data, opts.len, JSON_ALLOW_NUL, &ignored) : NULL;
    json_t *value = json_object_get(object, name);
    char *text = NULL;

    if (json_is_string(value))
        text = ct_strndup(json_string_value(value), strlen(json_string_value(value)));
    json_decref(object);
    return text;
}

static bool is_number(struct ct_str text)
{
    double number;

    return ct_str_to_double(text, &number) && ct_json_check(text, NULL) == CT_E_OK;
}

/* False when the field does not hold what it should. */
static bool print_field(struct print_json *json, const struct inspect_field *field,
                        struct ct_str text)
{
    if (!text.data) {
        print_json_value(json, field->name, ct_str_of(field->fallback ? field->fallback : "null"));
        return true;
    }
    if (field->kind == INSPECT_JSON || (field->kind == INSPECT_NUMBER && is_number(text)))
        return print_json_value(json, field->name, text);
    print_json_string(json, field->name, text);
    return field->kind == INSPECT_TEXT;
}

void job_print_members(struct print_json *json, const struct inspector *inspector,
                       const struct inspect_job *job, const char *state)
{
    bool is_broken[INSPECT_FIELDS_MAX] = {false};
    bool has_broken = false;

    print_json_string(json, "id", job->id);
    if (state)
        print_json_string(json, "state", ct_str_of(state));
    else
        print_json_null(json, "state");
    if (job->is_missing) {
        print_json_bool(json, "isMissing", true);
        return;
    }
    for (uint32_t i = 0; i < inspector->field_count; i++) {
        is_broken[i] = !print_field(json, &inspector->fields[i], job->fields[i]);
        has_broken = has_broken || is_broken[i];
    }
    if (job->due_ms > 0)
        print_json_int(json, "dueOn", job->due_ms);
    if (!has_broken)
        return;
    print_json_open(json, "broken", '[');
    for (uint32_t i = 0; i < inspector->field_count; i++) {
        if (is_broken[i])
            print_json_string(json, NULL, ct_str_of(inspector->fields[i].name));
    }
    print_json_close(json, ']');
}

void job_view_stacktrace(struct view *view, struct ct_str text)
{
    json_t *entries = NULL, *entry;
    json_error_t ignored;
    size_t i;

    if (text.data)
        entries = json_loadb(text.data, text.len, JSON_ALLOW_NUL, &ignored);
    json_array_foreach(entries, i, entry)
    {
        const char *line = json_string_value(entry);

        while (line && *line) {
            size_t len = strcspn(line, "\n");

            view_cell(view, line == json_string_value(entry) ? "stacktrace" : "",
                      (struct ct_str){line, len}, PRINT_PLAIN);
            line += len + (line[len] == '\n');
        }
    }
    json_decref(entries);
}

void job_view_counts(struct view *view, const struct inspector *inspector,
                     const struct inspect_counts *counts)
{
    for (uint32_t i = 0; i < inspector->state_count; i++) {
        const struct inspect_state *state = &inspector->states[i];

        if (view_json(view) || !state->is_legacy || counts->jobs[i] > 0)
            view_count(view, state->name, counts->jobs[i]);
    }
}
