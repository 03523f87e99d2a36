/* The plugin itself: what open makes and all jobs of a process share. Read-only after open. */
#ifndef FILE_PLUGIN_H
#define FILE_PLUGIN_H

#include <stdbool.h>

#include "cartrita/sdk/call.h"
#include "cartrita/sdk/file.h"
#include "cartrita/sdk/http.h"
#include "cartrita/sdk/source.h"
#include "settings.h"

struct file_plugin {
    const struct cartrita_host *host; /* borrowed */
    struct file_settings settings;
    struct sdk_roots *roots; /* owned */
    struct sdk_http *http;   /* owned */
    struct s3 *s3;           /* owned; NULL without the setting */
    struct sdk_sources sources;
    struct inspector *inspector; /* owned */
};

/* Job `pipeline`: {"steps": [{"image": {...}}, {"checksum": {...}}]}. */
bool pipeline_run(struct sdk_call *call);
/* A job that has the name of a step: its data are the step's options. */
bool pipeline_run_single(struct sdk_call *call);

#endif
