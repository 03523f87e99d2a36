/* See name.h. */
#include "index/name.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Length of the word at `at` that stands for a part of the time; its value into `out`. 0: no word.
 */
static size_t put_part(const char *at, const struct tm *time, char *out, size_t size)
{
    if (strncmp(at, "yyyy", 4) == 0)
        return snprintf(out, size, "%04d", time->tm_year + 1900), 4;
    if (strncmp(at, "MM", 2) == 0)
        return snprintf(out, size, "%02d", time->tm_mon + 1), 2;
    if (strncmp(at, "dd", 2) == 0)
        return snprintf(out, size, "%02d", time->tm_mday), 2;
    if (strncmp(at, "HH", 2) == 0)
        return snprintf(out, size, "%02d", time->tm_hour), 2;
    return 0;
}

const char *index_name(const char *pattern, int64_t ms, char out[INDEX_NAME_MAX + 1])
{
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm time;
    bool is_inside = false;
    size_t len = 0;

    if (!gmtime_r(&seconds, &time))
        return "has a time that no calendar has";
    for (const char *at = pattern; *at;) {
        char part[24];
        size_t taken = is_inside ? put_part(at, &time, part, sizeof part) : 0;

        if (len + sizeof part > INDEX_NAME_MAX)
            return "is too long";
        if (taken > 0) {
            memcpy(out + len, part, strlen(part));
            len += strlen(part);
            at += taken;
        } else if (*at == (is_inside ? '}' : '{')) {
            is_inside = !is_inside;
            at++;
        } else if (strchr("\\/*?\"<>| ,#:{}", *at) || (*at >= 'A' && *at <= 'Z')) {
            return "must be lower case, without any of \\ / * ? \" < > | , # : and space; dates "
                   "are "
                   "{yyyy.MM.dd}";
        } else {
            out[len++] = *at++;
        }
    }
    out[len] = '\0';
    if (is_inside)
        return "has a { without its }";
    if (len == 0 || strchr("-_+.", out[0]))
        return "must not begin with - _ + or .";
    return NULL;
}
