/* Loads YAML into the tree of yaml.h, with libyaml as the scanner. Called at start and reload by
 * the programs. Refuses what plain configuration does not need, so that two readers of a file can
 * never disagree about it. */
#include "common/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "common/buf.h"
#include "common/mem.h"

#define YAML_READ_SIZE 65536

/* A list or map that is still open. */
struct yaml_level {
    struct ct_yaml_node *node; /* borrowed: already in the tree */
    struct ct_yaml_node *last; /* its last child so far */
    char *key;                 /* owned; a key that waits for its value */
    int key_line, key_column;
};

struct yaml_builder {
    struct ct_yaml *yaml; /* owned until it is handed out */
    size_t depth, node_count;
    struct yaml_level levels[CT_YAML_DEPTH_MAX];
};

static void node_free(struct ct_yaml_node *node)
{
    while (node) { /* recursion is bounded by CT_YAML_DEPTH_MAX, brothers are a loop */
        struct ct_yaml_node *next = node->next;

        node_free(node->first);
        free(node->key);
        free(node->text);
        free(node);
        node = next;
    }
}

void ct_yaml_free(struct ct_yaml *yaml)
{
    if (!yaml)
        return;
    node_free(yaml->root);
    free(yaml->file);
    free(yaml);
}

static enum ct_code fail_at(const struct yaml_builder *builder, yaml_mark_t mark,
                            struct ct_error *err, const char *problem)
{
    struct ct_yaml_node place = {
        .file = builder->yaml->file, .line = (int)mark.line + 1, .column = (int)mark.column + 1};

    return ct_yaml_error(&place, err, "%s", problem);
}

static enum ct_code fail_of_parser(const struct yaml_builder *builder, const yaml_parser_t *parser,
                                   struct ct_error *err)
{
    const char *problem = parser->problem ? parser->problem : "this is not YAML";
    char text[160];

    if (parser->error == YAML_READER_ERROR)
        snprintf(text, sizeof text, "%s at byte %zu: save the file as UTF-8", problem,
                 parser->problem_offset);
    else if (parser->context)
        snprintf(text, sizeof text, "%s, %s (opened in line %zu)", parser->context, problem,
                 parser->context_mark.line + 1);
    else
        snprintf(text, sizeof text, "%s", problem);
    return fail_at(builder, parser->problem_mark, err, text);
}

/* Only scalars without NULs become keys or text; the tree's users rely on it. */
static enum ct_code check_scalar(const struct yaml_builder *builder, const yaml_event_t *event,
                                 struct ct_error *err)
{
    if (event->data.scalar.tag)
        return fail_at(builder, event->start_mark, err, "tags (!...) are not supported: remove it");
    if (event->data.scalar.anchor)
        return fail_at(builder, event->start_mark, err,
                       "anchors (&...) are not supported: write the value out where it is needed");
    if (memchr(event->data.scalar.value, 0, event->data.scalar.length))
        return fail_at(builder, event->start_mark, err, "text may not hold \\0");
    return CT_E_OK;
}

static enum ct_code take_key(struct yaml_builder *builder, const yaml_event_t *event,
                             struct ct_error *err)
{
    struct yaml_level *level = &builder->levels[builder->depth - 1];

    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(builder, event->start_mark, err, "a key must be plain text");
    enum ct_code rc = check_scalar(builder, event, err);
    if (rc != CT_E_OK)
        return rc;
    if (level->node->child_count == CT_YAML_KEYS_MAX)
        return fail_at(builder, event->start_mark, err, "too many keys (CT_YAML_KEYS_MAX is 1000)");

    const char *key = (const char *)event->data.scalar.value;
    const struct ct_yaml_node *twin = ct_yaml_find(level->node, key);
    if (twin) {
        char text[128];
        snprintf(text, sizeof text, "'%.60s' is given twice, first in line %d: keep one", key,
                 twin->key_line);
        return fail_at(builder, event->start_mark, err, text);
    }
    level->key = ct_strdup(key);
    level->key_line = (int)event->start_mark.line + 1;
    level->key_column = (int)event->start_mark.column + 1;
    return CT_E_OK;
}

/* Hangs a new node where the next value belongs. */
static enum ct_code add_node(struct yaml_builder *builder, const yaml_event_t *event,
                             enum ct_yaml_kind kind, struct ct_yaml_node **out,
                             struct ct_error *err)
{
    if (builder->node_count == CT_YAML_NODES_MAX)
        return fail_at(builder, event->start_mark, err,
                       "too many values (CT_YAML_NODES_MAX is 100000)");
    builder->node_count++;

    struct ct_yaml_node *node = ct_zalloc(sizeof *node);
    node->kind = kind;
    node->file = builder->yaml->file;
    node->line = (int)event->start_mark.line + 1;
    node->column = (int)event->start_mark.column + 1;
    if (builder->depth == 0) {
        builder->yaml->root = node;
    } else {
        struct yaml_level *level = &builder->levels[builder->depth - 1];
        if (level->last)
            level->last->next = node;
        else
            level->node->first = node;
        level->last = node;
        level->node->child_count++;
        node->key = level->key;
        node->key_line = level->key ? level->key_line : 0;
        node->key_column = level->key ? level->key_column : 0;
        level->key = NULL;
    }
    *out = node;
    return CT_E_OK;
}

static enum ct_code open_level(struct yaml_builder *builder, const yaml_event_t *event,
                               struct ct_error *err)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    const void *tag = is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    const void *anchor =
        is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    struct ct_yaml_node *node;

    if (tag)
        return fail_at(builder, event->start_mark, err, "tags (!...) are not supported: remove it");
    if (anchor)
        return fail_at(builder, event->start_mark, err,
                       "anchors (&...) are not supported: write the value out where it is needed");
    if (builder->depth == CT_YAML_DEPTH_MAX)
        return fail_at(builder, event->start_mark, err,
                       "nested too deeply (CT_YAML_DEPTH_MAX is 32)");
    enum ct_code rc = add_node(builder, event, is_map ? CT_YAML_MAP : CT_YAML_LIST, &node, err);
    if (rc == CT_E_OK)
        builder->levels[builder->depth++] = (struct yaml_level){.node = node};
    return rc;
}

static enum ct_code take_event(struct yaml_builder *builder, const yaml_event_t *event,
                               struct ct_error *err)
{
    const struct yaml_level *level = builder->depth ? &builder->levels[builder->depth - 1] : NULL;
    bool starts_value = event->type == YAML_SCALAR_EVENT || event->type == YAML_ALIAS_EVENT ||
                        event->type == YAML_SEQUENCE_START_EVENT ||
                        event->type == YAML_MAPPING_START_EVENT;
    struct ct_yaml_node *node;
    enum ct_code rc;

    if (event->type == YAML_ALIAS_EVENT)
        return fail_at(builder, event->start_mark, err,
                       "aliases (*...) are not supported: write the value out, or quote the text");
    if (starts_value && level && level->node->kind == CT_YAML_MAP && !level->key)
        return take_key(builder, event, err);

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        rc = check_scalar(builder, event, err);
        if (rc == CT_E_OK)
            rc = add_node(builder, event, CT_YAML_SCALAR, &node, err);
        if (rc != CT_E_OK)
            return rc;
        node->text = ct_strdup((const char *)event->data.scalar.value);
        node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        return CT_E_OK;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return open_level(builder, event, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        builder->depth--;
        return CT_E_OK;
    case YAML_DOCUMENT_START_EVENT:
        if (builder->yaml->root)
            return fail_at(builder, event->start_mark, err,
                           "a second document (---) begins here: keep one in a file");
        return CT_E_OK;
    default:
        return CT_E_OK;
    }
}

static enum ct_code build(struct yaml_builder *builder, yaml_parser_t *parser, struct ct_error *err)
{
    bool is_end = false;

    while (!is_end) {
        yaml_event_t event;

        if (!yaml_parser_parse(parser, &event))
            return fail_of_parser(builder, parser, err);
        enum ct_code rc = take_event(builder, &event, err);
        is_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (rc != CT_E_OK)
            return rc;
    }
    if (!builder->yaml->root) {
        struct ct_yaml_node *root = ct_zalloc(sizeof *root);
        *root = (struct ct_yaml_node){
            .kind = CT_YAML_MAP, .file = builder->yaml->file, .line = 1, .column = 1};
        builder->yaml->root = root;
    }
    return CT_E_OK;
}

enum ct_code ct_yaml_parse(const char *name, struct ct_str text, struct ct_yaml **out,
                           struct ct_error *err)
{
    struct yaml_builder builder = {0};
    yaml_parser_t parser;

    if (text.len > CT_YAML_BYTES_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "%s is larger than %d bytes (CT_YAML_BYTES_MAX)",
                            name, CT_YAML_BYTES_MAX);
    if (!yaml_parser_initialize(&parser))
        return ct_error_set(err, CT_E_SYSTEM, "no memory to read %s", name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.data ? text.data : ""),
                                 text.len);
    builder.yaml = ct_zalloc(sizeof *builder.yaml);
    builder.yaml->file = ct_strdup(name);

    enum ct_code rc = build(&builder, &parser, err);
    yaml_parser_delete(&parser);
    for (size_t i = 0; i < builder.depth; i++)
        free(builder.levels[i].key);
    if (rc != CT_E_OK)
        ct_yaml_free(builder.yaml);
    else
        *out = builder.yaml;
    return rc;
}

static enum ct_code read_file(const char *path, struct ct_buf *buf, struct ct_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = -1;

    while (fd >= 0 && buf->len <= CT_YAML_BYTES_MAX) {
        len = read(fd, ct_buf_reserve(buf, YAML_READ_SIZE), YAML_READ_SIZE);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            break;
        buf->len += (size_t)len;
    }
    int problem = errno;
    if (fd >= 0)
        close(fd);
    if (len >= 0)
        return CT_E_OK;
    return ct_error_set(err, problem == ENOENT ? CT_E_NOT_FOUND : CT_E_SYSTEM,
                        "cannot read the configuration file %s: %s", path, strerror(problem));
}

enum ct_code ct_yaml_load(const char *path, struct ct_yaml **out, struct ct_error *err)
{
    struct ct_buf buf;

    ct_buf_init(&buf);
    enum ct_code rc = read_file(path, &buf, err);
    if (rc == CT_E_OK)
        rc = ct_yaml_parse(path, ct_buf_str(&buf), out, err);
    ct_buf_free(&buf);
    return rc;
}
