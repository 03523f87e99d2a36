/* common/url: addresses as users write them, and passwords that never show. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/url.h"
#include "tests/lib/unit.h"

static const struct {
    const char *text;
    const char *host;
    uint16_t port;
    const char *path, *user, *password;
    int db;
    const char *printed;
} good[] = {
    {"redis://localhost", "localhost", 6379, NULL, NULL, NULL, 0, "redis://localhost:6379"},
    {"redis://10.0.0.1:7000/", "10.0.0.1", 7000, NULL, NULL, NULL, 0, "redis://10.0.0.1:7000"},
    {"redis://h/15", "h", 6379, NULL, NULL, NULL, 15, "redis://h:6379/15"},
    {"redis://:s3cret@h", "h", 6379, NULL, NULL, "s3cret", 0, "redis://:***@h:6379"},
    {"redis://app:s3cret@h:1/2", "h", 1, NULL, "app", "s3cret", 2, "redis://app:***@h:1/2"},
    {"redis://a%40b:s%3A%2F%25@h", "h", 6379, NULL, "a@b", "s:/%", 0, "redis://a%40b:***@h:6379"},
    {"redis://u:p@ss:w?rd@h", "h", 6379, NULL, "u", "p@ss:w?rd", 0, "redis://u:***@h:6379"},
    {"redis://@h", "h", 6379, NULL, NULL, NULL, 0, "redis://h:6379"},
    {"redis://:@h", "h", 6379, NULL, NULL, NULL, 0, "redis://h:6379"},
    {"redis://[::1]", "::1", 6379, NULL, NULL, NULL, 0, "redis://[::1]:6379"},
    {"redis://:p@[fe80::1]:1234/3", "fe80::1", 1234, NULL, NULL, "p", 3,
     "redis://:***@[fe80::1]:1234/3"},
    {"unix:///run/redis.sock", NULL, 0, "/run/redis.sock", NULL, NULL, 0, "unix:///run/redis.sock"},
    {"unix:///a%20b?db=4", NULL, 0, "/a b", NULL, NULL, 4, "unix:///a%20b?db=4"},
    {"unix:///a@b", NULL, 0, "/a@b", NULL, NULL, 0, "unix:///a%40b"},
    {"unix://u:s3cret@/r.sock", NULL, 0, "/r.sock", "u", "s3cret", 0, "unix://u:***@/r.sock"},
};

static void check_text(const char *is, const char *should_be)
{
    if (should_be)
        ck_assert_str_eq(is, should_be);
    else
        ck_assert_ptr_null(is);
}

START_TEST(test_redis)
{
    struct ct_redis_url url;
    struct ct_error err = {0};

    ck_assert_msg(ct_redis_url_parse(good[_i].text, &url, &err) == CT_E_OK, "%s: %s", good[_i].text,
                  err.detail);
    check_text(url.host, good[_i].host);
    check_text(url.path, good[_i].path);
    check_text(url.user, good[_i].user);
    check_text(url.password, good[_i].password);
    ck_assert_uint_eq(url.port, good[_i].port);
    ck_assert_int_eq(url.db, good[_i].db);
    char *printed = ct_redis_url_print(&url);
    ck_assert_str_eq(printed, good[_i].printed);
    free(printed);
    ct_redis_url_free(&url);
    ck_assert_ptr_null(url.password);
}
END_TEST

/* In each of them SECRET must not show. */
static const char *const bad[] = {
    "",
    "redis:",
    "http://h",
    "h:6379",
    "redis://",
    "redis://:SECRET@",
    "redis://u:SECRET@:1",
    "redis://:SECRET@h:0",
    "redis://:SECRET@h:65536",
    "redis://:SECRET@h:x",
    "redis://h:",
    "redis://:SECRET@h/x",
    "redis://h/-1",
    "redis://h/99999",
    "redis://h/1/2",
    "redis://:SECRET@h/0?db=1",
    "redis://:SECRET%zz@h",
    "redis://:SECRET%4@h",
    "redis://:SECRET%00@h",
    "redis://SECRET@h",
    "redis://:SECRET@::1",
    "redis://:SECRET@[::1",
    "redis://[::1]x",
    "redis://a b",
    "redis://h%2Fx",
    "redis://[]",
    "unix://",
    "unix://run/x",
    "unix:///x?db=",
    "unix:///x?db=a",
    "unix:///x?y=1",
    "unix:///%zz",
    "unix:///a%00b",
    "unix://u:SECRET@x",
    "redis://h?cacert=/a",
    "rediss://:SECRET@h?cert=/a",
    "rediss://h?key=/a",
    "rediss://h?cacert=",
    "rediss://h?cacert=%zz",
    "rediss://h?insecure=1",
    "rediss://h?cacert",
    ":SECRET@h",
};

START_TEST(test_redis_refused)
{
    struct ct_redis_url url = {.db = 77};
    struct ct_error err = {0};

    ck_assert_msg(ct_redis_url_parse(bad[_i], &url, &err) == CT_E_INVALID, "%s", bad[_i]);
    ck_assert_int_eq(url.db, 77);
    ck_assert_uint_gt(strlen(err.detail), 0);
    ck_assert_ptr_null(strstr(err.detail, "SECRET"));
}
END_TEST

/* A password from elsewhere beats the one in the URL, and makes up for none. */
START_TEST(test_redis_password_from_elsewhere)
{
    struct ct_redis_url url;
    struct ct_error err;

    ck_assert_int_eq(ct_redis_url_parse_with("redis://ada:old@h", ct_str_of("n/e:w"), &url, &err),
                     CT_E_OK);
    ck_assert_str_eq(url.user, "ada");
    ck_assert_str_eq(url.password, "n/e:w");
    ct_redis_url_free(&url);
    ck_assert_int_eq(ct_redis_url_parse_with("redis://ada@h", ct_str_of("new"), &url, &err),
                     CT_E_OK);
    ck_assert_str_eq(url.password, "new");
    ct_redis_url_free(&url);
    ck_assert_int_eq(ct_redis_url_parse_with("redis://ada@h", CT_STR_NONE, &url, &err),
                     CT_E_INVALID);
    ck_assert_int_eq(ct_redis_url_parse_with("redis://h/x", ct_str_of("new"), &url, &err),
                     CT_E_INVALID);
}
END_TEST

/* What a process that is started gets in its environment is read there as it was meant. */
START_TEST(test_redis_tls)
{
    const char *text = "rediss://u:p%20w@h:6380/2?cacert=/a%26b.pem&cert=/c&key=/k&sni=redis.lan";
    struct ct_redis_url url;
    struct ct_error err;

    ck_assert_int_eq(ct_redis_url_parse(text, &url, &err), CT_E_OK);
    ck_assert(url.is_tls);
    ck_assert_str_eq(url.tls_ca, "/a&b.pem");
    ck_assert_str_eq(url.tls_cert, "/c");
    ck_assert_str_eq(url.tls_key, "/k");
    ck_assert_str_eq(url.tls_sni, "redis.lan");
    ck_assert_str_eq(url.host, "h");
    ck_assert_int_eq(url.db, 2);
    char *printed = ct_redis_url_print(&url), *secret = ct_redis_url_print_secret(&url);
    ck_assert_ptr_null(strstr(printed, "p%20w"));
    ck_assert_str_eq(secret, text);
    free(printed);
    free(secret);
    ct_redis_url_free(&url);
    ck_assert_ptr_null(url.tls_ca);
}
END_TEST

START_TEST(test_redis_limits)
{
    char text[CT_URL_LEN_MAX + 2];
    struct ct_redis_url url;
    struct ct_error err = {0};

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(ct_redis_url_parse(text, &url, &err), CT_E_TOO_LARGE);
    memcpy(text, "unix:///", 8);
    text[8 + 107] = '\0';
    ck_assert_int_eq(ct_redis_url_parse(text, &url, &err), CT_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "107 bytes (this one has 108)"));
    text[8 + 106] = '\0';
    ck_assert_int_eq(ct_redis_url_parse(text, &url, &err), CT_E_OK);
    ct_redis_url_free(&url);
}
END_TEST

static const struct {
    const char *text, *path, *host;
    uint16_t port;
    const char *printed;
} addresses[] = {
    {"/run/cartrita/queued.sock", "/run/cartrita/queued.sock", NULL, 0,
     "/run/cartrita/queued.sock"},
    {"unix:/a", "/a", NULL, 0, "/a"},
    {"unix:///a", "/a", NULL, 0, "/a"},
    {"//a", "//a", NULL, 0, "//a"},
    {"unix /a b", "/a b", NULL, 0, "/a b"},
    {"unix:run/x", "run/x", NULL, 0, "unix:run/x"},
    {"localhost:8619", NULL, "localhost", 8619, "localhost:8619"},
    {"tcp://10.1.2.3:1", NULL, "10.1.2.3", 1, "10.1.2.3:1"},
    {"tcp://[::1]:8619", NULL, "::1", 8619, "[::1]:8619"},
};

START_TEST(test_address)
{
    struct ct_address address;
    struct ct_error err = {0};

    ck_assert_msg(ct_address_parse(addresses[_i].text, &address, &err) == CT_E_OK, "%s",
                  err.detail);
    for (int round = 0; round < 2; round++) { /* as given, and as printed */
        check_text(address.path, addresses[_i].path);
        check_text(address.host, addresses[_i].host);
        ck_assert_uint_eq(address.port, addresses[_i].port);
        char *printed = ct_address_print(&address);
        ck_assert_str_eq(printed, addresses[_i].printed);
        ct_address_free(&address);
        ck_assert_int_eq(ct_address_parse(printed, &address, &err), CT_E_OK);
        free(printed);
    }
    ct_address_free(&address);
}
END_TEST

START_TEST(test_address_with_a_free_port)
{
    struct ct_address address;
    struct ct_error err;

    ck_assert_int_eq(ct_address_parse_free_port("[::1]:0", &address, &err), CT_E_OK);
    ck_assert_uint_eq(address.port, 0);
    ct_address_free(&address);
    ck_assert_int_eq(ct_address_parse_free_port("h:65536", &address, &err), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "from 0 to 65535"));
}
END_TEST

static const char *const bad_addresses[] = {
    "",      "localhost",          "tcp://h", ":1", "h:0", "h:70000", "unix:", "unix ", "::1:80",
    "[::1]", "redis://:SECRET@h:1"};

START_TEST(test_address_refused)
{
    struct ct_address address = {0};
    struct ct_error err = {0};

    ck_assert_int_eq(ct_address_parse(bad_addresses[_i], &address, &err), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "write /PATH, unix:PATH or HOST:PORT"));
    ck_assert_ptr_null(strstr(err.detail, "SECRET"));
    ck_assert_ptr_null(address.host);
}
END_TEST

/* Root has the system's socket, whatever runtime directory its shell has. */
START_TEST(test_address_default)
{
    static const char system_wide[] = "unix:/run/cartrita/queued.sock";
    static const char *const useless[] = {"", "relative"};
    char *address;

    unsetenv("XDG_RUNTIME_DIR");
    address = ct_address_default();
    ck_assert_str_eq(address, system_wide);
    free(address);
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        setenv("XDG_RUNTIME_DIR", useless[i], 1);
        address = ct_address_default();
        ck_assert_str_eq(address, system_wide);
        free(address);
    }
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    address = ct_address_default();
    ck_assert_str_eq(address,
                     geteuid() == 0 ? system_wide : "unix:/run/user/7/cartrita/queued.sock");
    free(address);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_redis_password_from_elsewhere);
    tcase_add_loop_test(tcase, test_redis, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tcase, test_redis_refused, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tcase, test_redis_tls);
    tcase_add_test(tcase, test_redis_limits);
    tcase_add_test(tcase, test_address_with_a_free_port);
    tcase_add_loop_test(tcase, test_address, 0, sizeof addresses / sizeof addresses[0]);
    tcase_add_loop_test(tcase, test_address_refused, 0,
                        sizeof bad_addresses / sizeof bad_addresses[0]);
    tcase_add_test(tcase, test_address_default);
}

int main(void)
{
    return unit_run("url", add_tests);
}
