/* greet: a plugin with the SDK. Two kinds of jobs, a table of settings, errors that name what is
 * wrong with a job's data. */
#include "cartrita/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/call.h"
#include "cartrita/sdk/digest.h"
#include "cartrita/sdk/json.h"
#include "cartrita/sdk/settings.h"
#include "cartrita/sdk/template.h"

struct greet {
    const struct cartrita_host *host;
    char *key; /* of signatures */
    int64_t text_max;
};

static const struct sdk_setting settings[] = {
    {.name = "key",
     .kind = SDK_SETTING_SECRET,
     .offset = offsetof(struct greet, key),
     .is_required = true},
    {.name = "textMax",
     .kind = SDK_SETTING_SIZE,
     .offset = offsetof(struct greet, text_max),
     .fallback = "64k",
     .min = 1,
     .max = 1 << 20},
};
#define SETTING_COUNT (sizeof settings / sizeof settings[0])

/* {"template": "Hello {{name}}", "variables": {...}} -> the text */
static bool greet_render(struct sdk_call *call)
{
    const struct greet *greet = call->self;
    static const char *const members[] = {"template", "variables", NULL};
    struct sdk_reader in = sdk_reader(call->data, "data", &call->error);
    struct sdk_string out = {.max = (size_t)greet->text_max};
    struct sdk_template *template;
    const json_t *variables;
    const char *text;

    sdk_reader_only(&in, members);
    text = sdk_text(&in, "template", SDK_REQUIRED, (size_t)greet->text_max);
    variables = sdk_object(&in, "variables");
    if (!sdk_reader_ok(&in) || !sdk_template_parse(text, false, &template, &call->error))
        return false;
    if (sdk_template_render(template, variables, true, &out, &call->error))
        call->result = json_string(out.bytes ? out.bytes : "");
    sdk_string_free(&out);
    sdk_template_free(template);
    return call->result != NULL;
}

/* {"text": "..."} -> its signature, in hexadecimal digits */
static bool greet_sign(struct sdk_call *call)
{
    const struct greet *greet = call->self;
    struct sdk_reader in = sdk_reader(call->data, "data", &call->error);
    const char *text = sdk_text(&in, "text", SDK_REQUIRED, (size_t)greet->text_max);
    unsigned char digest[SDK_SHA256_SIZE];
    char hex[2 * sizeof digest + 1];

    if (!sdk_reader_ok(&in))
        return false;
    sdk_hmac_sha256(greet->key, strlen(greet->key), text, strlen(text), digest);
    sdk_hex(digest, sizeof digest, hex);
    call->result = json_string(hex);
    return true;
}

static const struct sdk_handler handlers[] = {{"render", greet_render}, {"sign", greet_sign}};

static int32_t greet_open(const struct cartrita_host *host, const char *config,
                          uint32_t concurrency, void **self, char *error, size_t error_size)
{
    struct greet *greet = calloc(1, sizeof *greet);
    struct sdk_error why = {.text = "out of memory"};

    (void)concurrency;
    if (!greet || !sdk_settings_read(config, settings, SETTING_COUNT, greet, &why)) {
        snprintf(error, error_size, "%s", why.text);
        free(greet);
        return -1;
    }
    greet->host = host;
    *self = greet;
    return 0;
}

static void greet_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    (void)job_count; /* 1: it takes no batches */
    sdk_run_job(((struct greet *)self)->host, self, jobs[0], handlers,
                sizeof handlers / sizeof handlers[0]);
}

static void greet_close(void *self)
{
    sdk_settings_free(settings, SETTING_COUNT, self);
    free(self);
}

CARTRITA_PLUGIN(.name = "greet", .version = "1.0", .open = greet_open, .run = greet_run,
                .close = greet_close)
