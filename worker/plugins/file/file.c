/* file: images, checksums, true types, archives and transfers, alone or in pipelines.
 *
 * Owns the plugin's life: settings, roots and the HTTP client that all jobs share. What a job does
 * is in pipeline.c and the steps; see step.h. */
#include "file.h"

#include <stdio.h>
#include <stdlib.h>

#include "image/image.h"
#include "inspect.h"
#include "transfer/s3.h"

static void file_close(void *self)
{
    struct file_plugin *plugin = self;

    inspect_close(plugin->inspector);
    s3_close(plugin->s3);
    sdk_http_close(plugin->http);
    sdk_roots_close(plugin->roots);
    settings_free(&plugin->settings);
    free(plugin);
}

static bool file_open_parts(struct file_plugin *plugin, const char *config, struct sdk_error *error)
{
    struct file_settings *settings = &plugin->settings;
    struct sdk_http_options http = {0};

    if (!settings_read(config, settings, error) ||
        !sdk_roots_open(settings->roots, &plugin->roots, error) ||
        !s3_open(settings->s3, &plugin->s3, error))
        return false;
    http.connect_timeout_ms = settings->http_connect_ms;
    http.timeout_ms = settings->http_timeout_ms;
    http.idle_timeout_ms = settings->http_idle_ms;
    http.attempts = settings->http_attempts;
    http.refuses_private = settings->http_refuses_private;
    http.ca_file = settings->http_ca_file;
    http.proxy = settings->http_proxy;
    if (!sdk_http_open(&http, &plugin->http, error))
        return false;
    plugin->sources.roots = plugin->roots;
    plugin->sources.http = plugin->http;
    plugin->sources.max_bytes = settings->input_max;
    return image_open(settings, error) && inspect_open(&plugin->inspector, error);
}

static int32_t file_open(const struct cartrita_host *host, const char *config, uint32_t concurrency,
                         void **self, char *error, size_t error_size)
{
    struct file_plugin *plugin = calloc(1, sizeof *plugin);
    struct sdk_error why = {0};

    (void)concurrency;
    if (!plugin) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    plugin->host = host;
    if (!file_open_parts(plugin, config, &why)) {
        snprintf(error, error_size, "%s", why.text);
        file_close(plugin);
        return -1;
    }
    *self = plugin;
    return 0;
}

static void file_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    static const struct sdk_handler handlers[] = {
        {"pipeline", pipeline_run},
        {NULL, pipeline_run_single},
    };
    struct file_plugin *plugin = self;

    for (size_t i = 0; i < job_count; i++)
        sdk_run_job(plugin->host, plugin, jobs[i], handlers, sizeof handlers / sizeof handlers[0]);
}

CARTRITA_PLUGIN(.name = "file", .version = "1.0", .open = file_open, .run = file_run,
                .close = file_close)
