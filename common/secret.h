/* The address of Redis with a password that is on no command line. Called at start by the programs;
 * reads files, so never by a loop. */
#ifndef CT_COMMON_SECRET_H
#define CT_COMMON_SECRET_H

#include "common/option.h"
#include "common/url.h"

#define SECRET_BYTES_MAX 4096
/* The credential of systemd (LoadCredential=redis-password:...) that is read when no other password
 * is given. */
#define SECRET_CREDENTIAL "redis-password"

/* The row of an option table; `place` is the offset of a char *. */
#define SECRET_OPTION(place)                                                                  \
    {                                                                                         \
        .name = "redis-password-file", .kind = CT_OPTION_STRING, .offset = (place),           \
        .value_name = "FILE",                                                                 \
        .help = "File whose first line is the password of Redis, instead of one in the URL; " \
                "without either, systemd's credential redis-password.",                       \
    }

/* `text`, a URL, with the password of the option redis-password-file when there is one, or of the
 * credential when the URL has none. The caller frees *out with ct_redis_url_free. */
enum ct_code ct_secret_read_url(const struct ct_option_set *set, const char *text,
                                struct ct_redis_url *out, struct ct_error *err) CT_MUST_CHECK;
/* NULL, or what to warn of: others can see the password in the list of processes. */
const char *ct_secret_warning(const struct ct_option_set *set, const struct ct_redis_url *url);

#endif
