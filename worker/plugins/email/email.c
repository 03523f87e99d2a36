/* email: mails by SMTP, and notifications by HTTP. The contract is in README.md. This file is the
 * plugin's face to the runner: what is open for the life of the process, and which job is whose. */
#include "email.h"

#include <curl/curl.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>

#include "jobs/jobs.h"

static const struct sdk_handler handlers[] = {{"send", job_send},
                                              {"bulk", job_bulk},
                                              {"webhook", job_webhook},
                                              {"slack", job_slack},
                                              {NULL, job_by_type}};

static void email_free(struct email *email)
{
    smtp_pool_close(email->pool);
    if (email->http)
        sdk_http_close(email->http);
    sdk_roots_close(email->roots);
    dkim_close(email->dkim);
    templates_close(&email->templates);
    email_settings_free(&email->settings);
    free(email);
}

static bool email_open_parts(struct email *email, struct sdk_error *error)
{
    const struct email_settings *settings = &email->settings;
    struct sdk_http_options http = {.timeout_ms = settings->http_timeout_ms,
                                    .refuses_private = !settings->takes_private,
                                    .ca_file = settings->http_ca_file};

    return (!settings->url || smtp_pool_open(settings, &email->pool, error)) &&
           (!settings->dkim_key || dkim_open(settings->dkim_domain, settings->dkim_selector,
                                             settings->dkim_key, &email->dkim, error)) &&
           templates_open(settings->templates, &email->templates, error) &&
           sdk_roots_open(settings->roots, &email->roots, error) &&
           sdk_http_open(&http, &email->http, error);
}

static int32_t email_open(const struct cartrita_host *host, const char *config,
                          uint32_t concurrency, void **self, char *error, size_t error_size)
{
    struct email *email = calloc(1, sizeof *email);
    struct sdk_error why = {0};

    (void)concurrency;
    if (!email)
        return -1;
    email->host = host;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    if (!email_settings_read(config, &email->settings, &why) || !email_open_parts(email, &why)) {
        snprintf(error, error_size, "%s", why.text);
        email_free(email);
        return -1;
    }
    *self = email;
    return 0;
}

static void email_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    struct email *email = self;

    (void)job_count;
    sdk_run_job(email->host, email, jobs[0], handlers, sizeof handlers / sizeof handlers[0]);
}

static void email_close(void *self)
{
    email_free(self);
}

CARTRITA_PLUGIN(.name = "email", .version = "1.0", .open = email_open, .run = email_run,
                .close = email_close)
