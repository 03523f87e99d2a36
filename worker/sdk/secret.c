/* Secrets: read once, known for good, blanked out of what is told. See cartrita/sdk/secret.h. */
#include "cartrita/sdk/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET_BLANK "****" /* not longer than the shortest secret that is looked for */

static const char secret_error[] = "SecretError";

/* All secrets of this process, longest first: one that begins another is not to be found in it. */
static struct {
    pthread_mutex_t lock;
    char *values[SDK_SECRETS_MAX]; /* owned, kept until the process ends */
    size_t count;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool known_add(const char *value, struct sdk_error *error)
{
    size_t len = strlen(value), at = 0;
    bool is_new = len >= SDK_SECRET_SHORT, is_added = false;
    char *copy = is_new ? strdup(value) : NULL;

    pthread_mutex_lock(&known.lock);
    for (size_t i = 0; i < known.count && is_new; i++) {
        is_new = strcmp(known.values[i], value) != 0;
        if (strlen(known.values[i]) >= len)
            at = i + 1;
    }
    if (is_new && copy && known.count < SDK_SECRETS_MAX) {
        memmove(known.values + at + 1, known.values + at,
                (known.count - at) * sizeof *known.values);
        known.values[at] = copy;
        known.count++;
        is_added = true;
    }
    pthread_mutex_unlock(&known.lock);
    if (!is_added)
        sdk_secret_free(copy);
    return is_added || !is_new ||
           sdk_refuse(error, secret_error, "a process keeps at most %u secrets", SDK_SECRETS_MAX);
}

void sdk_redact(char *text)
{
    pthread_mutex_lock(&known.lock);
    for (size_t i = 0; i < known.count; i++) {
        size_t len = strlen(known.values[i]);

        for (char *at = text; (at = strstr(at, known.values[i])); at += strlen(SECRET_BLANK)) {
            memcpy(at, SECRET_BLANK, strlen(SECRET_BLANK));
            memmove(at + strlen(SECRET_BLANK), at + len, strlen(at + len) + 1);
        }
    }
    pthread_mutex_unlock(&known.lock);
}

/* --- where they come from ------------------------------------------------------------------------
 */

/* The descriptor's bytes into `value` (SDK_SECRET_MAX + 1), or -1. */
static ssize_t read_all(int fd, char *value)
{
    size_t len = 0;
    ssize_t count = 1;

    while (len <= SDK_SECRET_MAX && count > 0) {
        count = read(fd, value + len, SDK_SECRET_MAX + 1 - len);
        if (count < 0 && errno == EINTR)
            count = 1;
        else if (count > 0)
            len += (size_t)count;
    }
    return count < 0 ? -1 : (ssize_t)len;
}

static bool from_file(const char *path, char **value, struct sdk_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char *bytes = calloc(1, SDK_SECRET_MAX + 2);
    ssize_t len = fd >= 0 && bytes ? read_all(fd, bytes) : -1;
    bool is_read = false;

    if (len < 0)
        sdk_refuse(error, secret_error, "secret file %s: %s", path, strerror(errno));
    else if (len > (ssize_t)SDK_SECRET_MAX)
        sdk_refuse(error, secret_error, "secret file %s has more than %u bytes", path,
                   SDK_SECRET_MAX);
    else if (memchr(bytes, '\0', (size_t)len))
        sdk_refuse(error, secret_error, "secret file %s holds a NUL character", path);
    else
        is_read = true;
    if (is_read && len && bytes[len - 1] == '\n')
        bytes[--len] = '\0';
    if (is_read && len && bytes[len - 1] == '\r')
        bytes[--len] = '\0';
    *value = is_read ? strdup(bytes) : NULL;
    sdk_secret_free(bytes);
    if (fd >= 0)
        close(fd);
    return is_read;
}

static bool from_credential(const char *name, char **value, struct sdk_error *error)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    char *path = NULL;
    bool is_read;

    if (!directory)
        return sdk_refuse(error, secret_error,
                          "credential:%s: there is no $CREDENTIALS_DIRECTORY; the service manager "
                          "gives it (LoadCredential= of systemd)",
                          name);
    if (!name[0] || strchr(name, '/') || strcmp(name, "..") == 0)
        return sdk_refuse(error, secret_error, "credential:%s is no name of a credential", name);
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return sdk_retry_later(error, secret_error, "out of memory");
    is_read = from_file(path, value, error);
    free(path);
    return is_read;
}

static bool from_environment(const char *name, char **value, struct sdk_error *error)
{
    const char *text = getenv(name);

    if (!text)
        return sdk_refuse(error, secret_error, "env:%s: there is no such environment variable",
                          name);
    *value = strdup(text);
    return true;
}

bool sdk_secret_read(const char *reference, char **value, struct sdk_error *error)
{
    char *found = NULL;
    bool is_read = true;

    if (strncmp(reference, "env:", 4) == 0)
        is_read = from_environment(reference + 4, &found, error);
    else if (strncmp(reference, "file:", 5) == 0)
        is_read = from_file(reference + 5, &found, error);
    else if (strncmp(reference, "credential:", 11) == 0)
        is_read = from_credential(reference + 11, &found, error);
    else
        found = strdup(reference);
    if (!is_read)
        return false;
    if (!found)
        return sdk_retry_later(error, secret_error, "out of memory");
    if (!found[0])
        sdk_refuse(error, secret_error, "the secret %s is empty", reference);
    else if (known_add(found, error)) {
        *value = found;
        return true;
    }
    sdk_secret_free(found);
    return false;
}

void sdk_secret_free(char *value)
{
    if (value)
        explicit_bzero(value, strlen(value));
    free(value);
}
