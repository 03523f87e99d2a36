/* See boxes.h. Text is what is joined in the map; the map shows the core of the text only, so each
 * box is grown by a part of its size (as the models are trained). */
#include "ocr/boxes.h"

#include <stdlib.h>

#define IS_TEXT    0.3f /* of one place */
#define IS_BOX     0.6f /* of a box, in the mean */
#define GROW       1.5f
#define SIZE_LEAST 3 /* of a core, in places */

struct blob {
    int left, top, right, bottom; /* inclusive */
    double sum;
    size_t count;
};

struct fill {
    const float *map;
    unsigned char *is_seen;
    int *stack;
    size_t depth;
    int width, height;
};

static void fill_push(struct fill *fill, int x, int y)
{
    int at = y * fill->width + x;

    if (x < 0 || y < 0 || x >= fill->width || y >= fill->height || fill->is_seen[at] ||
        fill->map[at] < IS_TEXT)
        return;
    fill->is_seen[at] = 1;
    fill->stack[fill->depth++] = at;
}

/* All that is joined to (x, y). */
static struct blob fill_blob(struct fill *fill, int x, int y)
{
    struct blob blob = {x, y, x, y, 0, 0};

    fill_push(fill, x, y);
    while (fill->depth > 0) {
        int at = fill->stack[--fill->depth];

        x = at % fill->width;
        y = at / fill->width;
        blob.left = x < blob.left ? x : blob.left;
        blob.right = x > blob.right ? x : blob.right;
        blob.top = y < blob.top ? y : blob.top;
        blob.bottom = y > blob.bottom ? y : blob.bottom;
        blob.sum += (double)fill->map[at];
        blob.count++;
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++)
                fill_push(fill, x + dx, y + dy);
    }
    return blob;
}

static float clamp(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

static bool blob_box(const struct blob *blob, const struct fill *fill, struct box *box)
{
    float width = (float)(blob->right - blob->left + 1);
    float height = (float)(blob->bottom - blob->top + 1);
    float grow = width * height * GROW / (2 * (width + height));

    box->score = (float)(blob->sum / (double)blob->count);
    if (width < SIZE_LEAST || height < SIZE_LEAST || box->score < IS_BOX)
        return false;
    box->left = clamp(((float)blob->left - grow) / (float)fill->width);
    box->right = clamp(((float)blob->right + 1 + grow) / (float)fill->width);
    box->top = clamp(((float)blob->top - grow) / (float)fill->height);
    box->bottom = clamp(((float)blob->bottom + 1 + grow) / (float)fill->height);
    return true;
}

static int box_compare(const void *a, const void *b)
{
    const struct box *one = a, *other = b;

    return one->top < other->top ? -1 : one->top > other->top;
}

static int box_compare_left(const void *a, const void *b)
{
    const struct box *one = a, *other = b;

    return one->left < other->left ? -1 : one->left > other->left;
}

/* Line by line: what begins above the middle of a line's first box is on that line. */
static void boxes_sort(struct box *boxes, size_t count)
{
    size_t first = 0;

    qsort(boxes, count, sizeof *boxes, box_compare);
    for (size_t i = 1; i <= count; i++) {
        if (i < count && boxes[i].top < (boxes[first].top + boxes[first].bottom) / 2)
            continue;
        qsort(boxes + first, i - first, sizeof *boxes, box_compare_left);
        first = i;
    }
}

size_t boxes_find(const struct tensor *map, struct box out[BOXES_MAX])
{
    struct fill fill = {.map = map->bytes,
                        .width = (int)map->shape[map->rank - 1],
                        .height = (int)map->shape[map->rank - 2]};
    size_t count = 0;

    fill.is_seen = calloc(map->count + 1, 1);
    fill.stack = calloc(map->count + 1, sizeof *fill.stack);
    for (int y = 0; fill.is_seen && fill.stack && y < fill.height; y++)
        for (int x = 0; x < fill.width && count < BOXES_MAX; x++) {
            struct blob blob = fill_blob(&fill, x, y);

            if (blob.count > 0 && blob_box(&blob, &fill, &out[count]))
                count++;
        }
    if (!fill.is_seen || !fill.stack)
        count = SIZE_MAX;
    else
        boxes_sort(out, count);
    free(fill.is_seen);
    free(fill.stack);
    return count;
}
