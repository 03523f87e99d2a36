/* Names that stand in archives; see entry_name.h. */
#include "entry_name.h"

#include <string.h>

const char *entry_name_clean(const char *raw, size_t strip, size_t depth_max,
                             char out[ENTRY_NAME_MAX])
{
    size_t len = 0, depth = 0;

    out[0] = '\0';
    if (raw[0] == '/')
        return ENTRY_IS_ABSOLUTE;
    for (const char *part = raw; *part;) {
        size_t part_len = strcspn(part, "/");
        bool is_dot = part_len == 1 && part[0] == '.';

        if (part_len == 2 && part[0] == '.' && part[1] == '.')
            return ENTRY_CLIMBS;
        if (part_len > ENTRY_PART_MAX)
            return ENTRY_IS_LONG;
        if (part_len > 0 && !is_dot && strip > 0) {
            strip--;
        } else if (part_len > 0 && !is_dot) {
            if (++depth > depth_max)
                return ENTRY_IS_DEEP;
            if (len + part_len + 2 > ENTRY_NAME_MAX)
                return ENTRY_IS_LONG;
            if (len > 0)
                out[len++] = '/';
            memcpy(out + len, part, part_len);
            len += part_len;
            out[len] = '\0';
        }
        part += part_len + (part[part_len] == '/');
    }
    return NULL;
}

bool entry_link_stays(const char *name, const char *target)
{
    size_t depth = 0;
    bool is_down = false;

    if (target[0] == '/' || target[0] == '\0')
        return false;
    for (const char *at = name; (at = strchr(at, '/')); at++)
        depth++;
    for (const char *part = target; *part;) {
        size_t len = strcspn(part, "/");

        if (len == 2 && part[0] == '.' && part[1] == '.') {
            if (is_down || depth == 0)
                return false;
            depth--;
        } else if (len > 1 || (len == 1 && part[0] != '.')) {
            is_down = true;
        }
        part += len + (part[len] == '/');
    }
    return true;
}

/* Where to go on when what follows a star does not fit: the star takes one byte more. */
struct star {
    const char *pattern; /* behind the star; NULL: there is none */
    const char *name;    /* what it has not taken */
};

static bool fits(const char *pattern, const char *name)
{
    struct star one = {NULL, NULL}, all = {NULL, NULL};

    while (*name || *pattern) {
        if (pattern[0] == '*' && pattern[1] == '*') {
            pattern += 2;
            all = (struct star){pattern, name};
            one.pattern = NULL; /* what comes before the last "**" need not change any more */
        } else if (pattern[0] == '*') {
            one = (struct star){++pattern, name};
        } else if (*name && (*pattern == *name || (*pattern == '?' && *name != '/'))) {
            pattern++;
            name++;
        } else if (one.pattern && *one.name && *one.name != '/') {
            pattern = one.pattern;
            name = ++one.name;
        } else if (all.pattern && *all.name) {
            one.pattern = NULL;
            pattern = all.pattern;
            name = ++all.name;
        } else {
            return false;
        }
    }
    return true;
}

bool entry_name_fits(const char *pattern, const char *name)
{
    return fits(pattern, name) || (strncmp(pattern, "**/", 3) == 0 && fits(pattern + 3, name));
}
