/* One line of the exec contract: what stands in a JSON object, without changing a byte of its
 * values (a result travels to Redis as the child wrote it), and the building of lines. Pure
 * functions; called by tasks.c and manager.c. */
#ifndef EXEC_LINE_H
#define EXEC_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define LINE_MEMBERS_MAX 16 /* of the outer object; further ones are skipped */
#define LINE_DEPTH_MAX   512

struct span {
    const char *at; /* borrowed; NULL: absent */
    size_t len;
};

struct line {
    struct {
        struct span key;   /* without quotes, escapes not undone: ours have none */
        struct span value; /* raw JSON */
    } members[LINE_MEMBERS_MAX];
    size_t count;
};

/* Finds the members of the object that `text` is. False when it is no object or breaks off; what
 * came before the break is in `out`. Values are only followed, not checked. */
bool line_scan(const char *text, size_t len, struct line *out);
struct span line_get(const struct line *line, const char *key);
/* The member as a value of jansson: a new reference; NULL when absent or not JSON. */
json_t *line_value(const struct line *line, const char *key);
/* A string member, or the text of any other value, as fresh memory; NULL when absent. */
char *line_text(const struct line *line, const char *key);
bool line_is_true(const struct line *line, const char *key);
/* True when the member is a number, which is then in *out. */
bool line_number(const struct line *line, const char *key, double *out);

/* --- building ------------------------------------------------------------------------------------
 */

struct text {
    char *data; /* owned */
    size_t len, cap;
    bool has_failed; /* memory was not to be had; nothing is added any more */
};

void text_add(struct text *text, const char *bytes, size_t len);
void text_add_string(struct text *text, const char *string);         /* as JSON, with quotes */
void text_add_json(struct text *text, const char *json, size_t len); /* on one line */
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_consume(struct text *text, size_t len);
void text_free(struct text *text);

#endif
