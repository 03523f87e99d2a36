/* One request to Redis, written in its final form as it is built: arguments go straight into RESP.
 * Built by dialects, sent by links. */
#ifndef CT_REDIS_COMMAND_H
#define CT_REDIS_COMMAND_H

#include "common/buf.h"

/* A Lua script. The build makes these from the .lua files; `sha` is the SHA-1 of the source that
 * Redis knows it by. Static memory. */
struct redis_script {
    const char *name;
    const char *source;
    size_t source_len;
    const char *sha;
};

struct redis_command {
    /* A script: sent as EVALSHA, and as EVAL when Redis does not know it. NULL: a plain command. */
    const struct redis_script *script;
    uint32_t argc;      /* arguments in `body`; for a script the number of keys is the first */
    struct ct_buf body; /* owned; each argument as $len\r\n...\r\n */
};

/* `script` NULL: a plain command, whose name is the first argument. */
void redis_command_init(struct redis_command *command, const struct redis_script *script);
void redis_command_fini(struct redis_command *command);

void redis_command_str(struct redis_command *command, struct ct_str argument);
void redis_command_text(struct redis_command *command, const char *argument);
void redis_command_int(struct redis_command *command, int64_t argument);
void redis_command_double(struct redis_command *command, double argument); /* %.17g */

/* The arguments of another one, which stays as it is. */
void redis_command_append(struct redis_command *command, const struct redis_command *args);

/* An argument whose value is known only later: returns a mark for redis_command_patch, which takes
 * a number below 10^9 (it is written with leading zeros: Lua's tonumber reads it). */
size_t redis_command_hole(struct redis_command *command);
void redis_command_patch(struct redis_command *command, size_t mark, uint32_t number);

#endif
