/* A password's way in: the environment, a file, a credential, a profile; a command line too, but
 * not in silence. No error and no note holds one. */
#include "common/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

/* The first line of a file; *len without its end. */
static enum ct_code read_file(const char *what, const char *path, char text[SECRET_BYTES_MAX + 1],
                              size_t *len, struct ct_error *err)
{
    FILE *in = fopen(path, "rbe");
    size_t count;

    if (!in)
        return ct_error_set(err, CT_E_USAGE, "%s %s: %s", what, path, strerror(errno));
    setvbuf(in, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
    count = fread(text, 1, SECRET_BYTES_MAX + 1, in);
    fclose(in);
    *len = 0;
    while (*len < count && text[*len] != '\n' && text[*len] != '\r' && text[*len] != '\0')
        ++*len;
    if (*len > SECRET_BYTES_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "%s %s: a password may have %d bytes (SECRET_BYTES_MAX)", what, path,
                            SECRET_BYTES_MAX);
    if (*len == 0)
        return ct_error_set(err, CT_E_USAGE, "%s %s: its first line is empty", what, path);
    return CT_E_OK;
}

/* Path of systemd's credential; NULL: there is none. For the caller to free. */
static char *find_credential(void)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char *path = folder && folder[0] == '/' ? ct_asprintf("%s/" SECRET_CREDENTIAL, folder) : NULL;

    if (path && access(path, F_OK) != 0) {
        free(path);
        return NULL;
    }
    return path;
}

/* The URL without a file is tried first: a password in it beats the credential. */
static bool has_password(const char *text)
{
    struct ct_redis_url url;
    struct ct_error ignored;
    bool has;

    if (ct_redis_url_parse(text, &url, &ignored) != CT_E_OK)
        return false;
    has = url.password != NULL;
    ct_redis_url_free(&url);
    return has;
}

enum ct_code ct_secret_read_url(const struct ct_option_set *set, const char *text,
                                struct ct_redis_url *out, struct ct_error *err)
{
    const char *file = ct_option_text(set, "redis-password-file");
    char *credential = file || has_password(text) ? NULL : find_credential();
    char bytes[SECRET_BYTES_MAX + 1];
    struct ct_str password = CT_STR_NONE;
    enum ct_code rc = CT_E_OK;

    if (file || credential) {
        size_t len = 0;

        rc = read_file(file ? "--redis-password-file" : "the credential", file ? file : credential,
                       bytes, &len, err);
        password = (struct ct_str){bytes, len};
    }
    if (rc == CT_E_OK && ct_redis_url_parse_with(text, password, out, err) != CT_E_OK) {
        ct_error_wrap(err, "--redis");
        rc = CT_E_USAGE;
    }
    explicit_bzero(bytes, sizeof bytes);
    free(credential);
    return rc;
}

const char *ct_secret_warning(const struct ct_option_set *set, const struct ct_redis_url *url)
{
    if (ct_option_source_of(set, "redis") != CT_OPTION_FROM_FLAG || !url->password ||
        ct_option_text(set, "redis-password-file"))
        return NULL;
    return "others can see the password of --redis in the list of processes; put the URL into "
           "CARTRITA_REDIS_URL, or the password into a file: --redis-password-file FILE";
}
