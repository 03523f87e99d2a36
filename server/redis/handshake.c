/* What a link says before its first call: AUTH, PING, SELECT, CLIENT SETNAME, CLIENT ID, all sent
 * at once and answered in order. Called by link.c.
 *
 * PING tells whether Redis can work at all (NOAUTH, LOADING, MASTERDOWN). A refusal of AUTH, PING
 * or SELECT ends the try with its reason; the name and the id are a convenience, so a user without
 * the right to them gets one warning. */
#include "common/log.h"
#include "common/mem.h"
#include "redis/link_internal.h"

static void handshake_send(struct redis_link *link, enum greeting greeting,
                           struct redis_command *command)
{
    struct redis_call *call = call_new(command, NULL, NULL);

    redis_command_fini(command);
    link->greetings[link->greeting_count++] = greeting;
    ct_list_push_back(&link->calls, &call->link);
    connection_write(link, call);
}

static void handshake_ask(struct redis_link *link, enum greeting greeting)
{
    struct redis_command command;

    redis_command_init(&command, NULL);
    switch (greeting) {
    case GREETING_AUTH:
        redis_command_text(&command, "AUTH");
        if (link->url->user)
            redis_command_text(&command, link->url->user);
        redis_command_text(&command, link->url->password);
        break;
    case GREETING_PING:
        redis_command_text(&command, "PING");
        break;
    case GREETING_SELECT:
        redis_command_text(&command, "SELECT");
        redis_command_int(&command, link->url->db);
        break;
    case GREETING_NAME:
        redis_command_text(&command, "CLIENT");
        redis_command_text(&command, "SETNAME");
        redis_command_text(&command, link->client_name);
        break;
    case GREETING_ID:
        redis_command_text(&command, "CLIENT");
        redis_command_text(&command, "ID");
        break;
    case GREETING_COUNT:
        break;
    }
    handshake_send(link, greeting, &command);
}

void handshake_begin(struct redis_link *link)
{
    link->greeting_count = link->greeting_at = 0;
    link->client_id = 0;
    if (link->url->password)
        handshake_ask(link, GREETING_AUTH);
    handshake_ask(link, GREETING_PING);
    if (link->url->db != 0)
        handshake_ask(link, GREETING_SELECT);
    if (link->client_name)
        handshake_ask(link, GREETING_NAME);
    handshake_ask(link, GREETING_ID);
}

static void handshake_warn_once(bool *has_warned, const char *what, const struct ct_error *err)
{
    if (!*has_warned)
        ct_log_warn("Redis refused a convenience", CT_STR("what", what), CT_ERR(err));
    *has_warned = true;
}

/* Whether the link can live with this refusal. */
static bool handshake_tolerates(struct redis_link *link, enum greeting greeting,
                                const struct ct_error *err)
{
    switch (greeting) {
    case GREETING_PING: /* a user who may not ping may still do what queues need */
        return err->code == CT_E_REDIS_PERM;
    case GREETING_NAME:
        handshake_warn_once(&link->has_warned_name,
                            "CLIENT SETNAME: dashboards will not count this worker", err);
        return true;
    case GREETING_ID:
        handshake_warn_once(&link->has_warned_id,
                            "CLIENT ID: waits cannot be interrupted and end by themselves", err);
        return true;
    default:
        return false;
    }
}

void handshake_answer(struct redis_link *link, const struct redis_reply *reply)
{
    enum greeting greeting = link->greetings[link->greeting_at++];
    struct ct_error err;

    if (redis_reply_check(reply, &err) != CT_E_OK) {
        if (!handshake_tolerates(link, greeting, &err)) {
            link_lost(link, &err);
            return;
        }
    } else if (greeting == GREETING_ID) {
        link->client_id = redis_reply_int(reply, 0);
    }
    if (link->greeting_at == link->greeting_count)
        link_is_up(link);
}

void handshake_subscribe(struct redis_link *link, const char *verb, const char *channel)
{
    struct redis_command command;

    redis_command_init(&command, NULL);
    redis_command_text(&command, verb);
    redis_command_text(&command, channel);

    struct redis_call *call = call_new(&command, NULL, NULL);
    redis_command_fini(&command);
    call->channel = ct_strdup(channel);
    ct_list_push_back(&link->calls, &call->link);
    connection_write(link, call);
}
