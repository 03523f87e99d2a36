/* An image or a text over a picture. */
#ifndef FILE_IMAGE_WATERMARK_H
#define FILE_IMAGE_WATERMARK_H

#include "picture.h"

struct watermark {
    VipsImage *image; /* owned: RGB with alpha, the opacity in it; NULL: no watermark */
};

/* Reads or draws it, once for all the pictures of a step. */
bool watermark_open(struct file_work *work, const struct image_options *options,
                    struct watermark *out);
void watermark_close(struct watermark *watermark);
/* Replaces *image by a copy that has it; in memory. */
bool watermark_put(const struct watermark *watermark, const struct picture *picture,
                   const struct image_watermark *options, VipsImage **image);

#endif
