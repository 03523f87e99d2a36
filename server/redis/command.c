/* Requests in RESP, written once as they are built. Called by dialects and by links; knows no
 * socket. The frame's head (argument count, EVALSHA and SHA) is the link's: only it knows whether a
 * script goes out by name or by source. */
#include "redis/command.h"

#include <stdio.h>

#include "common/assert.h"

#define COMMAND_HOLE_DIGITS 9
#define COMMAND_HOLE_MAX    999999999u

void redis_command_init(struct redis_command *command, const struct redis_script *script)
{
    command->script = script;
    command->argc = 0;
    ct_buf_init(&command->body);
}

void redis_command_fini(struct redis_command *command)
{
    ct_buf_free(&command->body);
    command->argc = 0;
}

/* Decimal digits of `number` in front of `end`; returns where they begin. */
static char *command_digits(char *end, uint64_t number)
{
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return end;
}

void redis_command_str(struct redis_command *command, struct ct_str argument)
{
    char head[24];
    char *end = head + sizeof head;

    *--end = '\n';
    *--end = '\r';
    char *begin = command_digits(end, argument.len);
    *--begin = '$';
    size_t head_len = (size_t)(head + sizeof head - begin);

    char *at = ct_buf_reserve(&command->body, head_len + argument.len + 2);
    memcpy(at, begin, head_len);
    if (argument.len > 0)
        memcpy(at + head_len, argument.data, argument.len);
    memcpy(at + head_len + argument.len, "\r\n", 2);
    command->body.len += head_len + argument.len + 2;
    command->argc++;
}

void redis_command_text(struct redis_command *command, const char *argument)
{
    redis_command_str(command, ct_str_of(argument));
}

void redis_command_int(struct redis_command *command, int64_t argument)
{
    char text[24];
    char *end = text + sizeof text;
    char *begin = command_digits(end, argument < 0 ? -(uint64_t)argument : (uint64_t)argument);

    if (argument < 0)
        *--begin = '-';
    redis_command_str(command, (struct ct_str){begin, (size_t)(end - begin)});
}

void redis_command_double(struct redis_command *command, double argument)
{
    char text[40];
    int len = snprintf(text, sizeof text, "%.17g", argument);

    redis_command_str(command, (struct ct_str){text, (size_t)len});
}

void redis_command_append(struct redis_command *command, const struct redis_command *args)
{
    ct_buf_append_str(&command->body, ct_buf_str(&args->body));
    command->argc += args->argc;
}

size_t redis_command_hole(struct redis_command *command)
{
    static const char zeros[] = "000000000";
    _Static_assert(sizeof zeros - 1 == COMMAND_HOLE_DIGITS, "a hole is as long as its zeros");

    redis_command_text(command, zeros);
    return command->body.len - 2 - COMMAND_HOLE_DIGITS;
}

void redis_command_patch(struct redis_command *command, size_t mark, uint32_t number)
{
    ct_assert(number <= COMMAND_HOLE_MAX);
    ct_assert(mark + COMMAND_HOLE_DIGITS <= command->body.len);

    char *at = ct_buf_data(&command->body) + mark + COMMAND_HOLE_DIGITS;
    for (int i = 0; i < COMMAND_HOLE_DIGITS; i++) {
        *--at = (char)('0' + number % 10);
        number /= 10;
    }
}
