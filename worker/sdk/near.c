/* Edit distance, small and without case. See near.h. */
#include "near.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NEAR_NAME_MAX     64u /* longer names are not compared */
#define NEAR_DISTANCE_MAX 2u

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Letters to insert, drop, replace, or swap with their neighbour. */
static unsigned near_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][NEAR_NAME_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_len; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *spare = before;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = least(least(last[j], row[j - 1]) + 1,
                           last[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[b_len];
}

void sdk_near_try(struct sdk_near *near, const char *candidate)
{
    size_t given_len = strlen(near->given), len = strlen(candidate);
    unsigned distance;

    if (given_len > NEAR_NAME_MAX || len > NEAR_NAME_MAX)
        return;
    distance = near_distance(near->given, given_len, candidate, len);
    /* A name of which half is another is no misspelling. */
    if (distance > NEAR_DISTANCE_MAX || distance * 2 >= len + 1)
        return;
    if (near->name && near->distance <= distance)
        return;
    near->name = candidate;
    near->distance = distance;
}

const char *sdk_near_hint(const struct sdk_near *near, char out[SDK_NEAR_HINT_MAX])
{
    out[0] = '\0';
    if (near->name)
        snprintf(out, SDK_NEAR_HINT_MAX, " (did you mean \"%s\"?)", near->name);
    return out;
}
