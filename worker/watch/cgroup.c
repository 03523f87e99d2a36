/* Control groups of runners. See cgroup.h. */
#include "worker/watch/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

#define CGROUP_TEXT_MAX 4096u /* bytes of a file that are read */

static bool cgroup_read(const char *folder, const char *name, char *out, size_t size)
{
    char *path = ct_asprintf("%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, out, size - 1) : -1;

    free(path);
    if (fd >= 0)
        close(fd);
    out[len > 0 ? len : 0] = '\0';
    return len >= 0;
}

static bool cgroup_write(const char *folder, const char *name, const char *text)
{
    char *path = ct_asprintf("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    int error = errno;

    free(path);
    if (fd >= 0)
        close(fd);
    errno = error;
    return is_written;
}

static bool cgroup_write_number(const char *folder, const char *name, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, number);
    return cgroup_write(folder, name, text);
}

/* Whether `word` is one of those in `text`, between spaces and line ends. */
static bool cgroup_has_word(const char *text, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = text; (at = strstr(at, word)); at += len)
        if ((at == text || at[-1] == ' ') && strchr(" \n", at[len]))
            return true;
    return false;
}

/* --- what the system gave us ---------------------------------------------------------------------
 */

/* "0::/system.slice/cartrita.service" becomes its folder; NULL: we are in none. */
static char *cgroup_find(const char *mount, const char *self)
{
    char text[CGROUP_TEXT_MAX];
    char *slash = strrchr(self, '/');
    char *folder = ct_strndup(self, (size_t)(slash - self));
    char *line = NULL, *end;

    if (cgroup_read(folder, slash + 1, text, sizeof text))
        line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
    free(folder);
    if (!line)
        return NULL;
    line = strchr(line, '/');
    end = strchr(line, '\n');
    if (end)
        *end = '\0';
    return ct_asprintf("%s%s", mount, strcmp(line, "/") == 0 ? "" : line);
}

static enum ct_code cgroup_check(const char *path, pid_t pid, struct ct_error *err)
{
    char text[CGROUP_TEXT_MAX], own[24];

    if (!cgroup_read(path, "cgroup.controllers", text, sizeof text))
        return ct_error_set(err, CT_E_NOT_FOUND, "%s is no control group of version 2", path);
    if (!cgroup_has_word(text, "memory") || !cgroup_has_word(text, "pids"))
        return ct_error_set(err, CT_E_NOT_FOUND, "%s does not control memory and pids", path);
    snprintf(own, sizeof own, "%d\n", (int)pid);
    if (!cgroup_read(path, "cgroup.procs", text, sizeof text) || strcmp(text, own) != 0)
        return ct_error_set(err, CT_E_NOT_FOUND, "%s is not ours alone", path);
    return CT_E_OK;
}

/* Moves us down, so that the group may have controlled children; back when it may not. */
static enum ct_code cgroup_take(const char *path, pid_t pid, struct ct_error *err)
{
    char *below = ct_asprintf("%s/supervisor", path);
    enum ct_code rc = CT_E_OK;

    if ((mkdir(below, 0755) != 0 && errno != EEXIST) ||
        !cgroup_write_number(below, "cgroup.procs", (uint64_t)pid)) {
        rc = ct_error_set(err, CT_E_NOT_FOUND, "%s cannot be used: %s", path, strerror(errno));
        rmdir(below);
    } else if (!cgroup_write(path, "cgroup.subtree_control", "+memory +pids")) {
        rc = ct_error_set(err, CT_E_NOT_FOUND, "%s gives no control: %s", path, strerror(errno));
        (void)cgroup_write_number(path, "cgroup.procs", (uint64_t)pid);
        rmdir(below);
    }
    free(below);
    return rc;
}

enum ct_code cgroup_open(const char *mount, const char *self, pid_t pid, struct cgroup **out,
                         struct ct_error *err)
{
    char *path = cgroup_find(mount, self);
    enum ct_code rc;

    *out = NULL;
    if (!path)
        return ct_error_set(err, CT_E_NOT_FOUND, "this process is in no control group");
    rc = cgroup_check(path, pid, err);
    if (rc == CT_E_OK)
        rc = cgroup_take(path, pid, err);
    if (rc != CT_E_OK) {
        free(path);
        return rc;
    }
    *out = ct_zalloc(sizeof **out);
    (*out)->path = path;
    return CT_E_OK;
}

void cgroup_close(struct cgroup *cgroup)
{
    if (!cgroup)
        return;
    cgroup_remove(cgroup, NULL);
    for (size_t i = 0; i < cgroup->left_count; i++)
        free(cgroup->left[i]);
    free(cgroup->path);
    free(cgroup);
}

/* --- a runner's ----------------------------------------------------------------------------------
 */

static uint64_t cgroup_memory(uint64_t max)
{
    uint64_t more = max / CGROUP_MEMORY_MORE;

    return max + (more > CGROUP_MEMORY_LEAST ? more : CGROUP_MEMORY_LEAST);
}

enum ct_code cgroup_make(struct cgroup *cgroup, const char *name, uint64_t memory_max_bytes,
                         uint64_t children_max, char **out, struct ct_error *err)
{
    char *path = ct_asprintf("%s/runner-%s", cgroup->path, name);
    bool is_made = mkdir(path, 0755) == 0 || errno == EEXIST;

    if (is_made && memory_max_bytes) {
        is_made = cgroup_write_number(path, "memory.max", cgroup_memory(memory_max_bytes));
        /* All or nothing: a runner without the child it works with is of no use. */
        (void)cgroup_write(path, "memory.oom.group", "1");
    }
    if (is_made && children_max)
        is_made =
            cgroup_write_number(path, "pids.max", children_max * CGROUP_TASKS + CGROUP_TASKS_LEAST);
    if (!is_made) {
        enum ct_code rc = ct_error_set(err, CT_E_SYSTEM, "making the control group %s: %s", path,
                                       strerror(errno));

        rmdir(path);
        free(path);
        return rc;
    }
    *out = path;
    return CT_E_OK;
}

enum ct_code cgroup_enter(const char *path, pid_t pid, struct ct_error *err)
{
    if (cgroup_write_number(path, "cgroup.procs", (uint64_t)pid))
        return CT_E_OK;
    return ct_error_set(err, CT_E_SYSTEM, "putting a runner into the control group %s: %s", path,
                        strerror(errno));
}

void cgroup_kill(const char *path)
{
    (void)cgroup_write(path, "cgroup.kill", "1"); /* Linux 5.14; orphans.c kills as well */
}

bool cgroup_was_oom(const char *path)
{
    char text[CGROUP_TEXT_MAX];
    const char *line;

    if (!cgroup_read(path, "memory.events", text, sizeof text))
        return false;
    line = strstr(text, "\noom_kill ");
    return line && strtoull(line + strlen("\noom_kill "), NULL, 10) > 0;
}

void cgroup_remove(struct cgroup *cgroup, char *path)
{
    size_t kept = 0;

    for (size_t i = 0; i < cgroup->left_count; i++) {
        if (rmdir(cgroup->left[i]) != 0 && errno == EBUSY)
            cgroup->left[kept++] = cgroup->left[i];
        else
            free(cgroup->left[i]);
    }
    cgroup->left_count = kept;
    if (!path)
        return;
    if (rmdir(path) != 0 && errno == EBUSY && kept < CGROUP_LEFT_MAX)
        cgroup->left[cgroup->left_count++] = path;
    else
        free(path);
}
