/* See daemon_find.h. A socket counts when somebody listens on it: sockets outlive the processes
 * that were killed. Those of other users do not count: what they say could be anything. */
#include "q/daemon_find.h"

#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/url.h"

/* As cartrita-worker makes them: in the user's runtime directory, or in /tmp. */
#define PRIVATE_PATTERN "cartrita-*/queued.sock"

static bool is_listening(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bool is_taken;
    int fd;

    if (strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    /* One that we may not use, or that is busy, is there: connecting to it will tell. */
    is_taken = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
               errno == EACCES || errno == EAGAIN;
    close(fd);
    return is_taken;
}

static bool is_ours(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_uid == geteuid();
}

/* Adds to `found` those of one directory. */
static void look_into(const char *directory, char **found, size_t *count)
{
    char *pattern = ct_asprintf("%s/" PRIVATE_PATTERN, directory);
    glob_t paths;

    if (glob(pattern, GLOB_NOSORT, NULL, &paths) == 0) {
        for (size_t i = 0; i < paths.gl_pathc && *count < DAEMON_FIND_MAX; i++) {
            if (is_ours(paths.gl_pathv[i]) && is_listening(paths.gl_pathv[i]))
                found[(*count)++] = ct_asprintf("unix:%s", paths.gl_pathv[i]);
        }
        globfree(&paths);
    }
    free(pattern);
}

static enum ct_code choose(const char *usual, char **found, size_t count, char **out,
                           struct ct_error *err)
{
    if (count == 1) {
        fprintf(stderr, "asking the private daemon at %s\n", found[0]);
        *out = found[0];
        found[0] = NULL;
        return CT_E_OK;
    }
    if (count == 0)
        return ct_error_set(err, CT_E_CLOSED,
                            "no daemon listens at %s, and no worker of yours has a private one: "
                            "name it with --server ADDRESS (a worker logs it as \"server\")",
                            usual);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "  --server %s\n", found[i]);
    return ct_error_set(err, CT_E_CONFLICT,
                        "no daemon listens at %s, and several workers have private ones: say which",
                        usual);
}

enum ct_code daemon_find(char **out, struct ct_error *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *usual = ct_address_default();
    char *found[DAEMON_FIND_MAX] = {NULL};
    enum ct_code rc = CT_E_OK;
    size_t count = 0;

    if (is_listening(usual + strlen("unix:"))) {
        *out = usual;
        return CT_E_OK;
    }
    if (runtime && runtime[0] == '/')
        look_into(runtime, found, &count);
    look_into("/tmp", found, &count);
    rc = choose(usual, found, count, out, err);
    for (size_t i = 0; i < count; i++)
        free(found[i]);
    free(usual);
    return rc;
}
