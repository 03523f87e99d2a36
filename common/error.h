/* Errors as values: a code for programs, a detail for people.
 *
 * Owns the error codes of the whole project. What can fail returns `enum ct_code`, takes
 * `struct ct_error *err` last and writes its outputs only on success. The place that knows the
 * cause writes the detail: what failed, where, and what to do about it. */
#ifndef CT_COMMON_ERROR_H
#define CT_COMMON_ERROR_H

/* The numbers travel on the wire (proto/PROTOCOL.md): append, never renumber. */
#define CT_ERROR_LIST(X)                                          \
    X(OK, 0, "ok")                                                \
    X(INVALID, 1, "not valid")                                    \
    X(USAGE, 2, "wrong usage")                                    \
    X(NOT_FOUND, 3, "does not exist")                             \
    X(CONFLICT, 4, "not possible in the present state")           \
    X(TOO_LARGE, 5, "over the configured limit")                  \
    X(TIMEOUT, 6, "took too long")                                \
    X(CLOSED, 7, "the connection is closed")                      \
    X(UNSUPPORTED, 8, "not supported")                            \
    X(SYSTEM, 9, "the operating system refused")                  \
    X(BAD_FRAME, 10, "broken frame")                              \
    X(BAD_MESSAGE, 11, "broken message")                          \
    X(BAD_JSON, 12, "not valid JSON")                             \
    X(LOCK_LOST, 13, "the job's lock is held by another or gone") \
    X(JOB_MISSING, 14, "the job's hash is gone")                  \
    X(NOT_ACTIVE, 15, "the job is not active")                    \
    X(PLUGIN, 16, "the plugin cannot be used")                    \
    X(CANCELLED, 17, "cancelled")                                 \
    X(REDIS_DOWN, 18, "Redis cannot be reached")                  \
    X(REDIS_AUTH, 19, "Redis refused the credentials")            \
    X(REDIS_PERM, 20, "the Redis user may not do this")           \
    X(REDIS_LOADING, 21, "Redis is loading its data")             \
    X(REDIS_READONLY, 22, "this Redis is a read-only replica")    \
    X(REDIS_OOM, 23, "Redis has reached its memory limit")        \
    X(REDIS_TYPE, 24, "a Redis key has a foreign type")           \
    X(REDIS_SCRIPT, 25, "Redis does not know the script")         \
    X(REDIS_ERROR, 26, "Redis answered with an error")            \
    X(INTERNAL, 27, "a bug in Cartrita")                          \
    X(JOB_FAILED, 28, "the job has failed")                       \
    X(CHILDREN, 29, "the job has children that are pending or have failed")

enum ct_code {
#define CT_ERROR_ENUM(name, number, text) CT_E_##name = number,
    CT_ERROR_LIST(CT_ERROR_ENUM)
#undef CT_ERROR_ENUM
};

#define CT_ERROR_DETAIL_MAX 256

struct ct_error {
    enum ct_code code;
    char detail[CT_ERROR_DETAIL_MAX]; /* NUL-terminated; shortened where it does not fit */
};

#define CT_MUST_CHECK        __attribute__((warn_unused_result))
#define CT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* The short text of a code, "unknown error" for a number that has none. Static memory. */
const char *ct_error_text(enum ct_code code);

/* Fills `err` (which may be NULL) and returns `code`, so that a failure is one line:
 * return ct_error_set(err, CT_E_INVALID, "queue name is empty"). */
enum ct_code ct_error_set(struct ct_error *err, enum ct_code code, const char *format, ...)
    CT_PRINTF(3, 4);

/* Puts "context: " before the present detail, for callers that know more; keeps the code. */
void ct_error_wrap(struct ct_error *err, const char *format, ...) CT_PRINTF(2, 3);

#endif
