/* Finding a path of the command that our user may not reach. See access.h. A guess: words of a
 * shell's line are taken as they stand between blanks and quotes. */
#include "access.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCESS_WORDS_MAX 64

static const char *access_user(void)
{
    static char number[16];
    const char *name = getenv("LOGNAME");

    if (name && name[0])
        return name;
    snprintf(number, sizeof number, "%u", (unsigned)geteuid());
    return number;
}

static bool access_denied(const char *path, int mode)
{
    return access(path, mode) != 0 && errno == EACCES;
}

/* `path` is absolute. */
static bool access_walk(const char *path, char *out, size_t size)
{
    static const char remedy[] = "choose another user for the pool (--user), or put it where that "
                                 "user may read it";
    char part[PATH_MAX];

    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (access_denied(part, X_OK)) {
            snprintf(out, size, "user %s may not enter %s, on the way to %s: %s", access_user(),
                     part, path, remedy);
            return true;
        }
    }
    if (access_denied(path, R_OK) && access_denied(path, X_OK)) {
        snprintf(out, size, "user %s may not read %s: %s", access_user(), path, remedy);
        return true;
    }
    return false;
}

static bool access_word(const char *base, const char *word, char *out, size_t size)
{
    char path[PATH_MAX];

    if (word[0] == '/')
        return access_walk(word, out, size);
    /* A name for PATH, an option, an assignment: no file of the folder. */
    if (word[0] == '-' || strchr(word, '=') || !strpbrk(word, "./"))
        return false;
    if (snprintf(path, sizeof path, "%s/%s", base, word) >= (int)sizeof path)
        return false;
    return access_walk(path, out, size);
}

static bool access_words(const char *base, const char *text, char *out, size_t size)
{
    char *words = strdup(text), *rest, *word;
    bool is_found = false;
    int count = 0;

    if (!words)
        return false;
    for (word = strtok_r(words, " \t\n;&|()<>'\"", &rest);
         word && !is_found && count < ACCESS_WORDS_MAX;
         word = strtok_r(NULL, " \t\n;&|()<>'\"", &rest), count++)
        is_found = access_word(base, word, out, size);
    free(words);
    return is_found;
}

bool access_explain(char *const *argv, const char *folder, char *out, size_t size)
{
    char here[PATH_MAX], base[PATH_MAX];
    ssize_t len = readlink("/proc/self/cwd", here, sizeof here - 1); /* also where we may not be */

    here[len > 0 ? len : 0] = '\0';
    if (!folder)
        snprintf(base, sizeof base, "%s", here);
    else if (snprintf(base, sizeof base, "%s%s%s", folder[0] == '/' ? "" : here,
                      folder[0] == '/' ? "" : "/", folder) >= (int)sizeof base)
        return false;
    /* A folder must be entered, not read. */
    if (folder && snprintf(here, sizeof here, "%s/.", base) < (int)sizeof here &&
        access_walk(here, out, size))
        return true;
    for (size_t i = 0; argv[i]; i++)
        if (access_words(base, argv[i], out, size))
            return true;
    return false;
}
