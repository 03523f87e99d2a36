/* Replies: hiredis' parser with object functions of our own, and the accessors. Called by links
 * (one reader each) and by tests; no I/O.
 *
 * Memory: a reply lives in an arena, a chain of blocks that is emptied at once when the reply is
 * done with. The elements of an array lie side by side in it. hiredis tells the object functions
 * the parent's object and the index in it, so a child is written straight into its place. */
#include "redis/reply.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "common/list.h"
#include "common/mem.h"
#include "redis/reply_reader.h"

#define REPLY_BLOCK_MIN 4096
#define REPLY_BLOCK_MAX (1u << 20)
/* An arena that is empty keeps at most one block, of at most this size. */
#define REPLY_BLOCK_KEPT_MAX (256u << 10)
/* hiredis frees an empty input buffer that is larger than this. */
#define REPLY_INPUT_KEPT_MAX (256u << 10)

/* Which is as large as a pointer and a length with its kind: an array of 2048 texts costs 48 KiB
 * beside the texts. */
struct redis_reply {
    int kind; /* REDIS_REPLY_...; 0 reads as nil */
    size_t len;
    union {
        const char *text;            /* string, status, error: len bytes */
        struct redis_reply *element; /* array: len of them */
        int64_t number;
    } as;
};

struct reply_block {
    struct reply_block *next;
    size_t used, cap;
    char bytes[];
};

struct reply_arena {
    struct redis_reply root; /* what callers see; the arena is found from it */
    struct reply_block *blocks;
    size_t total;
    bool is_over_limit;
};

struct reply_reader {
    redisReader *hiredis;
    struct reply_arena *arena; /* NULL when the last reply was taken */
    bool is_lent;
};

/* --- arena --- */

static void arena_empty(struct reply_arena *arena)
{
    struct reply_block *kept = arena->blocks;

    if (kept && kept->cap > REPLY_BLOCK_KEPT_MAX)
        kept = NULL;
    for (struct reply_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        if (block != kept)
            free(block);
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    *arena = (struct reply_arena){.blocks = kept};
}

static void arena_free(struct reply_arena *arena)
{
    arena_empty(arena);
    free(arena->blocks);
    free(arena);
}

static void *arena_take(struct reply_arena *arena, size_t size)
{
    struct reply_block *block = arena->blocks;

    size = (size + 7) & ~(size_t)7;
    if (block && block->cap - block->used >= size) {
        void *taken = block->bytes + block->used;
        block->used += size;
        return taken;
    }
    size_t cap = block ? block->cap * 2 : REPLY_BLOCK_MIN;
    if (cap > REPLY_BLOCK_MAX)
        cap = REPLY_BLOCK_MAX;
    if (cap < size)
        cap = size;
    if (arena->total + cap > REDIS_REPLY_BYTES_MAX) {
        arena->is_over_limit = true;
        return NULL;
    }
    struct reply_block *grown = ct_try_alloc(sizeof *grown + cap);
    if (!grown)
        return NULL;
    *grown = (struct reply_block){.next = block, .used = size, .cap = cap};
    arena->blocks = grown;
    arena->total += cap;
    return grown->bytes;
}

/* --- what hiredis calls; NULL means no memory, and ends the parsing --- */

static struct redis_reply *object_place(const redisReadTask *task)
{
    struct reply_arena *arena = task->privdata;

    if (!task->parent)
        return &arena->root;
    return &((struct redis_reply *)task->parent->obj)->as.element[task->idx];
}

static void *object_string(const redisReadTask *task, char *text, size_t len)
{
    char *copy = arena_take(task->privdata, len);

    if (!copy)
        return NULL;
    memcpy(copy, text, len);

    struct redis_reply *reply = object_place(task);
    *reply = (struct redis_reply){.kind = task->type, .len = len, .as.text = copy};
    return reply;
}

static void *object_array_of(const redisReadTask *task, size_t count)
{
    struct reply_arena *arena = task->privdata;

    if (count > REDIS_REPLY_ELEMENTS_MAX) {
        arena->is_over_limit = true;
        return NULL;
    }
    struct redis_reply *element = arena_take(arena, count * sizeof *element);
    if (!element)
        return NULL;
    memset(element, 0, count * sizeof *element);

    struct redis_reply *reply = object_place(task);
    *reply = (struct redis_reply){.kind = REDIS_REPLY_ARRAY, .len = count, .as.element = element};
    return reply;
}

static void *object_integer(const redisReadTask *task, long long number)
{
    struct redis_reply *reply = object_place(task);

    *reply = (struct redis_reply){.kind = REDIS_REPLY_INTEGER, .as.number = number};
    return reply;
}

static void *object_nil(const redisReadTask *task)
{
    struct redis_reply *reply = object_place(task);

    *reply = (struct redis_reply){.kind = REDIS_REPLY_NIL};
    return reply;
}

/* The arena owns everything. */
static void object_free(void *object)
{
    (void)object;
}

#if HIREDIS_MAJOR >= 1
static void *object_array(const redisReadTask *task, size_t count)
{
    return object_array_of(task, count);
}

static void *object_double(const redisReadTask *task, double number, char *text, size_t len)
{
    return object_string(task, text, len);
}

static void *object_bool(const redisReadTask *task, int number)
{
    return object_integer(task, number);
}
#else
static void *object_array(const redisReadTask *task, int count)
{
    return object_array_of(task, (size_t)count);
}
#endif

static redisReplyObjectFunctions object_functions = {
    .createString = object_string,
    .createArray = object_array,
    .createInteger = object_integer,
    .createNil = object_nil,
#if HIREDIS_MAJOR >= 1
    .createDouble = object_double,
    .createBool = object_bool,
#endif
    .freeObject = object_free,
};

/* --- reader --- */

struct reply_reader *reply_reader_new(void)
{
    struct reply_reader *reader = ct_zalloc(sizeof *reader);

    reader->hiredis = redisReaderCreateWithFunctions(&object_functions);
    if (!reader->hiredis)
        abort();
    reader->hiredis->maxbuf = REPLY_INPUT_KEPT_MAX;
    return reader;
}

void reply_reader_free(struct reply_reader *reader)
{
    if (!reader)
        return;
    redisReaderFree(reader->hiredis);
    if (reader->arena)
        arena_free(reader->arena);
    free(reader);
}

static enum ct_code reader_failed(const struct reply_reader *reader, struct ct_error *err)
{
    if (reader->arena && reader->arena->is_over_limit)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "a reply of Redis is over REDIS_REPLY_BYTES_MAX (%u bytes) or "
                            "REDIS_REPLY_ELEMENTS_MAX (%u)",
                            REDIS_REPLY_BYTES_MAX, REDIS_REPLY_ELEMENTS_MAX);
    return ct_error_set(err, CT_E_REDIS_DOWN,
                        "what answers there does not speak the Redis protocol (%.80s)",
                        reader->hiredis->errstr);
}

enum ct_code reply_reader_feed(struct reply_reader *reader, const char *bytes, size_t len,
                               struct ct_error *err)
{
    if (reader->hiredis->len > REDIS_REPLY_BYTES_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "a reply of Redis is over REDIS_REPLY_BYTES_MAX (%u bytes)",
                            REDIS_REPLY_BYTES_MAX);
    if (redisReaderFeed(reader->hiredis, bytes, len) != REDIS_OK)
        return reader_failed(reader, err);
    return CT_E_OK;
}

enum ct_code reply_reader_next(struct reply_reader *reader, const struct redis_reply **reply,
                               struct ct_error *err)
{
    void *got = NULL;

    if (!reader->arena)
        reader->arena = ct_zalloc(sizeof *reader->arena);
    else if (reader->is_lent)
        arena_empty(reader->arena);
    reader->is_lent = false;
    /* Before each parse: the arena may be another one since a reply was taken. */
    reader->hiredis->privdata = reader->arena;

    if (redisReaderGetReply(reader->hiredis, &got) != REDIS_OK)
        return reader_failed(reader, err);
    reader->is_lent = got != NULL;
    *reply = got;
    return CT_E_OK;
}

struct redis_reply *reply_reader_take(struct reply_reader *reader)
{
    struct reply_arena *arena = reader->arena;

    if (!reader->is_lent)
        return NULL;
    reader->arena = NULL;
    reader->is_lent = false;
    return &arena->root;
}

void redis_reply_free(struct redis_reply *reply)
{
    if (reply)
        arena_free(CT_CONTAINER(reply, struct reply_arena, root));
}

struct redis_reply *redis_reply_parse(const char *resp, size_t len)
{
    struct reply_reader *reader = reply_reader_new();
    const struct redis_reply *reply = NULL;
    struct redis_reply *taken = NULL;

    if (reply_reader_feed(reader, resp, len, NULL) == CT_E_OK &&
        reply_reader_next(reader, &reply, NULL) == CT_E_OK)
        taken = reply_reader_take(reader);
    reply_reader_free(reader);
    return taken;
}

/* --- accessors --- */

bool redis_reply_is_nil(const struct redis_reply *reply)
{
    return !reply || reply->kind == REDIS_REPLY_NIL || reply->kind == 0;
}

bool redis_reply_is_array(const struct redis_reply *reply)
{
    return reply && reply->kind == REDIS_REPLY_ARRAY;
}

bool redis_reply_is_error(const struct redis_reply *reply)
{
    return reply && reply->kind == REDIS_REPLY_ERROR;
}

size_t redis_reply_count(const struct redis_reply *reply)
{
    return redis_reply_is_array(reply) ? reply->len : 0;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index)
{
    return index < redis_reply_count(reply) ? &reply->as.element[index] : NULL;
}

struct ct_str redis_reply_str(const struct redis_reply *reply)
{
    if (!reply || (reply->kind != REDIS_REPLY_STRING && reply->kind != REDIS_REPLY_STATUS))
        return CT_STR_NONE;
    return (struct ct_str){reply->as.text, reply->len};
}

int64_t redis_reply_int(const struct redis_reply *reply, int64_t fallback)
{
    int64_t number;

    if (reply && reply->kind == REDIS_REPLY_INTEGER)
        return reply->as.number;
    return ct_str_to_int(redis_reply_str(reply), &number) ? number : fallback;
}

enum ct_code redis_reply_check(const struct redis_reply *reply, struct ct_error *err)
{
    if (!redis_reply_is_error(reply))
        return CT_E_OK;
    return redis_error_parse((struct ct_str){reply->as.text, reply->len}, err);
}
