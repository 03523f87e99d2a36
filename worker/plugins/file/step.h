/* The interface between the plugin's frame and what it can do.
 *
 * A step takes input files and makes output files and a JSON description. A job with a step's name
 * is a pipeline of that one step. A new step is a function of this form in its own file or folder,
 * and a line in the table of pipeline.c.
 *
 * A file that a step makes goes where its options say ("output"), or else into the job's temporary
 * directory for the next step; what the last step leaves there is gone with the job, unless the
 * step puts it into its result (file_inline). */
#ifndef FILE_STEP_H
#define FILE_STEP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/sdk/call.h"
#include "cartrita/sdk/file.h"
#include "cartrita/sdk/json.h"
#include "file.h"

#define FILE_NAME_MAX 255u
#define FILE_PATH_MAX 4096u

/* A file on its way from one step to the next. */
struct file_item {
    char *path; /* owned: below the roots, or in the job's temporary directory */
    char *name; /* owned: what people call it, never a path ("report.pdf") */
};

struct file_list {
    struct file_item *items; /* owned */
    size_t count;
};

/* One step at work. */
struct file_work {
    const struct file_plugin *plugin;
    struct sdk_call *call;          /* its `error` takes the reason of a failure */
    struct sdk_reader *options;     /* the step's options; errors name them */
    const struct file_list *inputs; /* what the step before has made; empty in the first */
    struct file_list outputs;       /* what this one makes; owned by the frame */
    json_t *result;                 /* set by the step (a new reference) */
    bool is_last;
    unsigned *serial; /* numbers the job's temporary files */
};

struct file_step {
    const char *name;
    bool (*run)(struct file_work *work); /* false: work->call->error says why */
};

/* --- what a step works on --- */
/* The file that option `name` gives ({"path"}, {"url"}, ...: see cartrita/sdk/source.h), or,
 * without the option, all that the step before has made. Neither is an error. Free with
 * file_list_free. */
bool file_inputs(struct file_work *work, const char *name, struct file_list *out);
/* The same for an option that is an array of such files. */
bool file_inputs_many(struct file_work *work, const char *name, struct file_list *out);
/* A descriptor (O_CLOEXEC) for reading, -1 with an error; over `inputMax` is one. */
int file_item_open(struct file_work *work, const struct file_item *item, int64_t *size);

/* --- what it makes --- */
/* Takes copies. More than `filesMax` is an error. */
bool file_list_add(struct file_work *work, struct file_list *list, const char *path,
                   const char *name);
void file_list_free(struct file_list *list);
/* Fresh memory: a path in the job's temporary directory that does not exist yet; its last part ends
 * with `name`. NULL with an error. */
char *file_temp_path(struct file_work *work, const char *name);

/* A file being made: at `path` (whole or not at all), or with path NULL in the temporary directory
 * as `name`. */
struct file_output {
    struct sdk_output output;
    char *path, *name; /* owned */
    bool is_temporary;
    int64_t bytes;
};
bool file_output_open(struct file_work *work, const char *path, const char *name,
                      struct file_output *out);
/* Over `outputMax` is an error. */
bool file_output_write(struct file_work *work, struct file_output *out, const void *bytes,
                       size_t len);
/* In place, and one of work->outputs. Frees `out` either way. */
bool file_output_commit(struct file_work *work, struct file_output *out);
/* Safe after commit, and on a zeroed one whose open has failed. */
void file_output_abort(struct file_output *out);

/* Adds "base64" to `json` when `bytes` fit into a result (`inlineMax`); else an error that says how
 * to name an output. */
bool file_inline(struct file_work *work, json_t *json, const void *bytes, size_t len);

/* For steps that look at files and hand them on as they are ("source" or "sources"): calls `each`
 * for every input. The result is the `json` that it has filled in, or {"files": [...]} of several.
 */
typedef bool (*file_each_fn)(struct file_work *work, void *ctx, const struct file_item *item,
                             json_t *json);
bool file_each(struct file_work *work, file_each_fn each, void *ctx);

/* --- what there is --- */
bool image_step(struct file_work *work);
bool checksum_step(struct file_work *work);
bool inspect_step(struct file_work *work);
bool archive_step(struct file_work *work);
bool transfer_step(struct file_work *work);

#endif
