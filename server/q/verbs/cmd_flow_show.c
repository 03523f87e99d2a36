/* flow show: the tree that a job of BullMQ belongs to, node by node: from the job down, or from the
 * root of its flow. Depth, children of a node and nodes are bounded, and where something is left
 * out the tree says so. A job that is gone is a node as well: its parent still knows it. */
#include <stdlib.h>

#include "common/mem.h"
#include "q/command.h"
#include "q/flow_tree.h"
#include "q/text.h"
#include "q/view.h"

#define FLOW_DEPTH_MAX    100
#define FLOW_CHILDREN_MAX 1000
#define FLOW_NODES_MAX    10000
#define VALUE_COLUMNS     60 /* of a result or reason, where no terminal sets the width */

struct settings {
    struct session_settings common;
    int64_t depth, children, nodes;
    bool is_from_root;
};

static const struct ct_option options[] = {
    {.name = "root",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_from_root),
     .group = "Which part",
     .help = "From the root of the flow that the job belongs to. Without it: from the job down."},
    {.name = "depth",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, depth),
     .fallback = "10",
     .min = 1,
     .max = FLOW_DEPTH_MAX,
     .unit = "levels",
     .help = "Levels of the tree at the most."},
    {.name = "children",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, children),
     .fallback = "20",
     .max = FLOW_CHILDREN_MAX,
     .unit = "jobs",
     .help = "Children of a job at the most; those that failed come first."},
    {.name = "nodes",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, nodes),
     .fallback = "1000",
     .min = 1,
     .max = FLOW_NODES_MAX,
     .unit = "jobs",
     .help = "Jobs of the tree at the most."},
    SESSION_OPTIONS(struct settings),
};

struct showing {
    struct session *session;
    const struct settings *settings;
    struct view view;
    struct ct_buf indent; /* what stands before the lines of the present level */
    int64_t nodes;        /* that were shown */
    bool is_cut;
};

/* Where a node stands in what is shown. */
struct place {
    const struct flow_child *child; /* what its parent knows of it; NULL: it comes first */
    int64_t level;                  /* from 1 on */
    bool is_last;                   /* of its parent's */
};

/* --- texts ---------------------------------------------------------------------------------- */

static struct ct_str field(const struct showing *showing, const struct flow_node *node,
                           const char *name)
{
    return flow_node_field(node, showing->session, name);
}

/* How it ended: as it says itself, or its parent where it is gone. */
static struct ct_str outcome(const struct showing *showing, const struct flow_node *node,
                             const struct place *place)
{
    const char *state = flow_node_state(node, showing->session);

    if (node->err.code != CT_E_OK)
        return ct_str_of(node->err.detail);
    if (!node->found.exists)
        return place->child && place->child->value ? ct_str_of(place->child->value) : CT_STR_NONE;
    if (strcmp(state, "completed") == 0)
        return field(showing, node, "returnvalue");
    if (strcmp(state, "failed") == 0)
        return field(showing, node, "failedReason");
    return field(showing, node, "deferredFailure");
}

/* What its end means for its parent, where that cannot be seen from its state. */
static const char *effect(const struct place *place, const char *state)
{
    if (!place->child)
        return "";
    switch (place->child->kind) {
    case CHILDREN_FAILED:
        return "  (its parent fails with it)";
    case CHILDREN_IGNORED:
        return "  (ignored)";
    case CHILDREN_UNPROCESSED:
        if (strcmp(state, "failed") == 0)
            return "  (its parent waits)";
        return strcmp(state, "missing") == 0 ? "  (its parent waits for ever)" : "";
    case CHILDREN_PROCESSED:
        break;
    }
    return "";
}

/* --- for people ----------------------------------------------------------------------------- */

static void append_branch(const struct showing *showing, const struct place *place,
                          struct ct_buf *line)
{
    ct_buf_append_str(line, ct_buf_str(&showing->indent));
    if (place->level > 1)
        ct_buf_printf(line, "%s", place->is_last ? "`-- " : "|-- ");
}

static void write_line(struct ct_buf *line)
{
    ct_buf_append_char(line, '\n');
    fwrite(ct_buf_data(line), 1, line->len, stdout);
    ct_buf_free(line);
}

static void show_line(struct showing *showing, const struct flow_node *node,
                      const struct place *place)
{
    const struct look *look = &showing->view.look;
    const char *state = flow_node_state(node, showing->session);
    struct ct_str name = field(showing, node, "name");
    struct ct_str progress = field(showing, node, "progress");
    struct ct_str value = outcome(showing, node, place);
    struct ct_buf line, text;

    ct_buf_init(&line);
    ct_buf_init(&text);
    append_branch(showing, place, &line);
    if (name.len > 0)
        ct_buf_append_str(&text, name);
    ct_buf_printf(&text, "%s%s:%s", name.len > 0 ? "  " : "", node->queue, node->id);
    size_t used = line.len + text_append_shown(&line, ct_buf_str(&text), TEXT_NO_LIMIT) + 4;
    ct_buf_printf(&line, "  ");
    print_append_styled(&line, ct_str_of(state),
                        look->has_color ? look_state_style(ct_str_of(state)) : PRINT_PLAIN);
    used += strlen(state);
    ct_buf_clear(&text);
    if (progress.data && !value.data && strcmp(state, "missing") != 0)
        ct_buf_printf(&text, "progress %.*s", (int)progress.len, progress.data);
    ct_buf_append_str(&text, value.data ? value : CT_STR_LIT(""));
    if (text.len > 0) {
        size_t room = look->width > used ? look->width - used : 0;

        ct_buf_printf(&line, "  ");
        text_append_shown(&line, ct_buf_str(&text), room > VALUE_COLUMNS ? room : VALUE_COLUMNS);
    }
    ct_buf_printf(&line, "%s", effect(place, state));
    write_line(&line);
    ct_buf_free(&text);
}

static void show_rest(struct showing *showing, int64_t count, const char *option)
{
    struct ct_buf line;

    ct_buf_init(&line);
    ct_buf_append_str(&line, ct_buf_str(&showing->indent));
    ct_buf_printf(&line, "`-- ... %lld more (--%s)", (long long)count, option);
    write_line(&line);
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void put_field(struct print_json *json, const char *key, struct ct_str value, bool is_json)
{
    if (!value.data)
        print_json_null(json, key);
    else if (is_json)
        print_json_value(json, key, value);
    else
        print_json_string(json, key, value);
}

static void put_members(struct showing *showing, const struct flow_node *node,
                        const struct place *place)
{
    struct print_json *json = view_json(&showing->view);

    print_json_string(json, "queue", ct_str_of(node->queue));
    print_json_string(json, "prefix", ct_str_of(node->prefix));
    print_json_string(json, "id", ct_str_of(node->id));
    print_json_string(json, "state", ct_str_of(flow_node_state(node, showing->session)));
    if (place->child)
        print_json_string(json, "inParent", ct_str_of(flow_kind_name(place->child->kind)));
    put_field(json, "name", field(showing, node, "name"), false);
    put_field(json, "progress", field(showing, node, "progress"), true);
    put_field(json, "returnvalue", field(showing, node, "returnvalue"), true);
    put_field(json, "failedReason", field(showing, node, "failedReason"), false);
    put_field(json, "deferredFailure", field(showing, node, "deferredFailure"), false);
    put_field(json, "parentKey", field(showing, node, "parentKey"), false);
    if (place->child && place->child->value)
        put_field(json, "keptInParent", ct_str_of(place->child->value),
                  place->child->kind == CHILDREN_PROCESSED);
    if (node->err.code != CT_E_OK)
        print_json_string(json, "broken", ct_str_of(node->err.detail));
    print_json_int(json, "childCount", node->child_total);
}

/* --- the tree ------------------------------------------------------------------------------- */

static enum ct_code show_tree(struct showing *showing, struct flow_node *node,
                              const struct place *place, struct ct_error *err);

/* A key that no job can have is a child that is missing, like one that is gone. */
static enum ct_code show_child(struct showing *showing, const struct place *place,
                               struct ct_error *err)
{
    struct flow_node node;
    enum ct_code rc = CT_E_OK;

    if (!flow_node_init(&node, showing->session, ct_str_of(place->child->key)))
        node = (struct flow_node){
            .prefix = ct_strdup(""), .queue = ct_strdup(""), .id = ct_strdup(place->child->key)};
    else
        rc = flow_node_read(&node, showing->session, (size_t)showing->settings->children, err);
    if (rc == CT_E_OK)
        rc = show_tree(showing, &node, place, err);
    flow_node_fini(&node);
    return rc;
}

/* Whether the bounds leave room for a child of a node of this level; else which of them does not.
 */
static bool has_room(const struct showing *showing, int64_t level, const char **bound)
{
    if (level >= showing->settings->depth)
        *bound = "depth";
    else if (showing->nodes >= showing->settings->nodes)
        *bound = "nodes";
    else
        return true;
    return false;
}

static enum ct_code show_children(struct showing *showing, const struct flow_node *node,
                                  int64_t level, struct ct_error *err)
{
    const char *bound = "children";
    size_t shown = 0;
    enum ct_code rc = CT_E_OK;

    while (rc == CT_E_OK && shown < node->child_count && has_room(showing, level, &bound)) {
        struct place place = {
            .child = &node->children[shown],
            .level = level + 1,
            .is_last = (int64_t)shown + 1 == node->child_total,
        };

        shown++;
        rc = show_child(showing, &place, err);
    }
    int64_t left = node->child_total - (int64_t)shown;
    if (rc != CT_E_OK || left <= 0)
        return rc;
    showing->is_cut = true;
    if (view_is_table(&showing->view))
        show_rest(showing, left, bound);
    return rc;
}

static enum ct_code show_tree(struct showing *showing, struct flow_node *node,
                              const struct place *place, struct ct_error *err)
{
    struct print_json *json = view_json(&showing->view);
    const size_t indent = showing->indent.len;
    enum ct_code rc;

    showing->nodes++;
    if (json && place->child)
        print_json_open(json, NULL, '{');
    if (json) {
        put_members(showing, node, place);
        print_json_open(json, "children", '[');
    } else if (view_is_table(&showing->view)) {
        show_line(showing, node, place);
        if (place->level > 1)
            ct_buf_printf(&showing->indent, "%s", place->is_last ? "    " : "|   ");
    }
    rc = show_children(showing, node, place->level, err);
    showing->indent.len = indent;
    if (json)
        print_json_close(json, ']');
    if (json && place->child)
        print_json_close(json, '}');
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------ */

static enum ct_code find_first(struct showing *showing, const char *queue, const char *id,
                               struct flow_node *node, struct ct_error *err)
{
    const struct session *session = showing->session;

    *node = (struct flow_node){.prefix = ct_strdup(session->settings->prefix),
                               .queue = ct_strdup(queue),
                               .id = ct_strdup(id)};
    enum ct_code rc =
        flow_node_read(node, showing->session, (size_t)showing->settings->children, err);
    if (rc == CT_E_OK && node->err.code != CT_E_OK)
        rc = ct_error_set(err, node->err.code, "%s", node->err.detail);
    else if (rc == CT_E_OK && !node->found.exists)
        rc = ct_error_set(err, CT_E_NOT_FOUND, "queue \"%s\" has no job \"%s\"", queue, id);
    if (rc == CT_E_OK && showing->settings->is_from_root)
        rc = flow_node_climb(node, showing->session, (size_t)showing->settings->children, err);
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct showing showing = {.session = session, .settings = settings};
    struct inspect_counts counts;
    struct flow_node node;
    enum ct_code rc = session_need_queue(session, args[0], &counts, err);

    if (rc == CT_E_OK && !session->dialect->has_flows)
        rc = ct_error_set(err, CT_E_UNSUPPORTED,
                          "queue \"%.60s\" has the dialect %s, which has no flows", args[0],
                          session->dialect->name);
    if (rc != CT_E_OK)
        return rc;
    ct_buf_init(&showing.indent);
    view_members(&showing.view, &settings->common.look);
    rc = find_first(&showing, args[0], args[1], &node, err);
    if (rc == CT_E_OK)
        rc = show_tree(&showing, &node, &(struct place){.level = 1}, err);
    if (rc == CT_E_OK && view_json(&showing.view))
        print_json_bool(view_json(&showing.view), "isCut", showing.is_cut);
    if (rc == CT_E_OK)
        view_end(&showing.view);
    view_close(&showing.view);
    flow_node_fini(&node);
    ct_buf_free(&showing.indent);
    return rc;
}

const struct command cmd_flow_show = {
    .noun = "flow",
    .verb = "show",
    .program = {.name = "cartrita-q flow show",
                .usage = "QUEUE ID [OPTION]...",
                .about = "Show the tree of jobs that a job belongs to.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
