/* The names of the presets and what each may see of the file system. See sandbox.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/nearest.h"
#include "worker/sandbox/parts.h"

#define FILES "files:"
#define READ  "read:"
#define KNOWN "there are pure, network, open, files:/PATH and read:/PATH"

static const char *const preset_names[] = {
    [SANDBOX_NETWORK] = "network", [SANDBOX_PURE] = "pure", [SANDBOX_OPEN] = "open"};
#define PRESET_COUNT (sizeof preset_names / sizeof preset_names[0])

#define R  SANDBOX_READ
#define RX (SANDBOX_READ | SANDBOX_EXECUTE)
#define RW (SANDBOX_READ | SANDBOX_WRITE)

/* Reading is free here; /dev/shm is not granted: what lies there outlives its job and is memory. */
static const struct sandbox_grant network_grants[] = {
    {"/dev/null", RW}, {"/dev/zero", RW}, {"/dev/full", RW}, {NULL, 0}};

/* What programs and libraries of a distribution need to run. Of /etc single files, for what else is
 * there may be a secret; of /proc only this process and figures about the machine. */
static const struct sandbox_grant pure_grants[] = {
    {"/usr", RX},
    {"/bin", RX},
    {"/sbin", RX},
    {"/lib", RX},
    {"/lib32", RX},
    {"/lib64", RX},
    {"/libx32", RX},
    {"/opt", RX},
    {"/dev/null", RW},
    {"/dev/zero", RW},
    {"/dev/full", RW},
    {"/dev/random", R},
    {"/dev/urandom", R},
    {"/etc/ld.so.*", R},
    {"/etc/localtime", R},
    {"/etc/timezone", R},
    {"/etc/passwd", R}, /* names of users; the secrets are in shadow */
    {"/etc/group", R},
    {"/etc/nsswitch.conf", R},
    {"/etc/os-release", R},
    {"/etc/mime.types", R},
    {"/etc/locale.alias", R},
    {"/etc/ssl/certs", R},
    {"/etc/ssl/openssl.cnf", R},
    {"/etc/alternatives", R},
    {"/etc/fonts", R},
    {"/etc/ImageMagick-*", R},
    {"/etc/python3*", R},
    {"/proc/self", R},
    {"/proc/cpuinfo", R},
    {"/proc/filesystems", R},
    {"/proc/loadavg", R},
    {"/proc/meminfo", R},
    {"/proc/stat", R},
    {"/proc/uptime", R},
    {"/proc/version", R},
    {"/proc/sys/kernel", R},
    {"/proc/sys/vm", R},
    {"/sys/devices/system", R},
    {"/sys/fs/cgroup", R},
    {"/sys/kernel/mm/transparent_hugepage", R},
    {NULL, 0},
};

static const struct sandbox_grant open_grants[] = {{NULL, 0}};

const struct sandbox_grant *sandbox_grants(enum sandbox_preset preset)
{
    switch (preset) {
    case SANDBOX_NETWORK:
        return network_grants;
    case SANDBOX_PURE:
        return pure_grants;
    case SANDBOX_OPEN:
        break;
    }
    return open_grants;
}

const char *sandbox_preset_name(enum sandbox_preset preset)
{
    return preset_names[preset];
}

/* --- the list of a pool --------------------------------------------------------------------------
 */

static const char *preset_after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static enum ct_code preset_unknown(const char *text, struct ct_error *err)
{
    static const char *const words[] = {"pure", "network", "open", FILES, READ};
    const char *colon = strchr(text, ':');
    char word[CT_NEAREST_LEN_MAX + 1];
    struct ct_nearest nearest;

    /* Of what has a path, the word before it. */
    snprintf(word, sizeof word, "%.*s", colon ? (int)(colon - text) + 1 : CT_NEAREST_LEN_MAX, text);
    ct_nearest_init(&nearest, text[0] == '/' ? FILES : word);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        ct_nearest_offer(&nearest, words[i]);
    if (!nearest.best)
        return ct_error_set(err, CT_E_USAGE, "sandbox '%.60s' is unknown: " KNOWN, text);
    return ct_error_set(err, CT_E_USAGE, "sandbox '%.60s' is unknown: did you mean %s%s? " KNOWN,
                        text, nearest.best, strchr(nearest.best, ':') ? "/PATH" : "");
}

static enum ct_code preset_add_path(const char *text, const char *path, bool is_writable,
                                    struct sandbox *out, struct ct_error *err)
{
    struct stat status;

    if (path[0] != '/')
        return ct_error_set(err, CT_E_USAGE,
                            "sandbox '%.100s': the path must begin with a slash, or what it means "
                            "would depend on where the worker was started",
                            text);
    if (stat(path, &status) != 0)
        return ct_error_set(err, CT_E_USAGE,
                            "sandbox '%.100s': %s; make it before the worker starts", text,
                            strerror(errno));
    if (out->path_count == SANDBOX_PATHS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "sandbox '%.100s': a pool may have %d of files: and read: at the most; "
                            "name a folder above them",
                            text, SANDBOX_PATHS_MAX);
    out->paths[out->path_count++] = (struct sandbox_path){path, is_writable};
    return CT_E_OK;
}

static enum ct_code preset_read(const char *text, struct sandbox *out, const char **chosen,
                                struct ct_error *err)
{
    const char *path;

    if ((path = preset_after(text, FILES)))
        return preset_add_path(text, path, true, out, err);
    if ((path = preset_after(text, READ)))
        return preset_add_path(text, path, false, out, err);
    for (size_t i = 0; i < PRESET_COUNT; i++) {
        if (strcmp(text, preset_names[i]) != 0)
            continue;
        if (*chosen && strcmp(*chosen, text) != 0)
            return ct_error_set(err, CT_E_USAGE, "sandbox: %s and %s exclude each other", *chosen,
                                text);
        *chosen = preset_names[i];
        out->preset = (enum sandbox_preset)i;
        return CT_E_OK;
    }
    return preset_unknown(text, err);
}

enum ct_code sandbox_parse(const struct ct_option_list *list, struct sandbox *out,
                           struct ct_error *err)
{
    struct sandbox sandbox = {.preset = SANDBOX_NETWORK};
    const char *chosen = NULL;
    enum ct_code rc = CT_E_OK;

    for (size_t i = 0; i < list->count && rc == CT_E_OK; i++)
        rc = preset_read(list->items[i], &sandbox, &chosen, err);
    if (rc == CT_E_OK && sandbox.preset == SANDBOX_OPEN && sandbox.path_count > 0)
        rc = ct_error_set(err, CT_E_USAGE,
                          "sandbox: open leaves all files open, files: and read: add nothing to "
                          "it; did you mean network?");
    if (rc == CT_E_OK)
        *out = sandbox;
    return rc;
}
