/* Images, by libvips: what the frame needs to know of them. */
#ifndef FILE_IMAGE_H
#define FILE_IMAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "cartrita/sdk/error.h"
#include "settings.h"

/* Starts libvips, once per process, with the settings' limits. */
bool image_open(const struct file_settings *settings, struct sdk_error *error);

/* Data of an image queue, {"operation", "imageUrl", "options"}, under whatever job name. */
bool image_is_queue_form(const json_t *data);

/* Adds "image" (format, width, height, pages, space, alpha, orientation, ...) to `json` when what
 * `fd` holds begins as an image that is read here. */
void image_inspect(int fd, json_t *json);

#endif
