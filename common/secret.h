/* Passwords that are not on the command line. Called by session.c. */
#ifndef Q_SECRET_H
#define Q_SECRET_H

#include "common/option.h"
#include "common/url.h"

#define SECRET_BYTES_MAX 4096

/* The address of Redis from the options: --redis, with the password of --redis-password-file when
 * there is one. Warns of a password that others can see in the list of processes. The caller frees
 * *out with ct_redis_url_free. */
enum ct_code secret_read_url(const struct ct_option_set *set, struct ct_redis_url *out,
                             struct ct_error *err) CT_MUST_CHECK;

#endif
