/* A dead letter as a stranger may have written it: read, and its job written as it would be added.
 * What is added must be what a worker can read. Corpus: tests/fuzz/corpus/letter. */
#include "common/json.h"
#include "dialect/bull/keys.h"
#include "dialect/bull/bull.h"
#include "dialect/shared/letter.h"
#include "tests/fuzz/resp.h"

#define FUZZ_NOW_MS    1700000000000
#define FUZZ_HEAD_ARGS (1 + BULL_KEY_COUNT + 3 + 4) /* count, keys, ARGV 1 to 7 */
#define FUZZ_FORM_ARGS 14                           /* add_series_job (inc/add.lua) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_form(struct ct_str *body)
{
    struct ct_str args[FUZZ_FORM_ARGS];

    ct_assert(ct_str_is(resp_take_arg(body), "14"));
    for (int i = 0; i < FUZZ_FORM_ARGS; i++)
        args[i] = resp_take_arg(body);
    ct_assert(args[0].len == 0);                             /* begins no series */
    ct_assert(ct_json_check(args[5], NULL) == CT_E_OK);      /* data */
    ct_assert(ct_json_check(args[6], NULL) == CT_E_OK);      /* opts */
    ct_assert(ct_str_is(args[9], "0") && args[12].len == 0); /* due now, not debounced */
}

static void check_call(struct ct_str body)
{
    for (int i = 0; i < FUZZ_HEAD_ARGS; i++)
        resp_take_arg(&body);
    ct_assert(ct_str_is(resp_take_arg(&body), "5"));
    struct ct_str forms = resp_take_arg(&body);
    bool is_own = ct_str_is(forms, "2");

    ct_assert(is_own || ct_str_is(forms, "1"));
    check_form(&body);
    if (is_own)
        check_form(&body);
    ct_assert(body.len == 0);
}

static void move(const struct dead_letter *letter)
{
    struct dead_move one = {.id = CT_STR_LIT("5"), .letter = letter};
    struct redis_command command;
    struct ct_list moves;
    struct dead_call call = {.dead = {"bull", "dead"}, .target = letter->queue, .moves = &moves};

    ct_list_init(&moves);
    ct_list_init(&one.link);
    ct_list_push_back(&moves, &one.link);
    redis_command_init(&command, NULL);
    letter_build_move(&bull_dialect, &call, FUZZ_NOW_MS, &ct_random_system, &command);
    ct_assert((command.argc == 0) == (one.err.code != CT_E_OK));
    ct_assert(one.err.code == CT_E_OK || (one.err.detail[0] && one.result == DEAD_REFUSED));
    if (command.argc > 0)
        check_call(ct_buf_str(&command.body));
    redis_command_fini(&command);
    dead_move_fini(&one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dead_letter letter;

    if (!letter_read((struct ct_str){(const char *)data, size}, &letter))
        return 0;
    ct_assert(letter.queue[0] && letter.id && letter.name && letter.reason.data);
    ct_assert(letter.attempts_made >= 0 && letter.finished_ms >= 0);
    ct_assert(ct_json_check(letter.text, NULL) == CT_E_OK);
    move(&letter);
    dead_letter_fini(&letter);
    return 0;
}
