/* Tokens, certificates and roles. Of a token only the digest is kept, and all are compared each
 * time, so that the time taken tells nothing. See access.h. */
#include "server/api/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/yaml.h"

static const char *const access_roles[] = {"nobody", "viewer", "operator", "admin"};

const char *access_role_text(enum access_role role)
{
    return access_roles[role];
}

static void digest(struct ct_str text, char out[CT_SHA256_HEX + 1])
{
    struct ct_sha256 sha;

    ct_sha256_init(&sha);
    ct_sha256_add(&sha, text);
    ct_sha256_hex(&sha, out);
}

/* --- reading the file --- */

static enum ct_code take_token(const struct ct_yaml_node *node, struct ct_str token,
                               struct access_entry *entry, struct ct_error *err)
{
    if (token.len < ACCESS_TOKEN_BYTES_MIN || token.len > ACCESS_TOKEN_BYTES_MAX)
        return ct_yaml_error(node, err, "a token must have %d to %d bytes, this one has %zu",
                             ACCESS_TOKEN_BYTES_MIN, ACCESS_TOKEN_BYTES_MAX, token.len);
    digest(token, entry->sha256);
    return CT_E_OK;
}

static enum ct_code take_token_file(const struct ct_yaml_node *node, const char *path,
                                    struct access_entry *entry, struct ct_error *err)
{
    char text[ACCESS_TOKEN_BYTES_MAX + 2];
    FILE *file = fopen(path, "re");

    if (!file)
        return ct_yaml_error(node, err, "cannot read %.120s: %s", path, strerror(errno));
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    enum ct_code rc = take_token(node, (struct ct_str){text, strcspn(text, "\r\n")}, entry, err);
    explicit_bzero(text, sizeof text);
    return rc;
}

static enum ct_code take_digest(const struct ct_yaml_node *node, const char *text,
                                struct access_entry *entry, struct ct_error *err)
{
    if (strlen(text) != CT_SHA256_HEX || strspn(text, "0123456789abcdef") != CT_SHA256_HEX)
        return ct_yaml_error(node, err,
                             "must be a SHA-256 in lower case, as `printf %%s TOKEN | sha256sum` "
                             "prints it");
    snprintf(entry->sha256, sizeof entry->sha256, "%s", text);
    return CT_E_OK;
}

static enum ct_code take_env(const struct ct_yaml_node *node, const char *name,
                             struct access_entry *entry, struct ct_error *err)
{
    const char *value = getenv(name);

    if (!value)
        return ct_yaml_error(node, err, "%.60s is not in the environment", name);
    return take_token(node, ct_str_of(value), entry, err);
}

static enum ct_code take_certificate(const struct ct_yaml_node *node, const char *name,
                                     struct access_entry *entry, struct ct_error *err)
{
    if (name[0] == '\0')
        return ct_yaml_error(node, err, "must be the common name of a certificate");
    entry->certificate = ct_strdup(name);
    return CT_E_OK;
}

static const struct {
    const char *key;
    enum ct_code (*take)(const struct ct_yaml_node *node, const char *text,
                         struct access_entry *entry, struct ct_error *err);
} access_proofs[] = {
    {"sha256", take_digest},
    {"token_file", take_token_file},
    {"env", take_env},
    {"certificate", take_certificate},
};

#define ACCESS_PROOFS (sizeof access_proofs / sizeof *access_proofs)

static enum ct_code read_proof(const struct ct_yaml_node *map, struct access_entry *entry,
                               struct ct_error *err)
{
    size_t found = 0;
    const char *text;

    for (size_t i = 0; i < ACCESS_PROOFS; i++) {
        const struct ct_yaml_node *node = ct_yaml_find(map, access_proofs[i].key);
        if (!node)
            continue;
        enum ct_code rc = ct_yaml_text(node, &text, err);
        if (rc == CT_E_OK)
            rc = access_proofs[i].take(node, text, entry, err);
        if (rc != CT_E_OK)
            return rc;
        found++;
    }
    if (found != 1)
        return ct_yaml_error(map, err, "needs one of sha256, token_file, env, certificate");
    return CT_E_OK;
}

static enum ct_code read_role(const struct ct_yaml_node *map, struct access_entry *entry,
                              struct ct_error *err)
{
    const struct ct_yaml_node *node = ct_yaml_find(map, "role");
    const char *text = "";

    if (node && ct_yaml_text(node, &text, err) != CT_E_OK)
        return CT_E_INVALID;
    for (int role = ACCESS_VIEWER; role <= ACCESS_ADMIN; role++) {
        if (strcmp(text, access_roles[role]) == 0) {
            entry->role = (enum access_role)role;
            return CT_E_OK;
        }
    }
    return ct_yaml_error(node ? node : map, err, "role must be viewer, operator or admin");
}

static enum ct_code read_entry(const struct ct_yaml_node *map, struct access_entry *entry,
                               struct ct_error *err)
{
    static const char *const known[] = {"name", "role",        "sha256", "token_file",
                                        "env",  "certificate", NULL};
    const struct ct_yaml_node *name;
    const char *text;
    enum ct_code rc = ct_yaml_need_map(map, err);

    if (rc == CT_E_OK)
        rc = ct_yaml_check_keys(map, known, err);
    if (rc != CT_E_OK)
        return rc;
    name = ct_yaml_find(map, "name");
    if (!name)
        return ct_yaml_error(map, err, "needs a name, for the log");
    rc = ct_yaml_text(name, &text, err);
    if (rc != CT_E_OK)
        return rc;
    entry->name = ct_strdup(text);
    rc = read_role(map, entry, err);
    return rc == CT_E_OK ? read_proof(map, entry, err) : rc;
}

enum ct_code access_load(const char *path, struct access *out, struct ct_error *err)
{
    struct ct_yaml *yaml;
    enum ct_code rc = ct_yaml_load(path, &yaml, err);

    *out = (struct access){0};
    if (rc != CT_E_OK)
        return rc;
    rc = ct_yaml_need_list(yaml->root, err);
    if (rc == CT_E_OK && yaml->root->child_count > ACCESS_MAX)
        rc = ct_yaml_error(yaml->root, err, "at most %d entries (ACCESS_MAX)", ACCESS_MAX);
    if (rc == CT_E_OK)
        out->entries = ct_zalloc((yaml->root->child_count + 1) * sizeof *out->entries);
    for (const struct ct_yaml_node *node = yaml->root->first; rc == CT_E_OK && node;
         node = node->next)
        rc = read_entry(node, &out->entries[out->count++], err);
    ct_yaml_free(yaml);
    if (rc != CT_E_OK)
        access_free(out);
    return rc;
}

void access_free(struct access *access)
{
    for (size_t i = 0; i < access->count; i++) {
        free(access->entries[i].name);
        free(access->entries[i].certificate);
    }
    free(access->entries);
    *access = (struct access){0};
}

/* --- asking --- */

static bool is_same(const char *a, const char *b)
{
    unsigned char difference = 0;

    for (size_t i = 0; i < CT_SHA256_HEX; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

static const struct access_entry *find_token(const struct access *access, struct ct_str token)
{
    char presented[CT_SHA256_HEX + 1];
    const struct access_entry *found = NULL;

    digest(token, presented);
    for (size_t i = 0; i < access->count; i++) {
        if (access->entries[i].sha256[0] && is_same(presented, access->entries[i].sha256))
            found = &access->entries[i];
    }
    return found;
}

const struct access_entry *access_find(const struct access *access,
                                       const struct http_request *request)
{
    const char *header = http_header(request, "Authorization");

    if (header) {
        if (strncasecmp(header, "Bearer ", 7) != 0 || strlen(header + 7) > ACCESS_TOKEN_BYTES_MAX)
            return NULL;
        return find_token(access, ct_str_of(header + 7));
    }
    const char *name = http_certified_name(request);
    for (size_t i = 0; name && i < access->count; i++) {
        if (access->entries[i].certificate && strcmp(access->entries[i].certificate, name) == 0)
            return &access->entries[i];
    }
    return NULL;
}
