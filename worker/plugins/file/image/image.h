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

#endif
