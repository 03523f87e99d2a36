/* What Bull publishes, read: channels with names of any shape, and payloads of anybody. */
#include "dialect/bull/watch.h"

#include <stdio.h>

#include "tests/lib/unit.h"

struct seen {
    int count;
    char text[200];
};

static void on_event(void *ctx, const struct watch_event *event)
{
    static const char *const kinds[] = {"nothing", "text", "json"};
    struct seen *seen = ctx;

    seen->count++;
    snprintf(seen->text, sizeof seen->text, "%.*s|%s|%.*s|%.*s|%s", (int)event->queue.len,
             event->queue.data, event->name, (int)event->id.len,
             event->id.data ? event->id.data : "", (int)event->value.len,
             event->value.data ? event->value.data : "", kinds[event->kind]);
}

static const char *read_one(const char *channel, const char *payload)
{
    static struct seen seen;

    seen = (struct seen){0};
    bull_watcher.read("bull", ct_str_of(channel), ct_str_of(payload), on_event, &seen);
    ck_assert_int_le(seen.count, 1);
    return seen.count == 0 ? "none" : seen.text;
}

START_TEST(test_channels)
{
    ck_assert_str_eq(read_one("bull:q:waiting@t-1", "7"), "q|waiting|7||nothing");
    ck_assert_str_eq(read_one("bull:a:b@c:stalled@", "x:1"), "a:b@c|stalled|x:1||nothing");
    ck_assert_str_eq(read_one("bull:q:drained", ""), "q|drained|||nothing");
    ck_assert_str_eq(read_one("bull:q:delayed", "17.5"), "q|delayed||17.5|text");
    ck_assert_str_eq(read_one("bull:q:nothing", "7"), "none");
    ck_assert_str_eq(read_one("bull::waiting@t", "7"), "none");
    ck_assert_str_eq(read_one("bull:waiting@t", "7"), "none");
    ck_assert_str_eq(read_one("bulls:q:waiting@t", "7"), "none");
    ck_assert_str_eq(read_one("", "7"), "none");
}
END_TEST

START_TEST(test_payloads)
{
    ck_assert_str_eq(read_one("bull:q:completed", "{\"jobId\":\"1\",\"val\":\"{\\\"x\\\":1}\"}"),
                     "q|completed|1|{\"x\":1}|json");
    ck_assert_str_eq(read_one("bull:q:completed", "{\"jobId\":\"2\"}"), "q|completed|2||nothing");
    ck_assert_str_eq(read_one("bull:q:failed", "{\"jobId\":\"5\",\"val\":\"boom\"}"),
                     "q|failed|5|boom|text");
    ck_assert_str_eq(read_one("bull:q:failed", "{\"jobId\":5}"), "q|failed|||nothing");
    ck_assert_str_eq(read_one("bull:q:completed", "[1"), "q|completed||[1|text");
    ck_assert_str_eq(read_one("bull:q:progress", "{\"jobId\":\"1\",\"progress\":0}"),
                     "q|progress|1|0|json");
    ck_assert_str_eq(read_one("bull:q:progress", "a:1,{\"x\":[1,2]}"),
                     "q|progress|a:1|{\"x\":[1,2]}|json");
    ck_assert_str_eq(read_one("bull:q:progress", "{\"jobId\":"), "q|progress||{\"jobId\":|text");
    ck_assert_str_eq(read_one("bull:q:progress", ""), "q|progress|||text");
}
END_TEST

START_TEST(test_subscriptions)
{
    const struct queue_name name = {"b[1]", "q*"};
    struct ct_buf text;

    ct_buf_init(&text);
    ck_assert(!bull_watcher.write_channel(&name, "completed", &text));
    ck_assert(ct_str_is(ct_buf_str(&text), "b[1]:q*:completed"));
    ct_buf_clear(&text);
    ck_assert(bull_watcher.write_channel(&name, "waiting", &text));
    ck_assert(ct_str_is(ct_buf_str(&text), "b\\[1\\]:q\\*:waiting@*"));
    ct_buf_clear(&text);
    bull_watcher.write_all("b?", &text);
    ck_assert(ct_str_is(ct_buf_str(&text), "b\\?:*"));
    ct_buf_free(&text);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_channels);
    tcase_add_test(tcase, test_payloads);
    tcase_add_test(tcase, test_subscriptions);
}

int main(void)
{
    return unit_run("watch", add_tests);
}
