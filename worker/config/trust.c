/* Who could replace a plugin. See trust.h.
 *
 * Each part of the path from / on must belong to root, to our user or to one that the owners name,
 * and be writable by its owner alone. A group may write where it is root's, or our user's own (as
 * with umask 002). In a folder like /tmp, where everybody may make files and nobody may touch those
 * of others, a folder of our own is safe, and a plugin itself is not: all of what lies beside it
 * counts. Rights that an ACL gives show as those of the group. */
#include "worker/config/trust.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"

static bool trust_find_owner(const char *name, uid_t *out)
{
    const struct passwd *account;
    int64_t number;

    if (ct_str_to_int(ct_str_of(name), &number) && number >= 0 && number < UINT32_MAX) {
        *out = (uid_t)number;
        return true;
    }
    account = getpwnam(name);
    if (account)
        *out = account->pw_uid;
    return account != NULL;
}

enum ct_code trust_check_owners(const struct ct_option_list *owners, struct ct_error *err)
{
    uid_t ignored;

    for (size_t i = 0; i < owners->count; i++)
        if (!trust_find_owner(owners->items[i], &ignored))
            return ct_error_set(err, CT_E_USAGE,
                                "plugin-owner: user '%.60s' does not exist: name an account (see "
                                "getent passwd), or give its number",
                                owners->items[i]);
    return CT_E_OK;
}

static bool trust_has_owner(const struct trust *trust, uid_t uid)
{
    uid_t owner;

    if (uid == 0 || uid == geteuid())
        return true;
    for (size_t i = 0; i < trust->owners->count; i++)
        if (trust_find_owner(trust->owners->items[i], &owner) && owner == uid)
            return true;
    return false;
}

/* A group that is there for one user: it has that user's name and no other member. */
static bool trust_is_private_group(gid_t gid, uid_t uid)
{
    const struct group *group;
    const struct passwd *account = getpwuid(uid);
    char *name;
    bool is_private;

    if (!account)
        return false;
    name = ct_strdup(account->pw_name);
    group = getgrgid(gid);
    is_private = group && strcmp(group->gr_name, name) == 0 &&
                 (!group->gr_mem[0] || (strcmp(group->gr_mem[0], name) == 0 && !group->gr_mem[1]));
    free(name);
    return is_private;
}

/* `path` is a part of `plugin`; `is_last_folder`: the file's own. */
static enum ct_code trust_part(const struct trust *trust, const char *plugin, const char *path,
                               bool is_last_folder, struct ct_error *err)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return ct_error_set(err, CT_E_PLUGIN, "plugin %.100s: %.80s: %s", plugin, path,
                            strerror(errno));
    if (!trust_has_owner(trust, status.st_uid))
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %.80s is not safe: %.80s belongs to user %u; chown root it, "
                            "or name that user in plugin-owner",
                            plugin, path, (unsigned)status.st_uid);
    if (S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) && (status.st_mode & S_IWOTH))
        return !is_last_folder
                   ? CT_E_OK
                   : ct_error_set(err, CT_E_PLUGIN,
                                  "plugin %.80s is not safe: everybody may put files beside it; "
                                  "move it to a folder of its own",
                                  plugin);
    if (status.st_mode & S_IWOTH)
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %.80s is not safe: everybody may write to %.80s; chmod o-w it",
                            plugin, path);
    if ((status.st_mode & S_IWGRP) && status.st_gid != 0 &&
        !trust_is_private_group(status.st_gid, status.st_uid))
        return ct_error_set(err, CT_E_PLUGIN,
                            "plugin %.80s is not safe: group %u may write to %.80s; chmod g-w it",
                            plugin, (unsigned)status.st_gid, path);
    return CT_E_OK;
}

/* Each part of `real`, which is absolute and without links, up to `len` bytes; `folder_len` of them
 * are the folder that the plugin lies in. */
static enum ct_code trust_walk(const struct trust *trust, const char *plugin, const char *real,
                               size_t len, size_t folder_len, struct ct_error *err)
{
    char part[PATH_MAX];
    enum ct_code rc = CT_E_OK;

    for (size_t end = 0; end <= len && rc == CT_E_OK; end++) {
        if (end < len && real[end] != '/')
            continue;
        snprintf(part, sizeof part, "%.*s", end > 0 ? (int)end : 1, real);
        rc = trust_part(trust, plugin, part, end == folder_len, err);
    }
    return rc;
}

/* The folder that the path names: who can write there, puts a link to something else. */
static enum ct_code trust_walk_named(const struct trust *trust, const char *path,
                                     struct ct_error *err)
{
    const char *slash = strrchr(path, '/');
    char *named = slash ? ct_strndup(path, (size_t)(slash - path) + 1) : ct_strdup(".");
    char *real = realpath(named, NULL);
    size_t len = real && real[1] ? strlen(real) : 0; /* of "/": the empty one before the slash */
    enum ct_code rc;

    rc = real ? trust_walk(trust, path, real, len, len, err)
              : ct_error_set(err, CT_E_PLUGIN, "plugin %s: %s", path, strerror(errno));
    free(real);
    free(named);
    return rc;
}

static bool trust_lies_below(const char *real, const char *folder)
{
    char *base = realpath(folder, NULL);
    size_t len = base ? strlen(base) : 0;
    bool is_below = base && strncmp(real, base, len) == 0 && (real[len] == '/' || len == 1);

    free(base);
    return is_below;
}

static enum ct_code trust_folders(const struct trust *trust, const char *real, struct ct_error *err)
{
    for (size_t i = 0; i < trust->folders->count; i++)
        if (trust_lies_below(real, trust->folders->items[i]))
            return CT_E_OK;
    if (trust->folders->count == 0)
        return CT_E_OK;
    return ct_error_set(err, CT_E_PLUGIN,
                        "plugin %.100s lies below none of the folders that are allowed: add its "
                        "folder to plugin-dir (now %.60s%s)",
                        real, trust->folders->items[0],
                        trust->folders->count > 1 ? " and others" : "");
}

enum ct_code trust_check(const struct trust *trust, const char *path, char **out,
                         struct ct_error *err)
{
    char *real = realpath(path, NULL);
    enum ct_code rc;

    if (!real)
        return ct_error_set(err, CT_E_PLUGIN, "plugin %s: %s; give the path of a .so file", path,
                            strerror(errno));
    rc = trust_walk(trust, real, real, strlen(real), (size_t)(strrchr(real, '/') - real), err);
    if (rc == CT_E_OK)
        rc = trust_walk_named(trust, path, err);
    if (rc == CT_E_OK)
        rc = trust_folders(trust, real, err);
    if (rc == CT_E_OK)
        *out = real;
    else
        free(real);
    return rc;
}
