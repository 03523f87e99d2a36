/* Loading and checking plugins. See loader.h. */
#include "worker/runner/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/program.h"

/* 1.1 and 1.2 added to the host alone. */
#define LOADER_ABI_1_0_SIZE sizeof(struct cartrita_plugin)
_Static_assert(CARTRITA_ABI_MAJOR == 1 && CARTRITA_ABI_MINOR == 2,
               "a newer minor needs the size that its descriptor must have");

/* What must be readable before the version is known. */
#define LOADER_PREFIX_SIZE (offsetof(struct cartrita_plugin, batch_max))

/* Where bundled plugins lie, from the program's folder: in a build, and as they are installed. */
static const char *const loader_folders[] = {"plugins", "../lib/cartrita/plugins"};

char *loader_find(const char *name)
{
    char *folder;

    if (strchr(name, '/') || access(name, F_OK) == 0)
        return ct_strdup(name);
    folder = ct_program_folder();
    for (size_t i = 0; folder && i < sizeof loader_folders / sizeof *loader_folders; i++) {
        char *path = ct_asprintf("%s/%s/%s%s", folder, loader_folders[i], name,
                                 strstr(name, ".so") ? "" : ".so");
        if (access(path, F_OK) == 0) {
            free(folder);
            return path;
        }
        free(path);
    }
    free(folder);
    return ct_strdup(name);
}

static enum ct_code loader_check_file(const char *path, const char *name, struct ct_error *err)
{
    struct stat status;

    if (stat(name, &status) != 0)
        return ct_error_set(err, CT_E_PLUGIN, "plugin %s: %s; give the path of a .so file", path,
                            strerror(errno));
    if (!S_ISREG(status.st_mode))
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %s is not a file; give the path of a .so file", path);
    return CT_E_OK;
}

/* The name for dlopen, as fresh memory: the path, unless our user cannot get there and it is open
 * already. Without a slash dlopen would look in the system's library folders. */
static char *loader_name(const char *path, int file)
{
    if (file >= 0 && access(path, R_OK) != 0)
        return ct_asprintf("/proc/self/fd/%d", file);
    return strchr(path, '/') ? ct_strdup(path) : ct_asprintf("./%s", path);
}

static enum ct_code loader_map(const char *path, const char *name, void **handle,
                               struct ct_error *err)
{
    if (access(name, R_OK) != 0)
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %s cannot be read by user %u: %s; chmod a+r it, or choose "
                            "another --user",
                            path, (unsigned)geteuid(), strerror(errno));
    *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!*handle) {
        const char *why = dlerror();

        /* dlerror starts with the name we gave it; once is enough. */
        if (why && strncmp(why, name, strlen(name)) == 0 && why[strlen(name)] == ':')
            why += strlen(name) + 2;
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %s cannot be loaded: %s; it must be a shared object for this "
                            "machine with all its libraries installed",
                            path, why ? why : "unknown reason");
    }
    return CT_E_OK;
}

static enum ct_code loader_check_version(const char *path, const struct cartrita_plugin *plugin,
                                         struct ct_error *err)
{
    if (plugin->size < LOADER_PREFIX_SIZE)
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %s: its descriptor says it has %u bytes, too few to hold an "
                            "ABI version; define it with CARTRITA_PLUGIN",
                            path, plugin->size);
    if (plugin->abi_major != CARTRITA_ABI_MAJOR)
        return ct_error_set(
            err, CT_E_PLUGIN,
            "plugin %s was built for plugin ABI %u.%u, this cartrita-worker " CARTRITA_VERSION
            " speaks %u.%u; rebuild the plugin with this version's "
            "cartrita/plugin.h",
            path, plugin->abi_major, plugin->abi_minor, CARTRITA_ABI_MAJOR, CARTRITA_ABI_MINOR);
    if (plugin->abi_minor > CARTRITA_ABI_MINOR)
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %s was built for plugin ABI %u.%u, newer than the %u.%u of "
                            "this cartrita-worker " CARTRITA_VERSION
                            "; update cartrita, or rebuild the plugin with the older header",
                            path, plugin->abi_major, plugin->abi_minor, CARTRITA_ABI_MAJOR,
                            CARTRITA_ABI_MINOR);
    if (plugin->size < LOADER_ABI_1_0_SIZE)
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %s: its descriptor has %u bytes, plugin ABI %u.%u needs %zu; "
                            "define it with CARTRITA_PLUGIN, which fills in the size",
                            path, plugin->size, plugin->abi_major, plugin->abi_minor,
                            LOADER_ABI_1_0_SIZE);
    return CT_E_OK;
}

static enum ct_code loader_check_text(const char *path, const char *field, const char *text,
                                      struct ct_error *err)
{
    size_t len = text ? strnlen(text, LOADER_TEXT_MAX + 1) : 0;

    if (len == 0)
        return ct_error_set(err, CT_E_PLUGIN, "plugin %s has no %s; set .%s in its CARTRITA_PLUGIN",
                            path, field, field);
    if (len > LOADER_TEXT_MAX)
        return ct_error_set(err, CT_E_PLUGIN, "plugin %s: its %s is longer than %u bytes", path,
                            field, LOADER_TEXT_MAX);
    return CT_E_OK;
}

static enum ct_code loader_check_fields(const char *path, const struct cartrita_plugin *plugin,
                                        struct ct_error *err)
{
    enum ct_code rc = loader_check_text(path, "name", plugin->name, err);

    if (rc == CT_E_OK)
        rc = loader_check_text(path, "version", plugin->version, err);
    if (rc != CT_E_OK)
        return rc;
    if (!plugin->run)
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %s (%s %s) has no run function; set .run in its "
                            "CARTRITA_PLUGIN",
                            path, plugin->name, plugin->version);
    if (plugin->batch_max > LOADER_BATCH_MAX)
        return ct_error_set(err, CT_E_PLUGIN, "plugin %s (%s %s): batch_max is %u, the most is %u",
                            path, plugin->name, plugin->version, plugin->batch_max,
                            LOADER_BATCH_MAX);
    if (plugin->batch_wait_ms > LOADER_BATCH_WAIT_MAX)
        return ct_error_set(
            err, CT_E_PLUGIN, "plugin %s (%s %s): batch_wait_ms is %u, the most is %u", path,
            plugin->name, plugin->version, plugin->batch_wait_ms, LOADER_BATCH_WAIT_MAX);
    return CT_E_OK;
}

enum ct_code loader_load(const char *path, int file, const struct cartrita_plugin **out,
                         struct ct_error *err)
{
    char *name = loader_name(path, file);
    const struct cartrita_plugin *(*describe)(void);
    const struct cartrita_plugin *plugin;
    void *handle;
    enum ct_code rc;

    rc = loader_check_file(path, name, err);
    if (rc == CT_E_OK)
        rc = loader_map(path, name, &handle, err);
    free(name);
    if (rc != CT_E_OK)
        return rc;
    *(void **)&describe = dlsym(handle, LOADER_SYMBOL);
    if (!describe)
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %s does not export " LOADER_SYMBOL
                            ": it is not a Cartrita plugin, or its CARTRITA_PLUGIN is missing",
                            path);
    plugin = describe();
    if (!plugin)
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %s: " LOADER_SYMBOL
                            "() returned NULL instead of its descriptor; define it with "
                            "CARTRITA_PLUGIN",
                            path);
    rc = loader_check_version(path, plugin, err);
    if (rc == CT_E_OK)
        rc = loader_check_fields(path, plugin, err);
    if (rc != CT_E_OK)
        return rc;
    *out = plugin;
    return CT_E_OK;
}
