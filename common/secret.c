/* A password's way in: the environment, a file, a profile; a command line too, but not in silence.
 * No error and no note holds one. */
#include "q/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The first line of a file; *len without its end. */
static enum ct_code read_file(const char *path, char text[SECRET_BYTES_MAX + 1], size_t *len,
                              struct ct_error *err)
{
    FILE *in = fopen(path, "rbe");
    size_t count;

    if (!in)
        return ct_error_set(err, CT_E_USAGE, "--redis-password-file %s: %s", path, strerror(errno));
    setvbuf(in, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
    count = fread(text, 1, SECRET_BYTES_MAX + 1, in);
    fclose(in);
    *len = 0;
    while (*len < count && text[*len] != '\n' && text[*len] != '\r' && text[*len] != '\0')
        ++*len;
    if (*len > SECRET_BYTES_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "--redis-password-file %s: a password may have %d bytes "
                            "(SECRET_BYTES_MAX)",
                            path, SECRET_BYTES_MAX);
    if (*len == 0)
        return ct_error_set(err, CT_E_USAGE, "--redis-password-file %s: its first line is empty",
                            path);
    return CT_E_OK;
}

static void warn_of_password(const struct ct_option_set *set, const struct ct_redis_url *url,
                             const char *file)
{
    if (ct_option_source_of(set, "redis") == CT_OPTION_FROM_FLAG && url->password && !file)
        fprintf(stderr, "warning: others can see the password of --redis in the list of "
                        "processes; put the URL into CARTRITA_REDIS_URL or a profile, or the "
                        "password into a file: --redis-password-file FILE\n");
}

enum ct_code secret_read_url(const struct ct_option_set *set, struct ct_redis_url *out,
                             struct ct_error *err)
{
    const char *file = ct_option_text(set, "redis-password-file");
    char text[SECRET_BYTES_MAX + 1];
    struct ct_str password = CT_STR_NONE;
    enum ct_code rc = CT_E_OK;

    if (file) {
        size_t len = 0;

        rc = read_file(file, text, &len, err);
        password = (struct ct_str){text, len};
    }
    if (rc == CT_E_OK &&
        ct_redis_url_parse_with(ct_option_text(set, "redis"), password, out, err) != CT_E_OK) {
        ct_error_wrap(err, "--redis");
        rc = CT_E_USAGE;
    }
    explicit_bzero(text, sizeof text);
    if (rc == CT_E_OK)
        warn_of_password(set, out, file);
    return rc;
}
