/* JSON helpers around jansson. Objects are read and built with jansson itself; this adds what it
 * lacks: a check without allocation, lenient about what JSON.stringify may write (lone surrogates),
 * and pieces for building JSON text by hand. */
#ifndef CT_COMMON_JSON_H
#define CT_COMMON_JSON_H

#include <jansson.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/str.h"

#define CT_JSON_DEPTH_MAX 512

/* Whether `text` is exactly one JSON value (RFC 8259, any type, surrounding blanks allowed, at
 * most CT_JSON_DEPTH_MAX deep). The detail names the byte offset and what is wrong. */
enum ct_code ct_json_check(struct ct_str text, struct ct_error *err) CT_MUST_CHECK;

/* Parses an object; *out is a new reference for the caller to json_decref. */
enum ct_code ct_json_object(struct ct_str text, json_t **out, struct ct_error *err) CT_MUST_CHECK;

/* Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void ct_json_append_string(struct ct_buf *buf, struct ct_str text);

/* Appends valid JSON text without the line breaks between its tokens, so that it fits one line. */
void ct_json_append_one_line(struct ct_buf *buf, struct ct_str json);

#endif
