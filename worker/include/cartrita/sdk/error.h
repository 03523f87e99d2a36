/* Why something did not work, and what that means for the job: whether another attempt can help.
 *
 * Functions of the SDK that can fail return false and fill in an error; one that the world can
 * mend (a server that is away) is to be retried, one that it cannot (a recipient that does not
 * exist) is permanent. Call chains add where they were with sdk_error_wrap. */
#ifndef CARTRITA_SDK_ERROR_H
#define CARTRITA_SDK_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/plugin.h"

#define SDK_ERROR_TEXT_MAX 1024u
#define SDK_ERROR_NAME_MAX 48u

struct sdk_error {
    char text[SDK_ERROR_TEXT_MAX]; /* what, where, what to do; one line */
    char
        name[SDK_ERROR_NAME_MAX]; /* kind, such as "ValidationError": part of a plugin's contract */
    bool is_permanent;            /* no further attempt can help */
    int64_t delay_ms;             /* when to try again; -1: as the job's own backoff says */
};

/* Both fill in `error` (may be NULL), cut what is too long, and return false, so that a caller can
 * `return sdk_refuse(...)`. sdk_refuse: for good. sdk_retry_later: another attempt may work. */
bool sdk_refuse(struct sdk_error *error, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool sdk_retry_later(struct sdk_error *error, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "CONTEXT: " in front of the text; returns false. */
bool sdk_error_wrap(struct sdk_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Ends the job as failed: reason, name, and the retry decision. Known secrets (secret.h) are
 * blanked out. A job that should stop (host->is_cancelled) fails with the reason of that instead.
 */
void sdk_end_failed(const struct cartrita_host *host, struct cartrita_job *job,
                    const struct sdk_error *error);

#endif
