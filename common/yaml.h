/* A YAML file as a small tree that knows where each value stood, so that every complaint can say
 * FILE:LINE:COLUMN. Plain data only: anchors, aliases, tags, several documents, duplicate keys and
 * anything over the limits below are refused. The only part of the project that knows libyaml. */
#ifndef CT_COMMON_YAML_H
#define CT_COMMON_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/error.h"
#include "common/str.h"

#define CT_YAML_BYTES_MAX (4 * 1024 * 1024)
#define CT_YAML_DEPTH_MAX 32
#define CT_YAML_NODES_MAX 100000
#define CT_YAML_KEYS_MAX  1000 /* of one map */

enum ct_yaml_kind { CT_YAML_SCALAR, CT_YAML_LIST, CT_YAML_MAP };

/* Read only for everybody but yaml.c. Children: for (n = node->first; n; n = n->next). */
struct ct_yaml_node {
    enum ct_yaml_kind kind;
    int line, column;         /* where the value stands, from 1 */
    int key_line, key_column; /* where its key stands; 0 without one */
    const char *file;         /* borrowed from the document */
    char *key;                /* owned; the key of an entry of a map, else NULL */
    char *text;               /* owned; a scalar's text, else NULL. NUL-terminated, no NUL inside */
    bool is_quoted;           /* a quoted or block scalar: always text */
    size_t child_count;
    struct ct_yaml_node *first; /* owned */
    struct ct_yaml_node *next;  /* owned by the parent */
};

struct ct_yaml {
    char *file;                /* owned; as the user named it */
    struct ct_yaml_node *root; /* owned; an empty file is an empty map */
};

/* The caller frees *out with ct_yaml_free. */
enum ct_code ct_yaml_load(const char *path, struct ct_yaml **out,
                          struct ct_error *err) CT_MUST_CHECK;
/* The same for text in memory; `name` stands for the file in errors. */
enum ct_code ct_yaml_parse(const char *name, struct ct_str text, struct ct_yaml **out,
                           struct ct_error *err) CT_MUST_CHECK;
void ct_yaml_free(struct ct_yaml *yaml); /* NULL is fine */

/* The value of `key`; NULL when it is absent, or when `map` is NULL or no map. */
const struct ct_yaml_node *ct_yaml_find(const struct ct_yaml_node *map, const char *key);
/* No value at all, or null, Null, NULL, ~. */
bool ct_yaml_is_null(const struct ct_yaml_node *node);

/* Fills `err` with "FILE:LINE:COLUMN: key: ..." and returns CT_E_INVALID. */
enum ct_code ct_yaml_error(const struct ct_yaml_node *node, struct ct_error *err,
                           const char *format, ...) CT_PRINTF(3, 4);

/* Each refuses a node of another kind with an error that says what to write instead. */
enum ct_code ct_yaml_need_map(const struct ct_yaml_node *node, struct ct_error *err) CT_MUST_CHECK;
enum ct_code ct_yaml_need_list(const struct ct_yaml_node *node, struct ct_error *err) CT_MUST_CHECK;
/* Any scalar but null as text, borrowed from the node. */
enum ct_code ct_yaml_text(const struct ct_yaml_node *node, const char **out,
                          struct ct_error *err) CT_MUST_CHECK;

/* Refuses the first key of `map` that is not in `known` (ends with NULL), with a "did you mean". */
enum ct_code ct_yaml_check_keys(const struct ct_yaml_node *map, const char *const *known,
                                struct ct_error *err) CT_MUST_CHECK;

/* The node as JSON, by the core schema of YAML 1.2: plain scalars may be null, true, false,
 * integers (also 0x and 0o) and reals; quoted ones are always strings. Refuses what JSON cannot
 * say (.inf, .nan, integers beyond 64 bits). *out is a new reference. */
enum ct_code ct_yaml_to_json(const struct ct_yaml_node *node, json_t **out,
                             struct ct_error *err) CT_MUST_CHECK;

#endif
