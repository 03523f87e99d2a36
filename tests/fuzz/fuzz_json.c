/* Any bytes to the JSON check. What it passes must be what jansson reads (but for what only
 * JavaScript writes), and what is written by hand must pass. Corpus: tests/fuzz/corpus/json. */
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text_forms(struct ct_str text, bool is_json)
{
    struct ct_buf buf = {0};

    ct_json_append_string(&buf, text);
    ct_assert(ct_json_check(ct_buf_str(&buf), NULL) == CT_E_OK);
    ct_buf_clear(&buf);
    ct_json_append_one_line(&buf, text);
    if (is_json)
        ct_assert(ct_json_check(ct_buf_str(&buf), NULL) == CT_E_OK);
    ct_assert(buf.len == 0 || !memchr(ct_buf_data(&buf), '\n', buf.len));
    ct_buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ct_str text = {(const char *)data, size};
    struct ct_error err = {0};
    json_error_t problem;
    json_t *object;

    bool is_json = ct_json_check(text, &err) == CT_E_OK;
    ct_assert(is_json || err.detail[0]);
    check_text_forms(text, is_json);

    json_t *other = json_loadb(text.data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    bool is_beyond = strstr(err.detail, "CT_JSON_DEPTH_MAX") || memchr(data, 0, size);
    ct_assert(!other || is_json || is_beyond);
    bool is_object = ct_json_object(text, &object, &err) == CT_E_OK;
    ct_assert(!is_object || is_json);
    ct_assert(is_object || !is_json || !json_is_object(other));
    if (is_object)
        json_decref(object);
    json_decref(other);
    return 0;
}
