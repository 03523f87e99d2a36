/* What an error of Redis means: a code for programs and, for people, what to do about it. Called by
 * links for whole replies and by dialects for the error of one step of a script. Pure. */
#include <stdio.h>

#include "redis/reply.h"

#define ERROR_QUOTED_MAX 110 /* bytes of Redis' own text in a detail */

struct error_kind {
    const char *word; /* an error reply begins with it */
    enum ct_code code;
    const char *advice;
};

/* Some share a code: who asks only wants to know whether waiting helps. */
static const struct error_kind error_kinds[] = {
    {"NOAUTH", CT_E_REDIS_AUTH,
     "Redis wants a password: give it in the URL, redis://:PASSWORD@HOST or "
     "redis://USER:PASSWORD@HOST"},
    {"WRONGPASS", CT_E_REDIS_AUTH,
     "Redis refused user and password: check redis://USER:PASSWORD@HOST (percent-encode what is "
     "special in them)"},
    {"NOPERM", CT_E_REDIS_PERM, "give the Redis user the missing right with ACL SETUSER"},
    {"LOADING", CT_E_REDIS_LOADING, "Redis is loading its data; waiting for it"},
    {"MASTERDOWN", CT_E_REDIS_LOADING, "this replica has lost its master; waiting for it"},
    {"BUSY", CT_E_REDIS_LOADING, "another client's script keeps Redis busy; waiting for it"},
    {"TRYAGAIN", CT_E_REDIS_LOADING, "Redis is moving keys; waiting for it"},
    {"CLUSTERDOWN", CT_E_REDIS_LOADING, "the cluster is down; waiting for it"},
    {"READONLY", CT_E_REDIS_READONLY, "this is a read-only replica: use the master's address"},
    {"MISCONF", CT_E_REDIS_READONLY,
     "Redis cannot save its data and takes no writes: look at its log and its disk"},
    {"NOREPLICAS", CT_E_REDIS_READONLY,
     "Redis takes no writes without enough replicas (min-replicas-to-write)"},
    {"OOM", CT_E_REDIS_OOM, "Redis is at its maxmemory: raise it or remove data"},
    {"WRONGTYPE", CT_E_REDIS_TYPE, "a key has a type it never has in a queue"},
    {"NOSCRIPT", CT_E_REDIS_SCRIPT, "Redis does not know the script"},
    {"CROSSSLOT", CT_E_REDIS_ERROR,
     "in a cluster the prefix needs a hash tag, such as {bull}, for producers and workers"},
    {"MOVED", CT_E_REDIS_ERROR, "this node of the cluster does not hold the queue's keys"},
};

static const struct error_kind error_plain[] = {
    {"AUTH <password> called without any password", CT_E_REDIS_AUTH,
     "the URL has a password but Redis asks for none: remove it from the URL"},
    {"Client sent AUTH, but no password is set", CT_E_REDIS_AUTH,
     "the URL has a password but Redis asks for none: remove it from the URL"},
    {"invalid password", CT_E_REDIS_AUTH,
     "Redis refused the password: check redis://:PASSWORD@HOST (percent-encode what is special in "
     "it)"},
    {"wrong number of arguments for 'auth'", CT_E_REDIS_AUTH,
     "this Redis knows no users (before 6.0): give only the password, redis://:PASSWORD@HOST"},
    {"max number of clients reached", CT_E_REDIS_DOWN, "raise Redis' maxclients"},
    {"DB index is out of range", CT_E_INVALID,
     "the URL names a database that this Redis does not have"},
    {"ACL failure in script", CT_E_REDIS_PERM,
     "give the Redis user the missing right with ACL SETUSER"},
    {"The user executing the script can't", CT_E_REDIS_PERM,
     "give the Redis user the missing right with ACL SETUSER"},
    {"Script attempted to access a non local key", CT_E_REDIS_ERROR,
     "in a cluster the prefix needs a hash tag, such as {bull}, for producers and workers"},
};

static bool text_begins(struct ct_str text, const char *word)
{
    size_t len = strlen(word);

    return text.len >= len && memcmp(text.data, word, len) == 0;
}

static bool text_has_word(struct ct_str text, const char *word)
{
    size_t len = strlen(word);

    return text_begins(text, word) && (text.len == len || text.data[len] == ' ');
}

/* Before Redis 7 the error of a call inside a script stands behind
 * "ERR Error running script (call to f_SHA): @user_script:LINE: ". */
static struct ct_str error_inner(struct ct_str text)
{
    static const char mark[] = "@user_script";
    const char *at = memmem(text.data, text.len, mark, sizeof mark - 1);

    if (!text_begins(text, "ERR Error ") || !at)
        return text;
    const char *end = text.data + text.len;
    at += sizeof mark - 1;
    while (at < end && (*at == ':' || *at == ' ' || (*at >= '0' && *at <= '9')))
        at++;
    if (at < end && *at == '-')
        at++;
    return at < end ? (struct ct_str){at, (size_t)(end - at)} : text;
}

static const struct error_kind *error_find(struct ct_str text)
{
    for (size_t i = 0; i < sizeof error_kinds / sizeof *error_kinds; i++) {
        if (text_has_word(text, error_kinds[i].word))
            return &error_kinds[i];
    }
    for (size_t i = 0; i < sizeof error_plain / sizeof *error_plain; i++) {
        if (memmem(text.data, text.len, error_plain[i].word, strlen(error_plain[i].word)))
            return &error_plain[i];
    }
    return NULL;
}

enum ct_code redis_error_parse(struct ct_str text, struct ct_error *err)
{
    text = error_inner(text.data ? text : CT_STR_LIT(""));

    const struct error_kind *kind = error_find(text);
    int quoted = text.len < ERROR_QUOTED_MAX ? (int)text.len : ERROR_QUOTED_MAX;
    if (!kind)
        return ct_error_set(err, CT_E_REDIS_ERROR, "Redis: %.*s", quoted, text.data);
    return ct_error_set(err, kind->code, "%s (Redis: %.*s)", kind->advice, quoted, text.data);
}
