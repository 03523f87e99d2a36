/* The nearest word, by the number of letters that are wrong, missing, too many or swapped. Pure. */
#include "common/nearest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NEAREST_LETTERS_PER_SLIP 3 /* a word may have one slip for so many letters */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Three rows of the usual table are enough: this one, the one above, and above that for swaps. */
static size_t distance_of(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][CT_NEAREST_LEN_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = above[j - 1] + (same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            row[j] = least(change, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                same_letter(a[i - 2], b[j - 1]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

void ct_nearest_init(struct ct_nearest *nearest, const char *word)
{
    *nearest = (struct ct_nearest){.word = word, .best = NULL, .distance = 0};
}

void ct_nearest_offer(struct ct_nearest *nearest, const char *name)
{
    size_t word_len = strlen(nearest->word), name_len = strlen(name);

    if (word_len > CT_NEAREST_LEN_MAX || name_len > CT_NEAREST_LEN_MAX)
        return;
    size_t distance = distance_of(nearest->word, word_len, name, name_len);
    size_t allowed = 1 + word_len / NEAREST_LETTERS_PER_SLIP;
    /* The beginning of a name is a fair guess at it, however long the rest. */
    if (word_len >= NEAREST_LETTERS_PER_SLIP && strncasecmp(nearest->word, name, word_len) == 0)
        distance = least(distance, 1);
    if (distance > allowed || distance >= name_len)
        return;
    if (!nearest->best || distance < nearest->distance) {
        nearest->best = name;
        nearest->distance = distance;
    }
}
