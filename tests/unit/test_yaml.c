/* common/yaml: the tree, the places, every refusal with its remedy, and the way to JSON. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/yaml.h"
#include "tests/lib/unit.h"

static struct ct_yaml *parse(const char *text)
{
    struct ct_error err = {0};
    struct ct_yaml *yaml = NULL;

    ck_assert_msg(ct_yaml_parse("a.yaml", ct_str_of(text), &yaml, &err) == CT_E_OK, "%s",
                  err.detail);
    return yaml;
}

static const struct ct_yaml_node *value_of(const struct ct_yaml *yaml, const char *key)
{
    const struct ct_yaml_node *node = ct_yaml_find(yaml->root, key);

    ck_assert_ptr_nonnull(node);
    return node;
}

START_TEST(test_tree)
{
    struct ct_yaml *yaml = parse("# comment\nredis: redis://h\nqueues:\n  - name: mail\n"
                                 "    concurrency: 5\n  - {name: image, limiter: {max: 2}}\n");
    const struct ct_yaml_node *queues = value_of(yaml, "queues");
    const char *text;

    ck_assert_int_eq(queues->kind, CT_YAML_LIST);
    ck_assert_uint_eq(queues->child_count, 2);
    ck_assert_int_eq(ct_yaml_find(queues->first, "concurrency")->line, 5);
    ck_assert_int_eq(ct_yaml_find(queues->first, "concurrency")->column, 18);
    ck_assert_int_eq(ct_yaml_find(queues->first, "concurrency")->key_column, 5);
    const struct ct_yaml_node *limiter = ct_yaml_find(queues->first->next, "limiter");
    ck_assert_int_eq(ct_yaml_text(ct_yaml_find(limiter, "max"), &text, NULL), CT_E_OK);
    ck_assert_str_eq(text, "2");
    ck_assert_ptr_null(ct_yaml_find(yaml->root, "nothing"));
    ck_assert_ptr_null(ct_yaml_find(NULL, "x"));
    ck_assert_ptr_null(ct_yaml_find(queues, "name"));
    ck_assert(ct_yaml_is_null(ct_yaml_find(yaml->root, "nothing")));
    ct_yaml_free(yaml);
    ct_yaml_free(NULL);
}
END_TEST

START_TEST(test_empty_is_a_map)
{
    static const char *const texts[] = {"", "# only a comment\n", "---\n...\n"};
    struct ct_yaml *yaml = parse(texts[_i]);

    ck_assert(_i == 2 ? ct_yaml_is_null(yaml->root) : yaml->root->kind == CT_YAML_MAP);
    ct_yaml_free(yaml);
}
END_TEST

static const char *const refused[][2] = {
    {"a: 1\nb: 2\na: 3\n", "a.yaml:3:1: 'a' is given twice, first in line 1: keep one"},
    {"a: &x 1\nb: *x\n", "a.yaml:1:4: anchors (&...) are not supported"},
    {"a: &x {b: 1}\n", "a.yaml:1:4: anchors"},
    {"b: *x\n", "a.yaml:1:4: aliases (*...) are not supported"},
    {"*x : 1\n", "a.yaml:1:1: aliases"},
    {"a: !!str 1\n", "a.yaml:1:4: tags (!...) are not supported"},
    {"a: !x [1]\n", "a.yaml:1:4: tags"},
    {"a: 1\n---\nb: 2\n", "a.yaml:2:1: a second document (---) begins here"},
    {"? [a, b]\n: 1\n", "a.yaml:1:3: a key must be plain text"},
    {"a: \"x\\0y\"\n", "a.yaml:1:4: text may not hold \\0"},
    {"a: [1, 2\n", "a.yaml:2:1: "},
    {"a: 1\n b: 2\n", "a.yaml:2:"},
    {"a:\n\t- 1\n", "a.yaml:2:1: "},
    {"a: \xFF\n", "a.yaml:"},
};

START_TEST(test_refused)
{
    struct ct_error err = {0};
    struct ct_yaml *yaml = NULL;

    ck_assert_int_eq(ct_yaml_parse("a.yaml", ct_str_of(refused[_i][0]), &yaml, &err), CT_E_INVALID);
    ck_assert_ptr_null(yaml);
    ck_assert_msg(strncmp(err.detail, refused[_i][1], strlen(refused[_i][1])) == 0, "%s",
                  err.detail);
}
END_TEST

START_TEST(test_limits)
{
    struct ct_error err = {0};
    struct ct_yaml *yaml = NULL;
    struct ct_buf buf = {0};

    for (int i = 0; i <= CT_YAML_DEPTH_MAX; i++)
        ct_buf_append_char(&buf, '[');
    ck_assert_int_eq(ct_yaml_parse("d", ct_buf_str(&buf), &yaml, &err), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "CT_YAML_DEPTH_MAX"));

    ct_buf_clear(&buf);
    for (int i = 0; i <= CT_YAML_NODES_MAX; i++)
        ct_buf_append_str(&buf, CT_STR_LIT("- 1\n"));
    ck_assert_int_eq(ct_yaml_parse("n", ct_buf_str(&buf), &yaml, &err), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "CT_YAML_NODES_MAX"));

    ct_buf_clear(&buf);
    for (int i = 0; i <= CT_YAML_KEYS_MAX; i++)
        ct_buf_printf(&buf, "k%d: 1\n", i);
    ck_assert_int_eq(ct_yaml_parse("k", ct_buf_str(&buf), &yaml, &err), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "CT_YAML_KEYS_MAX"));

    ct_buf_clear(&buf);
    memset(ct_buf_reserve(&buf, CT_YAML_BYTES_MAX + 1), '#', CT_YAML_BYTES_MAX + 1);
    buf.len = CT_YAML_BYTES_MAX + 1;
    ck_assert_int_eq(ct_yaml_parse("b", ct_buf_str(&buf), &yaml, &err), CT_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "CT_YAML_BYTES_MAX"));
    ct_buf_free(&buf);
}
END_TEST

START_TEST(test_load)
{
    char folder[] = "/tmp/cartrita-yaml-XXXXXX", path[64];
    struct ct_error err = {0};
    struct ct_yaml *yaml = NULL;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    ck_assert_int_eq(ct_yaml_load(path, &yaml, &err), CT_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.detail, "c.yaml: No such file"));
    ck_assert_int_eq(ct_yaml_load(folder, &yaml, &err), CT_E_SYSTEM);
    FILE *file = fopen(path, "w");
    fputs("port: 8619\n", file);
    fclose(file);
    ck_assert_int_eq(ct_yaml_load(path, &yaml, &err), CT_E_OK);
    ck_assert_str_eq(value_of(yaml, "port")->text, "8619");
    ct_yaml_free(yaml);
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(test_values)
{
    struct ct_yaml *yaml = parse("i: -42\nh: 0x1F\no: 0o17\nq: '5'\nb: true\nno: no\nd: 1.5e3\n"
                                 "n: ~\nbig: 99999999999999999999\nmin: -9223372036854775808\n"
                                 "t: text\nm: {}\nl: []\n");
    struct ct_error err = {0};
    const char *text = "unset";

    ck_assert_int_eq(ct_yaml_text(value_of(yaml, "n"), &text, &err), CT_E_INVALID);
    ck_assert_str_eq(err.detail, "a.yaml:8:4: n: needs a text, not nothing");
    ck_assert_int_eq(ct_yaml_text(value_of(yaml, "l"), &text, &err), CT_E_INVALID);
    ck_assert_str_eq(text, "unset");
    ck_assert_int_eq(ct_yaml_need_map(value_of(yaml, "l"), &err), CT_E_INVALID);
    ck_assert_int_eq(ct_yaml_need_list(value_of(yaml, "t"), &err), CT_E_INVALID);
    ck_assert_int_eq(ct_yaml_need_list(value_of(yaml, "l"), &err), CT_E_OK);
    ct_yaml_free(yaml);
}
END_TEST

START_TEST(test_unknown_keys)
{
    static const char *const known[] = {"redis", "queues", NULL};
    struct ct_yaml *yaml = parse("redis: x\nqueue: []\n");
    struct ct_error err = {0};

    ck_assert_int_eq(ct_yaml_check_keys(yaml->root, known, &err), CT_E_INVALID);
    ck_assert_str_eq(err.detail, "a.yaml:2:1: unknown setting 'queue': did you mean 'queues'?");
    ct_yaml_free(yaml);
    yaml = parse("banana: 1\n");
    ck_assert_int_eq(ct_yaml_check_keys(yaml->root, known, &err), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "a.yaml:1:1: unknown setting 'banana': remove"));
    ct_yaml_free(yaml);
    yaml = parse("queues: []\n");
    ck_assert_int_eq(ct_yaml_check_keys(yaml->root, known, &err), CT_E_OK);
    ct_yaml_free(yaml);
}
END_TEST

/* The last part of a long path is what tells files apart, and the reason must still fit. */
START_TEST(test_long_paths_leave_room)
{
    char path[400];
    struct ct_error err = {0};
    struct ct_yaml *yaml = NULL;

    memset(path, 'p', sizeof path - 1);
    memcpy(path + sizeof path - 8, "/c.yaml", 8);
    ck_assert_int_eq(ct_yaml_parse(path, CT_STR_LIT("a: *b"), &yaml, &err), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "ppp/c.yaml:1:4: aliases"));
}
END_TEST

static const char *const to_json[][2] = {
    {"{a: 1, b: -0x10, c: 0o17, d: +7, e: 007}", NULL},
    {"a: -0", "{\"a\":0}"},
    {"{a: 1, b: +7, c: 007, d: 0x1f, e: 0o17}", "{\"a\":1,\"b\":7,\"c\":7,\"d\":31,\"e\":15}"},
    {"{a: 1.5, b: -1e3, c: .5, d: 3., e: 1_000}",
     "{\"a\":1.5,\"b\":-1000.0,\"c\":0.5,\"d\":3.0,\"e\":\"1_000\"}"},
    {"[true, True, FALSE, null, ~, Null, , yes, on]", NULL},
    {"[true, True, FALSE, null, ~, Null, yes, on]",
     "[true,true,false,null,null,null,\"yes\",\"on\"]"},
    {"['1', \"true\", 'null', '', 1.2.3, 2024-01-01, 08:30]",
     "[\"1\",\"true\",\"null\",\"\",\"1.2.3\",\"2024-01-01\",\"08:30\"]"},
    {"a: |\n  5\n", "{\"a\":\"5\\n\"}"},
    {"a:\nb: {}\nc: []\n", "{\"a\":null,\"b\":{},\"c\":[]}"},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"9223372036854775808", NULL},
    {"0xFFFFFFFFFFFFFFFFFF", NULL},
    {".inf", NULL},
    {"-.Inf", NULL},
    {".NaN", NULL},
    {"1e999", NULL},
};

START_TEST(test_json)
{
    struct ct_error err = {0};
    struct ct_yaml *yaml = NULL;
    json_t *json = NULL;
    enum ct_code rc = ct_yaml_parse("a.yaml", ct_str_of(to_json[_i][0]), &yaml, &err);

    if (rc == CT_E_OK)
        rc = ct_yaml_to_json(yaml->root, &json, &err);
    ct_yaml_free(yaml);
    if (_i == 0) { /* 0x takes no sign: it is text */
        ck_assert_int_eq(rc, CT_E_OK);
        ck_assert_str_eq(json_string_value(json_object_get(json, "b")), "-0x10");
    } else if (!to_json[_i][1]) {
        ck_assert_int_ne(rc, CT_E_OK);
        ck_assert_ptr_null(json);
        return;
    } else {
        ck_assert_msg(rc == CT_E_OK, "%s", err.detail);
        char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        ck_assert_str_eq(text, to_json[_i][1]);
        free(text);
    }
    json_decref(json);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_tree);
    tcase_add_loop_test(tcase, test_empty_is_a_map, 0, 3);
    tcase_add_loop_test(tcase, test_refused, 0, sizeof refused / sizeof refused[0]);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_load);
    tcase_add_test(tcase, test_values);
    tcase_add_test(tcase, test_unknown_keys);
    tcase_add_test(tcase, test_long_paths_leave_room);
    tcase_add_loop_test(tcase, test_json, 0, sizeof to_json / sizeof to_json[0]);
}

int main(void)
{
    return unit_run("yaml", add_tests);
}
