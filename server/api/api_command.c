/* The command line of a request. Options come as --NAME=VALUE, what the path names comes behind
 * "--": no value is ever taken for an option. Called by api.c; touches nothing but the call. */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "server/api/api_internal.h"

static void call_add(struct call *call, char *word)
{
    if (call->word_count < API_WORDS_MAX) {
        call->words[call->word_count++] = word;
        return;
    }
    free(word);
    ct_error_set(&call->err, CT_E_TOO_LARGE, "too many parameters, at most %d (API_WORDS_MAX)",
                 API_WORDS_MAX);
}

static void call_add_param(void *arg, const char *name, const char *value)
{
    struct call *call = arg;
    enum api_param kind = api_param_of(call->match.route, name);

    if (call->err.code != CT_E_OK)
        return;
    if (kind == API_PARAM_UNKNOWN)
        ct_error_set(&call->err, CT_E_USAGE, "there is no parameter '%.60s' here", name);
    else if (strlen(value) > API_TEXT_MAX)
        ct_error_set(&call->err, CT_E_TOO_LARGE, "'%.60s' has more than %d bytes (API_TEXT_MAX)",
                     name, API_TEXT_MAX);
    else if (kind == API_PARAM_VALUE)
        call_add(call, ct_asprintf("--%s=%s", name, value));
    else if (strcmp(value, "true") == 0 || value[0] == '\0')
        call_add(call, ct_asprintf("--%s", name));
    else if (strcmp(value, "false") != 0)
        ct_error_set(&call->err, CT_E_USAGE, "'%.60s' is true or false", name);
}

static enum ct_code call_take_opts(struct call *call, const json_t *opts, struct ct_error *err)
{
    if (!opts)
        return CT_E_OK;
    char *text = json_dumps(opts, JSON_COMPACT);
    if (strlen(text) > API_BODY_OPTS_MAX) {
        free(text);
        return ct_error_set(err, CT_E_TOO_LARGE, "opts may have %u bytes (API_BODY_OPTS_MAX)",
                            API_BODY_OPTS_MAX);
    }
    call_add(call, ct_asprintf("--opts=%s", text));
    free(text);
    return CT_E_OK;
}

/* {name, data, opts}; *name is fresh memory, or NULL. What a job carries goes over standard input:
 * no list of processes shows it. */
static enum ct_code call_take_job(struct call *call, char **name, struct ct_error *err)
{
    json_t *body;
    const char *key;
    json_t *value;
    struct ct_str text = http_body(call->request);

    *name = NULL;
    if (text.len == 0)
        return CT_E_OK;
    enum ct_code rc = ct_json_object(text, &body, err);
    if (rc != CT_E_OK)
        return rc;
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, "name") == 0 && json_is_string(value)) {
            free(*name);
            *name = ct_strdup(json_string_value(value));
        } else if (strcmp(key, "data") == 0) {
            char *data = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
            ct_buf_append(&call->input, data, strlen(data));
            free(data);
        } else if (strcmp(key, "opts") == 0 && json_is_object(value)) {
            rc = call_take_opts(call, value, err);
        } else {
            rc = ct_error_set(err, CT_E_INVALID,
                              "the body has {name: text, data: anything, opts: object}; '%.60s' is "
                              "not that",
                              key);
        }
        if (rc != CT_E_OK)
            break;
    }
    json_decref(body);
    if (rc == CT_E_OK && call->input.len > 0)
        call_add(call, ct_strdup("--data=-"));
    return rc;
}

enum ct_code api_command(struct call *call, struct ct_error *err)
{
    const struct api_route *route = call->match.route;
    char *name = NULL;
    enum ct_code rc = CT_E_OK;

    call_add(call, ct_strdup(route->noun));
    if (route->verb)
        call_add(call, ct_strdup(route->verb));
    call_add(call, ct_strdup("--output=json"));
    if (route->fixed)
        call_add(call, ct_strdup(route->fixed));
    http_each_query(call->request, call_add_param, call);
    if (route->kind == API_ADD_JOB)
        rc = call_take_job(call, &name, err);
    /* What follows is never taken for an option, whatever it begins with. */
    call_add(call, ct_strdup("--"));
    for (size_t i = 0; i < call->match.place_count; i++)
        call_add(call, ct_strdup(call->match.places[i]));
    if (name)
        call_add(call, name);
    if (rc == CT_E_OK && call->err.code != CT_E_OK) {
        *err = call->err;
        rc = err->code;
    }
    return rc;
}
