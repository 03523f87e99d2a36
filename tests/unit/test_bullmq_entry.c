/* server/dialect/bullmq/entry.c: what producers give becomes what BullMQ stores. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "dialect/bullmq/bullmq.h"
#include "dialect/bullmq/entry.h"
#include "tests/fuzz/resp.h"
#include "tests/lib/unit.h"

#define NOW 1700000000000

static struct ct_error err;
static struct redis_command command;

static enum ct_code write_job(const struct job_add *given)
{
    const struct queue_name name = {"bull", "q"};
    static uint64_t state;
    const struct ct_random random = ct_random_seeded(&state);
    struct queue_settings settings;
    struct dialect_queue *queue;
    struct job_add add = *given;

    state = 1;
    err = (struct ct_error){CT_E_OK, ""};
    redis_command_fini(&command);
    redis_command_init(&command, NULL);
    queue_settings_init(&settings);
    ck_assert_int_eq(bullmq_dialect.open(&name, &settings, &queue, &err), CT_E_OK);
    ct_list_init(&add.link);
    enum ct_code rc = bullmq_entry_write(queue, &add, NOW, &random, &command, &err);
    ck_assert(rc == CT_E_OK || command.argc == 0);
    job_add_fini(&add);
    bullmq_dialect.close(queue);
    queue_settings_fini(&settings);
    return rc;
}

static enum ct_code write_opts(const char *opts)
{
    return write_job(&(struct job_add){
        .name = CT_STR_LIT("n"), .opts = ct_str_of(opts), .data = CT_STR_LIT("{\"a\": 1}")});
}

/* The arguments, joined by blanks. */
static const char *written(void)
{
    static char text[2048];
    struct ct_str body = ct_buf_str(&command.body);
    size_t len = 0;

    text[0] = '\0';
    while (body.len > 0) {
        struct ct_str arg = resp_take_arg(&body);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", len ? " " : "|",
                                (int)arg.len, arg.data);
    }
    return text;
}

static const struct {
    const char *opts, *written;
} accepted[] = {
    {"{}", "| n {\"a\":1} {\"attempts\":0} 1700000000000"},
    {"{\"attempts\":null,\"priority\":null}", "| n {\"a\":1} {\"attempts\":0} 1700000000000"},
    {"{\"attempts\":\"3\",\"backoff\":100}",
     "| n {\"a\":1} {\"attempts\":3,\"backoff\":{\"type\":\"fixed\",\"delay\":100}} "
     "1700000000000"},
    {"{\"delay\":5.5,\"timestamp\":5}",
     "|t n {\"a\":1} {\"delay\":5.5,\"timestamp\":5,\"attempts\":0} 5 5.5"},
    {"{\"delay\":-5}", "|t n {\"a\":1} {\"delay\":-5,\"attempts\":0} 1700000000000 -5"},
    {"{\"priority\":2097151,\"lifo\":true}",
     "|rl n {\"a\":1} {\"priority\":2097151,\"lifo\":true,\"attempts\":0} 1700000000000 2097151"},
    {"{\"jobId\":\"a:b:c\"}",
     "|i n {\"a\":1} {\"jobId\":\"a:b:c\",\"attempts\":0} 1700000000000 a:b:c"},
    {"{\"keepLogs\":3,\"telemetry\":{\"metadata\":\"m\",\"omitContext\":false}}",
     "| n {\"a\":1} {\"kl\":3,\"tm\":\"m\",\"omc\":false,\"attempts\":0} 1700000000000"},
    {"{\"deduplication\":{\"id\":7,\"ttl\":50,\"extend\":true,\"keepLastIfActive\":1}}",
     "|d n {\"a\":1} {\"de\":{\"id\":7,\"ttl\":50,\"extend\":true,"
     "\"keepLastIfActive\":1},\"attempts\":0} 1700000000000 7 50 ek"},
    {"{\"deduplication\":{\"id\":\"x\",\"ttl\":0,\"replace\":true,\"reschedule\":true}}",
     "|d n {\"a\":1} {\"de\":{\"id\":\"x\",\"ttl\":0,\"replace\":true,"
     "\"reschedule\":true},\"attempts\":0} 1700000000000 x  rs"},
    {"{\"parent\":{\"id\":\"7\",\"queue\":\"bull:p\"},\"failParentOnFailure\":true}",
     "|p n {\"a\":1} {\"parent\":{\"id\":\"7\",\"queue\":\"bull:p\"},\"fpof\":true,\"attempts\":0} "
     "1700000000000 bull:p:7 {\"id\":\"7\",\"queueKey\":\"bull:p\",\"fpof\":true}"},
    /* as they were stored */
    {"{\"parent\":{\"id\":\"7\",\"queue\":\"bull:p\"},\"idof\":true,\"fpof\":false}",
     "|p n {\"a\":1} "
     "{\"parent\":{\"id\":\"7\",\"queue\":\"bull:p\"},\"idof\":true,\"fpof\":false,\"attempts\":0} "
     "1700000000000 bull:p:7 {\"id\":\"7\",\"queueKey\":\"bull:p\",\"idof\":true}"},
};

START_TEST(test_options_become_what_bullmq_stores)
{
    ck_assert_int_eq(write_opts(accepted[_i].opts), CT_E_OK);
    ck_assert_str_eq(written(), accepted[_i].written);
}
END_TEST

static const struct {
    const char *opts, *detail;
} refused[] = {
    {"{\"jobId\":\"12\"}", "option jobId \"12\" is a whole number, which only the queue gives"},
    {"{\"jobId\":\"-1\"}", "option jobId \"-1\" is a whole number, which only the queue gives"},
    {"{\"jobId\":\"0:a:b\"}", "option jobId \"0:a:b\" begins with 0:"},
    {"{\"jobId\":\"a:b\"}", "option jobId \"a:b\" has a colon"},
    {"{\"jobId\":\"marker\"}", "option jobId \"marker\" is the name of a key of the queue itself"},
    {"{\"jobId\":\"a:b:processed\"}",
     "option jobId \"a:b:processed\" is the name of a key of the queue itself"},
    {"{\"jobId\":{}}", "option jobId must be a string"},
    {"{\"priority\":1.5}", "option priority must be a whole number from 0 to 2097151"},
    {"{\"delay\":1e300}", "options delay and timestamp must be at most 8640000000000000 ms"},
    {"{\"backoff\":{\"type\":\"fixed\",\"jitter\":2}}",
     "option backoff.jitter must be from 0 to 1"},
    {"{\"removeOnFail\":{\"limit\":\"x\"}}", "option removeOnFail.limit must be a number of jobs"},
    {"{\"rdof\":true,\"continueParentOnFailure\":true}",
     "options continueParentOnFailure and removeDependencyOnFailure exclude each other"},
    {"{\"deduplication\":{\"ttl\":5}}", "option deduplication needs an id"},
    {"{\"deduplication\":{\"id\":\"x\"},\"parent\":{\"id\":\"7\",\"queue\":\"bull:p\"}}",
     "option deduplication does not go together with a parent or children"},
    {"{\"parent\":{\"id\":\"7\",\"queue\":\"p\"}}",
     "option parent must be {\"id\": id, \"queue\": \"prefix:name\"}"},
    {"{\"telemetry\":{\"metadata\":5}}", "option telemetry.metadata must be text"},
    {"{\"sizeLimit\":3}", "data of 7 bytes, over sizeLimit 3"},
    {"{\"repeat\":{\"every\":5}}",
     "option repeat belongs to a job scheduler: use `cartrita-q scheduler add`"},
};

START_TEST(test_what_bullmq_breaks_on_is_refused)
{
    ck_assert_int_ne(write_opts(refused[_i].opts), CT_E_OK);
    ck_assert_str_eq(err.detail, refused[_i].detail);
}
END_TEST

START_TEST(test_a_job_needs_a_name_but_no_data)
{
    ck_assert_int_eq(write_job(&(struct job_add){.data = CT_STR_LIT("1")}), CT_E_INVALID);
    ck_assert_str_eq(err.detail, "a job of BullMQ needs a name");
    ck_assert_int_eq(write_job(&(struct job_add){.name = CT_STR_LIT("")}), CT_E_OK);
    ck_assert_str_eq(written(), "|  {} {\"attempts\":0} 1700000000000");
}
END_TEST

/* Its parent is the flow's, whatever its options say; it has an id in any case. */
START_TEST(test_a_node_of_a_flow)
{
    char id[] = "7";
    const struct job_node root = {.queue = {"bull", "p"}, .has_children = true};
    const struct job_add parent = {.node = &root, .id = id};
    const struct job_node here = {.queue = {"bull", "q"}, .parent = &parent};
    const struct job_node there = {.queue = {"bull", "r"}, .parent = &parent, .has_children = true};

    ck_assert_int_eq(write_job(&(struct job_add){
                         .name = CT_STR_LIT("n"),
                         .node = &here,
                         .opts = CT_STR_LIT("{\"parent\":{\"id\":\"8\",\"queue\":\"bull:x\"},"
                                            "\"jobId\":\"c\",\"rdof\":true}")}),
                     CT_E_OK);
    ck_assert_str_eq(written(),
                     "|ip n {} {\"parent\":{\"id\":\"7\",\"queue\":\"bull:p\"},\"jobId\":\"c\","
                     "\"rdof\":true,\"attempts\":0} 1700000000000 c bull:p:7 "
                     "{\"id\":\"7\",\"queueKey\":\"bull:p\",\"rdof\":true}");
    ck_assert_int_eq(write_job(&(struct job_add){.name = CT_STR_LIT("n"), .node = &there}),
                     CT_E_OK);
    ck_assert_ptr_nonnull(strstr(written(), "|qipc n {} "));
    ck_assert_ptr_nonnull(strstr(written(), " bull:r: "));
}
END_TEST

/* More options than can be read again. */
START_TEST(test_what_is_stored_can_be_read_again)
{
    for (int count = MEMBERLIST_READ_MAX - 3; count <= MEMBERLIST_READ_MAX; count++) {
        struct ct_buf text;

        ct_buf_init(&text);
        ct_buf_append_str(&text, CT_STR_LIT("{\"backoff\":5"));
        for (int i = 1; i < count; i++)
            ct_buf_printf(&text, ",\"a%d\":1", i);
        ct_buf_append_char(&text, '}');
        char *opts = ct_buf_take(&text, NULL);
        ck_assert_int_eq(write_opts(opts), count < MEMBERLIST_READ_MAX ? CT_E_OK : CT_E_TOO_LARGE);
        free(opts);
    }
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof(table)[0])

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_options_become_what_bullmq_stores, 0, COUNT(accepted));
    tcase_add_loop_test(tcase, test_what_bullmq_breaks_on_is_refused, 0, COUNT(refused));
    tcase_add_test(tcase, test_a_job_needs_a_name_but_no_data);
    tcase_add_test(tcase, test_a_node_of_a_flow);
    tcase_add_test(tcase, test_what_is_stored_can_be_read_again);
}

int main(void)
{
    return unit_run("bullmq_entry", add_tests);
}
