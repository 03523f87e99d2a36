/* See ocr.h. One job: decode, find boxes, read each of them. */
#include "ocr/ocr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/source.h"
#include "cartrita/sdk/text.h"
#include "ocr/boxes.h"
#include "ocr/picture.h"
#include "onnx/batch.h"
#include "onnx/models.h"

#define KEYS_FILE_MAX  (1024u * 1024u)
#define DETECT_SIDE    960  /* longest side that is looked at */
#define DETECT_STEP    32   /* sides are multiples of it */
#define READ_HEIGHT    48   /* of a line of text */
#define READ_WIDTH_MAX 3200 /* a longer line is squeezed */

/* How the models were trained. */
static const struct colours detect_colours = {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
static const struct colours read_colours = {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};

/* The characters: class 0 is a gap, class n the n-th line of the file, the last one a blank. */
struct ocr {
    char *file;  /* owned; each line ends with a NUL */
    char **keys; /* owned; into `file` */
    size_t key_count;
};

struct reading {
    struct ai *ai;
    struct sdk_call *call;
    struct picture picture;
    struct box boxes[BOXES_MAX];
    size_t box_count;
    json_t *lines;          /* owned */
    struct sdk_string text; /* all of it */
};

bool ocr_open(const struct ai *ai, struct ocr **out, struct sdk_error *error)
{
    const struct ai_settings *settings = &ai->settings;
    struct ocr *ocr;
    size_t len, lines = 1;

    if (!settings->ocr_detection && !settings->ocr_recognition && !settings->ocr_keys)
        return true;
    if (!settings->ocr_detection || !settings->ocr_recognition || !settings->ocr_keys)
        return sdk_refuse(error, "SettingsError",
                          "ocrDetection, ocrRecognition and ocrKeys go together");
    ocr = calloc(1, sizeof *ocr);
    if (!ocr || !sdk_file_read(NULL, settings->ocr_keys, KEYS_FILE_MAX, &ocr->file, &len, error)) {
        free(ocr);
        return sdk_error_wrap(error, "ocrKeys");
    }
    for (size_t i = 0; i < len; i++)
        lines += ocr->file[i] == '\n';
    ocr->keys = calloc(lines, sizeof *ocr->keys);
    for (char *at = ocr->file; ocr->keys && at < ocr->file + len;) {
        size_t line = strcspn(at, "\r\n");

        ocr->keys[ocr->key_count++] = at;
        at += line + (at[line] == '\r' ? 2 : 1);
    }
    for (size_t i = 0; i < ocr->key_count; i++)
        ocr->keys[i][strcspn(ocr->keys[i], "\r\n")] = '\0';
    *out = ocr;
    return true;
}

void ocr_close(struct ocr *ocr)
{
    if (!ocr)
        return;
    free(ocr->keys);
    free(ocr->file);
    free(ocr);
}

/* One run of a model with one input and one output; both models are like that. */
static bool reading_run(struct reading *reading, const struct model *model,
                        const struct tensor *input, struct tensor *output)
{
    struct batch_item item = {.call = reading->call,
                              .model = model,
                              .inputs = input,
                              .wanted = &(size_t){0},
                              .wanted_count = 1,
                              .outputs = output};
    struct sdk_error *error = &reading->call->error;

    if (model->input_count != 1 || model->output_count != 1)
        return sdk_refuse(error, "ModelError", "a model of one input and one output is expected");
    if (!model_input_check(&model->inputs[0], input, error))
        return false;
    if (!batch_run(reading->ai->batches, &item)) {
        *error = item.error;
        return false;
    }
    if (output->type == TENSOR_FLOAT32 && output->rank >= 3 && output->count > 0)
        return true;
    tensor_fini(output);
    return sdk_refuse(error, "ModelError", "the model's output is not what a model of text has");
}

static int detect_side(int side, double scale)
{
    int scaled = (int)lround(side * scale / DETECT_STEP) * DETECT_STEP;

    return scaled > DETECT_STEP ? scaled : DETECT_STEP;
}

static bool reading_detect(struct reading *reading, const struct model *model)
{
    const struct picture *picture = &reading->picture;
    int longest = picture->width > picture->height ? picture->width : picture->height;
    double scale = longest > DETECT_SIDE ? (double)DETECT_SIDE / longest : 1;
    struct area all = {0, 0, picture->width, picture->height};
    struct tensor input = {0}, map = {0};
    bool is_done;

    is_done =
        picture_tensor(picture, &all, detect_side(picture->width, scale),
                       detect_side(picture->height, scale), &detect_colours,
                       (size_t)reading->ai->settings.tensor_max, &input, &reading->call->error) &&
        reading_run(reading, model, &input, &map);
    if (is_done)
        reading->box_count = boxes_find(&map, reading->boxes);
    if (is_done && reading->box_count == SIZE_MAX)
        is_done = sdk_retry_later(&reading->call->error, "OutOfMemory", "no memory for boxes");
    tensor_fini(&input);
    tensor_fini(&map);
    return is_done;
}

/* The best class of each step; what is repeated, or a gap, is no character. */
static float read_decode(const struct ocr *ocr, const struct tensor *output,
                         struct sdk_string *text)
{
    size_t classes = (size_t)output->shape[output->rank - 1];
    const float *step = output->bytes;
    size_t last = 0, characters = 0;
    double sum = 0;

    for (size_t i = 0; i < output->count / classes; i++, step += classes) {
        size_t best = 0;

        for (size_t k = 1; k < classes; k++)
            if (step[k] > step[best])
                best = k;
        if (best != 0 && best != last) {
            sdk_string_puts(text, best <= ocr->key_count ? ocr->keys[best - 1] : " ");
            sum += (double)step[best];
            characters++;
        }
        last = best;
    }
    return characters ? (float)(sum / (double)characters) : 0;
}

static struct area reading_area(const struct reading *reading, const struct box *box)
{
    const struct picture *picture = &reading->picture;
    struct area area = {(int)(box->left * (float)picture->width),
                        (int)(box->top * (float)picture->height), 0, 0};

    area.width = (int)ceilf(box->right * (float)picture->width) - area.left;
    area.height = (int)ceilf(box->bottom * (float)picture->height) - area.top;
    if (area.width > picture->width - area.left)
        area.width = picture->width - area.left;
    if (area.height > picture->height - area.top)
        area.height = picture->height - area.top;
    return area;
}

static void reading_keep(struct reading *reading, const struct area *area, float score,
                         struct sdk_string *text)
{
    if (text->len > 0) {
        if (reading->text.len > 0)
            sdk_string_puts(&reading->text, "\n");
        sdk_string_add(&reading->text, text->bytes, text->len);
        json_array_append_new(reading->lines,
                              json_pack("{s:s%, s:f, s:{s:i, s:i, s:i, s:i}}", "text", text->bytes,
                                        text->len, "score", (double)score, "box", "left",
                                        area->left, "top", area->top, "width", area->width,
                                        "height", area->height));
    }
    sdk_string_free(text);
}

static bool reading_read(struct reading *reading, const struct model *model, const struct box *box)
{
    struct area area = reading_area(reading, box);
    double wanted = area.height > 0 ? (double)READ_HEIGHT * area.width / area.height : 0;
    int width = wanted > READ_WIDTH_MAX ? READ_WIDTH_MAX : (int)lround(wanted);
    struct tensor input = {0}, output = {0};
    struct sdk_string text = {0};
    bool is_done;

    if (area.width < 1 || area.height < 1)
        return true;
    is_done =
        picture_tensor(&reading->picture, &area, width < 8 ? 8 : width, READ_HEIGHT, &read_colours,
                       (size_t)reading->ai->settings.tensor_max, &input, &reading->call->error) &&
        reading_run(reading, model, &input, &output);
    if (is_done)
        reading_keep(reading, &area, read_decode(reading->ai->ocr, &output, &text), &text);
    tensor_fini(&input);
    tensor_fini(&output);
    return is_done;
}

static bool reading_do(struct reading *reading)
{
    const struct ai *ai = reading->ai;
    struct sdk_call *call = reading->call;
    const struct model *model;
    bool is_done;

    if (!models_take(ai->models, call, ai->settings.ocr_detection, true, &model, &call->error))
        return false;
    call->host->phase(call->job, "find text");
    is_done = reading_detect(reading, model);
    models_release(ai->models, model);
    if (!is_done ||
        !models_take(ai->models, call, ai->settings.ocr_recognition, true, &model, &call->error))
        return false;
    call->host->phase(call->job, "read text");
    for (size_t i = 0; i < reading->box_count && is_done; i++)
        is_done = sdk_call_goes_on(call) && reading_read(reading, model, &reading->boxes[i]);
    models_release(ai->models, model);
    return is_done;
}

static bool reading_open(struct reading *reading)
{
    static const char *const members[] = {"image", NULL};
    struct sdk_call *call = reading->call;
    struct sdk_sources sources = {reading->ai->roots, reading->ai->http,
                                  reading->ai->settings.image_max};
    struct sdk_reader in = sdk_reader(call->data, "data", &call->error);
    struct sdk_content file = {0};
    bool is_open;

    if (!sdk_reader_only(&in, members))
        return false;
    if (!sdk_has(&in, "image"))
        return sdk_reader_refuse(&in, "image", "is missing");
    if (!sdk_source_read(&sources, call, &in, "image", &file))
        return false;
    call->host->phase(call->job, "decode the image");
    is_open = picture_open(file.bytes, file.len, &reading->picture, &call->error);
    sdk_content_free(&file);
    return is_open;
}

bool ocr_run(struct sdk_call *call)
{
    struct reading *reading;
    bool is_done;

    if (!((struct ai *)call->self)->ocr)
        return sdk_refuse(&call->error, "SettingsError",
                          "ocr needs the settings ocrDetection, ocrRecognition and ocrKeys");
    reading = calloc(1, sizeof *reading);
    if (!reading)
        return sdk_retry_later(&call->error, "OutOfMemory", "no memory for an image");
    reading->ai = call->self;
    reading->call = call;
    reading->lines = json_array();
    is_done = reading_open(reading) && reading_do(reading);
    if (is_done)
        call->result = json_pack("{s:s%, s:O, s:i, s:i}", "text",
                                 reading->text.bytes ? reading->text.bytes : "", reading->text.len,
                                 "lines", reading->lines, "width", reading->picture.width, "height",
                                 reading->picture.height);
    picture_close(&reading->picture);
    json_decref(reading->lines);
    sdk_string_free(&reading->text);
    free(reading);
    return is_done;
}
