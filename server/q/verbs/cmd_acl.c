/* acl print and acl check: the rights that a role needs in Redis, as rules to be given to a user,
 * and what the user of this connection lacks of them. The table is dialect/rights.c. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "dialect/rights.h"
#include "q/command.h"
#include "q/view.h"

struct settings {
    struct session_settings common;
    struct ct_option_list queues;
    int role; /* enum rights_role; -1: not given */
    const char *user;
    int form;
};

static const char *const forms[] = {"command", "file", NULL};

#define ROLE_OPTIONS                                                                         \
    {.name = "role",                                                                         \
     .letter = 'r',                                                                          \
     .kind = CT_OPTION_ENUM,                                                                 \
     .offset = offsetof(struct settings, role),                                              \
     .choices = rights_roles,                                                                \
     .group = "Whose rights",                                                                \
     .help = "producer and worker: in Node, and what adds jobs; daemon: cartrita-queued or " \
             "cartrita-worker; viewer: what cartrita-q shows."},                             \
    {                                                                                        \
        .name = "queue", .letter = 'q', .kind = CT_OPTION_LIST,                              \
        .offset = offsetof(struct settings, queues), .value_name = "NAME",                   \
        .help = "Only for this queue, not all under the prefix."                             \
    }

static const struct ct_option print_options[] = {
    ROLE_OPTIONS,
    {.name = "user",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, user),
     .value_name = "NAME",
     .help = "Name of the user in the rules; default: cartrita- and the role."},
    {.name = "form",
     .kind = CT_OPTION_ENUM,
     .offset = offsetof(struct settings, form),
     .choices = forms,
     .fallback = "command",
     .help = "For redis-cli, or a line of an ACL file or of redis.conf."},
    SESSION_OPTIONS(struct settings),
};

static const struct ct_option check_options[] = {
    ROLE_OPTIONS,
    SESSION_OPTIONS(struct settings),
};

static enum ct_code need_role(const struct settings *settings, struct ct_error *err)
{
    if (settings->role < 0)
        return ct_error_set(err, CT_E_USAGE,
                            "--role is needed: producer, worker, daemon or viewer");
    return CT_E_OK;
}

/* Without --dialect the rights for both: what finds out whose a queue is may meet either. */
static unsigned dialects_of(const struct session *session)
{
    if (session_is_auto(session))
        return RIGHTS_BOTH;
    return strcmp(session->dialect->name, "bullmq") == 0 ? RIGHTS_BULLMQ : RIGHTS_BULL;
}

/* --- print ---------------------------------------------------------------------------------- */

struct rules {
    struct ct_buf text;
    struct view view;
    char mark; /* of the patterns that come: ~ or & */
};

/* A member of an array, for programs; the text has it for people. */
static void add_item(struct rules *rules, struct ct_str item)
{
    if (!view_is_table(&rules->view))
        view_text(&rules->view, NULL, item);
}

static void open_items(struct rules *rules, const char *key)
{
    if (!view_is_table(&rules->view))
        view_group(&rules->view, key, '[');
}

static void close_items(struct rules *rules)
{
    if (!view_is_table(&rules->view))
        view_group_end(&rules->view, ']');
}

static void add_pattern(void *ctx, struct ct_str pattern)
{
    struct rules *rules = ctx;

    ct_buf_printf(&rules->text, " %c%.*s", rules->mark, (int)pattern.len, pattern.data);
    add_item(rules, pattern);
}

static void add_patterns(struct rules *rules, const struct settings *settings, unsigned dialects)
{
    const struct rights_scope scope = {settings->common.prefix, settings->queues.items,
                                       settings->queues.count};

    rules->mark = '~';
    open_items(rules, "keys");
    rights_keys(&scope, add_pattern, rules);
    rights_own_keys((enum rights_role)settings->role, add_pattern, rules);
    close_items(rules);
    rules->mark = '&';
    open_items(rules, "channels");
    rights_channels((enum rights_role)settings->role, dialects, &scope, add_pattern, rules);
    close_items(rules);
}

static void add_commands(struct rules *rules, enum rights_role role, unsigned dialects)
{
    const char *commands[RIGHTS_COMMANDS_MAX];
    size_t count = rights_commands(role, dialects, commands);

    ct_buf_printf(&rules->text, " -@all");
    open_items(rules, "commands");
    for (size_t i = 0; i < count; i++) {
        ct_buf_printf(&rules->text, " +%s", commands[i]);
        add_item(rules, ct_str_of(commands[i]));
    }
    close_items(rules);
}

/* The rules are a line to be given to Redis as it is: no sheet, and nothing escaped in it. */
static void show_rules(struct rules *rules, const char *role, const char *user)
{
    if (view_is_table(&rules->view)) {
        fwrite(ct_buf_data(&rules->text), 1, rules->text.len, stdout);
        putchar('\n');
        fprintf(stderr, "the password is yours to add: '>PASSWORD', or '#' and its SHA-256\n");
        return;
    }
    view_text(&rules->view, "role", ct_str_of(role));
    view_text(&rules->view, "user", ct_str_of(user));
    view_text(&rules->view, "rules", ct_buf_str(&rules->text));
    view_end(&rules->view);
}

static enum ct_code run_print(struct session *session, const void *given, const char *const *args,
                              size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct rules rules = {.mark = '~'};
    char *user;
    enum ct_code rc = need_role(settings, err);

    if (rc != CT_E_OK)
        return rc;
    user = settings->user ? ct_strdup(settings->user)
                          : ct_asprintf("cartrita-%s", rights_roles[settings->role]);
    view_sheet(&rules.view, &session->settings->look, NULL, 0);
    ct_buf_printf(&rules.text, "%s %s on resetkeys resetchannels",
                  settings->form == 0 ? "ACL SETUSER" : "user", user);
    add_patterns(&rules, settings, dialects_of(session));
    add_commands(&rules, (enum rights_role)settings->role, dialects_of(session));
    show_rules(&rules, rights_roles[settings->role], user);
    view_close(&rules.view);
    ct_buf_free(&rules.text);
    free(user);
    return CT_E_OK;
}

/* --- check ---------------------------------------------------------------------------------- */

static const struct print_column lack_columns[] = {
    {.title = "lacks", .key = "right"},
    {.title = "on", .is_flexible = true, .key = "keys"},
};

struct lack {
    struct session *session;
    struct view view;
    int64_t count;
};

static void add_lack(struct lack *lack, char mark, const char *what, const char *keys)
{
    char *right = ct_asprintf("%c%s", mark, what);

    view_row(&lack->view);
    view_text(&lack->view, "right", ct_str_of(right));
    view_text(&lack->view, "keys", ct_str_of(keys));
    view_row_end(&lack->view);
    lack->count++;
    free(right);
}

/* `queue` NULL: all under the prefix, asked for with a name that no rule will know. */
static enum ct_code check_queue(struct lack *lack, const struct settings *settings,
                                const char *queue, struct ct_error *err)
{
    const struct queue_name name = {settings->common.prefix, queue ? queue : "cartrita-acl-check"};
    const char *missing[RIGHTS_COMMANDS_MAX];
    size_t missing_count = 0;
    unsigned dialects = dialects_of(lack->session);
    bool has_keys = true;
    struct redis_reply *reply = NULL;
    struct redis_command command;
    char *keys;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    rights_build_check((enum rights_role)settings->role, dialects, &name, &command);
    rc = session_call(lack->session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = rights_parse_check((enum rights_role)settings->role, dialects, reply, missing,
                                &missing_count, &has_keys, err);
    else if (rc == CT_E_REDIS_PERM)
        ct_error_wrap(err, "nothing can be asked without +eval and +evalsha");
    keys = queue ? ct_asprintf("%s:%s:*", name.prefix, queue) : ct_asprintf("%s:*", name.prefix);
    if (!has_keys)
        add_lack(lack, '~', keys, keys);
    for (size_t i = 0; i < missing_count && has_keys; i++)
        add_lack(lack, '+', missing[i], keys);
    redis_reply_free(reply);
    free(keys);
    return rc;
}

static enum ct_code run_check(struct session *session, const void *given, const char *const *args,
                              size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct lack lack = {.session = session};
    enum ct_code rc = need_role(settings, err);

    if (rc != CT_E_OK)
        return rc;
    view_list(&lack.view, &session->settings->look, lack_columns,
              sizeof lack_columns / sizeof *lack_columns);
    for (size_t i = 0; i < settings->queues.count && rc == CT_E_OK; i++)
        rc = check_queue(&lack, settings, settings->queues.items[i], err);
    if (rc == CT_E_OK && settings->queues.count == 0)
        rc = check_queue(&lack, settings, NULL, err);
    if (rc == CT_E_OK && (lack.count > 0 || !view_is_table(&lack.view)))
        view_end(&lack.view);
    if (rc == CT_E_OK && lack.count > 0)
        rc = ct_error_set(err, CT_E_REDIS_PERM,
                          "this user lacks %lld rights of the role %s; `cartrita-q acl print "
                          "--role %s` prints them all",
                          (long long)lack.count, rights_roles[settings->role],
                          rights_roles[settings->role]);
    view_close(&lack.view);
    return rc;
}

const struct command cmd_acl_print = {
    .noun = "acl",
    .verb = "print",
    .program =
        {.name = "cartrita-q acl print",
         .usage = "--role ROLE [OPTION]...",
         .about = "Print the rights that a role needs in Redis, and no others, as ACL rules.",
         .footer =
             "Asks no Redis. --dialect bull or bullmq: for queues of that one alone; flows need\n"
             "the rules of all their queues. Who listens to Bull's events by pattern (waiting, "
             "active,\n"
             "stalled, duplicated, debounced) needs rules with --queue: Redis wants the\n"
             "very same pattern in them.",
         COMMAND_OPTIONS(print_options)},
    .settings_size = sizeof(struct settings),
    .run = run_print,
};

const struct command cmd_acl_check = {
    .noun = "acl",
    .verb = "check",
    .program = {.name = "cartrita-q acl check",
                .usage = "--role ROLE [OPTION]...",
                .about = "Tell what the user of --redis lacks for a role.",
                .footer =
                    "Asks Redis about each command and carries out none; needs Redis 7. The exit\n"
                    "status is 6 when something is lacking.",
                COMMAND_OPTIONS(check_options)},
    .settings_size = sizeof(struct settings),
    .run = run_check,
};
