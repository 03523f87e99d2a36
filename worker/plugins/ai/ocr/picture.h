/* An image in memory, and parts of it as the tensors that the models want. By libvips. */
#ifndef AI_OCR_PICTURE_H
#define AI_OCR_PICTURE_H

#include "onnx/tensor.h"

#define PICTURE_PIXELS_MAX INT64_C(50000000)

struct picture {
    void *image; /* owned: libvips's, sRGB, 8 bits, decoded */
    int width, height;
};

struct area {
    int left, top, width, height;
};

/* What a model wants done to each colour: (value / 255 - mean) / deviation, blue first. */
struct colours {
    float mean[3], deviation[3];
};

/* Decodes the file in `bytes`, turned as its EXIF says. Errors are permanent ("ImageError"). */
bool picture_open(const char *bytes, size_t len, struct picture *out, struct sdk_error *error);
void picture_close(struct picture *picture);
/* [1, 3, height, width] of that part of it. */
bool picture_tensor(const struct picture *picture, const struct area *area, int width, int height,
                    const struct colours *colours, size_t max, struct tensor *out,
                    struct sdk_error *error);

#endif
