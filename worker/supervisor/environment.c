/* Environments for processes that we start. See environment.h. */
#include "worker/supervisor/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "worker/watch/sweeper.h"

#define ENVIRONMENT_ADDED_MAX 8

/* What a job has no business with: where Redis is and its password, and what systemd gave to the
 * supervisor alone. */
static const char *const secrets[] = {"CARTRITA_REDIS_URL", "REDIS_URL",  "CREDENTIALS_DIRECTORY",
                                      "NOTIFY_SOCKET",      "WATCHDOG_*", NULL};

static bool environment_is(const char *entry, const char *name)
{
    size_t len = strcspn(name, "*=");

    return strncmp(entry, name, len) == 0 && (name[len] == '*' || entry[len] == '=');
}

static bool environment_is_any(const char *entry, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        if (environment_is(entry, names[i]))
            return true;
    return false;
}

char **environment_with(const char *const *dropped, char *const *added)
{
    size_t count = 1, bytes = 0, used = 0;
    char **list;
    char *text;

    for (size_t i = 0; environ[i]; i++, count++)
        bytes += strlen(environ[i]) + 1;
    for (size_t i = 0; added[i]; i++, count++)
        bytes += strlen(added[i]) + 1;
    list = ct_zalloc(count * sizeof *list + bytes);
    text = (char *)(list + count);
    for (size_t i = 0; environ[i]; i++) {
        if (environment_is_any(environ[i], dropped) ||
            environment_is_any(environ[i], (const char *const *)added))
            continue;
        list[used++] = text;
        text = stpcpy(text, environ[i]) + 1;
    }
    for (size_t i = 0; added[i]; i++) {
        list[used++] = text;
        text = stpcpy(text, added[i]) + 1;
    }
    return list;
}

char **environment_runner(const struct user *user, const char *temp_dir, const char *worker)
{
    static const char *const temp_names[] = {"TMPDIR", "TMP", "TEMP"};
    char *added[ENVIRONMENT_ADDED_MAX] = {NULL};
    size_t count = 0;
    char **list;

    if (user->is_other) {
        added[count++] = ct_asprintf("HOME=%s", user->home);
        added[count++] = ct_asprintf("USER=%s", user->name);
        added[count++] = ct_asprintf("LOGNAME=%s", user->name);
    }
    for (size_t i = 0; temp_dir && i < sizeof temp_names / sizeof temp_names[0]; i++)
        added[count++] = ct_asprintf("%s=%s", temp_names[i], temp_dir);
    added[count++] = ct_asprintf(SWEEPER_MARK "=%s", worker);
    list = environment_with(secrets, added);
    while (count > 0)
        free(added[--count]);
    return list;
}
