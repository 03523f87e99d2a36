/* The file, and the one profile of it that counts. A file that is not there is an empty one; one
 * that is wrong ends every command: half of what it says might be another Redis. */
#include "q/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "common/nearest.h"
#include "common/url.h"

#define PASSWORD_FILE "redis-password-file"

/* Options of commands; not each command has them all. */
static const char *const profile_keys[] = {"redis",   PASSWORD_FILE, "prefix", "dialect", "server",
                                           "timeout", "output",      "color",  "time",    NULL};
static const char *const file_keys[] = {"default", "profiles", NULL};

/* NULL: this user has no place for it. */
static char *find_file(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (config && config[0] == '/')
        return ct_asprintf("%s/cartrita/q.yaml", config);
    return home && home[0] == '/' ? ct_asprintf("%s/.config/cartrita/q.yaml", home) : NULL;
}

static bool has_password(const struct ct_yaml_node *profile)
{
    const struct ct_yaml_node *node = ct_yaml_find(profile, "redis");
    struct ct_redis_url url;
    struct ct_error ignored;
    const char *text;
    bool has;

    if (!node || ct_yaml_text(node, &text, &ignored) != CT_E_OK ||
        ct_redis_url_parse(text, &url, &ignored) != CT_E_OK)
        return false;
    has = url.password != NULL;
    ct_redis_url_free(&url);
    return has;
}

static enum ct_code check_secret(const struct ct_yaml_node *profile, const struct stat *file,
                                 struct ct_error *err)
{
    if ((file->st_mode & (S_IRGRP | S_IROTH)) == 0 || !has_password(profile))
        return CT_E_OK;
    return ct_error_set(err, CT_E_INVALID,
                        "%.80s: profile \"%.40s\" has a password, and others can read the file: "
                        "chmod 600 it, or use " PASSWORD_FILE,
                        profile->file, profile->key);
}

static enum ct_code check_file(const struct ct_yaml_node *root, const struct stat *file,
                               struct ct_error *err)
{
    const struct ct_yaml_node *profiles;
    enum ct_code rc = ct_yaml_need_map(root, err);

    if (rc == CT_E_OK)
        rc = ct_yaml_check_keys(root, file_keys, err);
    profiles = ct_yaml_find(root, "profiles");
    if (rc != CT_E_OK || !profiles)
        return rc;
    rc = ct_yaml_need_map(profiles, err);
    for (const struct ct_yaml_node *node = profiles->first; node && rc == CT_E_OK;
         node = node->next) {
        rc = ct_yaml_need_map(node, err);
        if (rc == CT_E_OK)
            rc = ct_yaml_check_keys(node, profile_keys, err);
        if (rc == CT_E_OK)
            rc = check_secret(node, file, err);
    }
    return rc;
}

/* *out NULL: there is none. */
static enum ct_code load(const char *path, struct ct_yaml **out, struct ct_error *err)
{
    struct ct_yaml *yaml = NULL;
    struct stat file;
    enum ct_code rc;

    *out = NULL;
    if (stat(path, &file) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return CT_E_OK;
        return ct_error_set(err, CT_E_SYSTEM, "%s: %s", path, strerror(errno));
    }
    rc = ct_yaml_load(path, &yaml, err);
    if (rc == CT_E_OK)
        rc = check_file(yaml->root, &file, err);
    if (rc == CT_E_OK)
        *out = yaml;
    else
        ct_yaml_free(yaml);
    return rc;
}

static enum ct_code find_profile(const struct ct_yaml_node *root, const char *path,
                                 const char *name, const struct ct_yaml_node **out,
                                 struct ct_error *err)
{
    const struct ct_yaml_node *profiles = ct_yaml_find(root, "profiles");
    struct ct_nearest nearest;

    *out = ct_yaml_find(profiles, name);
    if (*out)
        return CT_E_OK;
    ct_nearest_init(&nearest, name);
    for (const struct ct_yaml_node *node = profiles ? profiles->first : NULL; node;
         node = node->next)
        ct_nearest_offer(&nearest, node->key);
    if (nearest.best)
        return ct_error_set(err, CT_E_USAGE,
                            "there is no profile \"%s\" in %s: did you mean \"%s\"?", name, path,
                            nearest.best);
    return ct_error_set(err, CT_E_USAGE, "there is no profile \"%s\" in %s", name, path);
}

/* A password goes with the address it was written beside: to no other one that was typed. */
static enum ct_code take(struct ct_option_set *set, enum ct_option_source source,
                         const struct ct_yaml_node *profile, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    for (const struct ct_yaml_node *node = profile->first; node && rc == CT_E_OK;
         node = node->next) {
        if (strcmp(node->key, PASSWORD_FILE) == 0 && ct_yaml_find(profile, "redis") &&
            ct_option_has(set->program, "redis") && ct_option_source_of(set, "redis") > source)
            continue;
        rc = ct_option_read_node_as(set, source, node, err);
        if (rc == CT_E_NOT_FOUND)
            rc = CT_E_OK; /* other commands have it */
    }
    return rc;
}

static enum ct_code apply(struct ct_option_set *set, const char *path, const char *wish,
                          struct ct_error *err)
{
    enum ct_option_source source = wish ? CT_OPTION_FROM_ENV : CT_OPTION_FROM_FILE;
    const struct ct_yaml_node *profile = NULL, *fallback = NULL;
    struct ct_yaml *yaml;
    enum ct_code rc = load(path, &yaml, err);

    if (rc != CT_E_OK)
        return rc;
    if (!wish && yaml)
        fallback = ct_yaml_find(yaml->root, "default");
    if (fallback)
        rc = ct_yaml_text(fallback, &wish, err);
    if (rc == CT_E_OK && wish)
        rc = find_profile(yaml ? yaml->root : NULL, path, wish, &profile, err);
    if (rc == CT_E_OK && wish)
        rc = take(set, source, profile, err);
    ct_yaml_free(yaml);
    return rc;
}

enum ct_code profile_apply(struct ct_option_set *set, struct ct_error *err)
{
    const char *wish = ct_option_text(set, "profile");
    char *path = find_file();
    enum ct_code rc = CT_E_OK;

    if (path)
        rc = apply(set, path, wish, err);
    else if (wish)
        rc = ct_error_set(err, CT_E_USAGE,
                          "--profile %s: neither HOME nor XDG_CONFIG_HOME says where profiles are",
                          wish);
    free(path);
    return rc;
}

void profile_each(void (*on_name)(void *ctx, const char *name), void *ctx)
{
    const struct ct_yaml_node *profiles;
    struct ct_yaml *yaml = NULL;
    struct ct_error ignored;
    char *path = find_file();

    if (path && load(path, &yaml, &ignored) == CT_E_OK && yaml) {
        profiles = ct_yaml_find(yaml->root, "profiles");
        for (const struct ct_yaml_node *node = profiles ? profiles->first : NULL; node;
             node = node->next)
            on_name(ctx, node->key);
    }
    ct_yaml_free(yaml);
    free(path);
}
