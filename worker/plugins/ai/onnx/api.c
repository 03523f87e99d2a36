/* Finding and opening ONNX Runtime. See api.h. */
#include "onnx/api.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIBRARY "libonnxruntime.so"
#if defined(__aarch64__)
#define NODE_ARCH "arm64"
#else
#define NODE_ARCH "x64"
#endif
#define NODE_PACKAGE "onnxruntime-node"
#define NODE_BIN     "bin/napi-v*/linux/" NODE_ARCH "/" LIBRARY ".1"

#define HOW_TO_GET                                                                            \
    "install Debian 13's libonnxruntime1.21 or npm's onnxruntime-node, and name it with the " \
    "setting \"runtime\" (the library, or the folder that has node_modules)"

/* What the library exports; its table comes from there. */
struct onnx_base {
    void *const *(*get_api)(uint32_t version);
    const char *(*version)(void);
};

bool onnx_ok(const struct onnx_api *api, struct onnx_status *status, struct sdk_error *error)
{
    if (!status)
        return true;
    sdk_refuse(error, "ModelError", "%s", api->message(status));
    for (char *at = error->text; *at; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    api->release_status(status);
    return false;
}

static void *api_open_one(const char *path, char **found)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (library)
        *found = strdup(path);
    return library;
}

/* The newest of what `pattern` finds. */
static void *api_open_pattern(const char *pattern, char **found)
{
    void *library = NULL;
    glob_t paths;

    if (glob(pattern, 0, NULL, &paths) == 0) {
        for (size_t i = paths.gl_pathc; i > 0 && !library; i--)
            library = api_open_one(paths.gl_pathv[i - 1], found);
        globfree(&paths);
    }
    return library;
}

static void *api_open_in(const char *directory, char **found)
{
    static const char *const below[] = {
        LIBRARY ".1",
        LIBRARY "*",
        NODE_BIN,
        NODE_PACKAGE "/" NODE_BIN,
        "node_modules/" NODE_PACKAGE "/" NODE_BIN,
    };
    void *library = NULL;
    char *pattern;

    for (size_t i = 0; i < sizeof below / sizeof below[0] && !library; i++) {
        if (asprintf(&pattern, "%s/%s", directory, below[i]) < 0)
            return NULL;
        library = api_open_pattern(pattern, found);
        free(pattern);
    }
    return library;
}

static void *api_open_usual(char **found)
{
    static const char *const folders[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
                                          "/usr/lib64", "/usr/local/lib", "."};
    void *library = api_open_one(LIBRARY ".1", found);

    for (size_t i = 0; i < sizeof folders / sizeof folders[0] && !library; i++)
        library = api_open_in(folders[i], found);
    return library;
}

static void *api_open_library(const char *place, char **found, struct sdk_error *error)
{
    struct stat status;
    void *library;

    if (!place)
        library = api_open_usual(found);
    else if (stat(place, &status) == 0 && S_ISDIR(status.st_mode))
        library = api_open_in(place, found);
    else
        library = api_open_one(place, found);
    if (library)
        return library;
    if (place)
        sdk_refuse(error, "RuntimeMissing", "ONNX Runtime is not at %s (%s): %s", place,
                   S_ISDIR(status.st_mode) ? "no " LIBRARY " in it" : dlerror(), HOW_TO_GET);
    else
        sdk_refuse(error, "RuntimeMissing", "ONNX Runtime is not installed: %s", HOW_TO_GET);
    return NULL;
}

static bool api_take_table(struct onnx_api *api, void *library, struct sdk_error *error)
{
    const struct onnx_base *(*base_of)(void);
    const struct onnx_base *base = NULL;
    void *const *table = NULL;
    void *symbol = dlsym(library, "OrtGetApiBase");

    memcpy(&base_of, &symbol, sizeof base_of);
    if (symbol)
        base = base_of();
    if (base)
        table = base->get_api(ONNX_API_VERSION);
    if (!table)
        return sdk_refuse(error, "RuntimeMissing", "%s is no ONNX Runtime of 1.%u or newer: %s",
                          api->path, ONNX_API_VERSION, HOW_TO_GET);
    api->version = base->version();
#define ONNX_TAKE(slot, result, name, arguments) memcpy(&api->name, &table[slot], sizeof(void *));
    ONNX_FUNCTIONS(ONNX_TAKE)
    return true;
}

static bool api_prepare(struct onnx_api *api, struct sdk_error *error)
{
    return onnx_ok(api, api->create_env(ONNX_LOG_FATAL, "cartrita", &api->env), error) &&
           onnx_ok(api,
                   api->create_memory(ONNX_ALLOCATOR_DEVICE, ONNX_MEMORY_DEFAULT, &api->memory),
                   error) &&
           onnx_ok(api, api->default_allocator(&api->allocator), error);
}

bool onnx_api_open(const char *place, struct onnx_api **out, struct sdk_error *error)
{
    struct onnx_api *api = calloc(1, sizeof *api);
    void *library;

    if (!api)
        return sdk_retry_later(error, "OutOfMemory", "no memory for ONNX Runtime");
    library = api_open_library(place, &api->path, error);
    if (library && api_take_table(api, library, error) && api_prepare(api, error)) {
        *out = api;
        return true;
    }
    onnx_api_close(api);
    return false;
}

void onnx_api_close(struct onnx_api *api)
{
    if (!api)
        return;
    if (api->memory)
        api->release_memory(api->memory);
    if (api->env)
        api->release_env(api->env);
    free(api->path);
    free(api);
}
