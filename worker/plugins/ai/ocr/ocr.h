/* Jobs named `ocr`: the text in an image, by two models (where is text, what does it say). Made for
 * the models of PaddleOCR, third and fourth version. */
#ifndef AI_OCR_H
#define AI_OCR_H

#include "ai.h"

struct ocr;

/* Reads the list of characters. *out is NULL when the settings name no models. */
bool ocr_open(const struct ai *ai, struct ocr **out, struct sdk_error *error);
void ocr_close(struct ocr *ocr);

bool ocr_run(struct sdk_call *call);

#endif
