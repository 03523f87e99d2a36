/* SDK settings: both ways in which users give them, and what they are told. */
#include "cartrita/sdk/settings.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/secret.h"
#include "tests/lib/unit.h"

struct settings {
    char *host, *password;
    int64_t port, wait_ms, room, any;
    double ratio;
    bool is_safe;
    int mode;
    json_t *roots;
};

static const char *const modes[] = {"plain", "starttls", "tls", NULL};
static const struct sdk_setting table[] = {
    {"host", SDK_SETTING_TEXT, offsetof(struct settings, host), "localhost", 0, 0, NULL, false},
    {"password", SDK_SETTING_SECRET, offsetof(struct settings, password), NULL, 0, 0, NULL, false},
    {"port", SDK_SETTING_INTEGER, offsetof(struct settings, port), NULL, 1, 65535, NULL, true},
    {"wait", SDK_SETTING_DURATION, offsetof(struct settings, wait_ms), "30s", 0, 0, NULL, false},
    {"room", SDK_SETTING_SIZE, offsetof(struct settings, room), "1M", 1, 1 << 30, NULL, false},
    {"any", SDK_SETTING_INTEGER, offsetof(struct settings, any), NULL, 0, 0, NULL, false},
    {"ratio", SDK_SETTING_NUMBER, offsetof(struct settings, ratio), "0.5", 0, 1, NULL, false},
    {"isSafe", SDK_SETTING_BOOLEAN, offsetof(struct settings, is_safe), "true", 0, 0, NULL, false},
    {"mode", SDK_SETTING_CHOICE, offsetof(struct settings, mode), "starttls", 0, 0, modes, false},
    {"roots", SDK_SETTING_JSON, offsetof(struct settings, roots), NULL, 0, 0, NULL, false},
};
#define COUNT (sizeof table / sizeof table[0])

static struct settings settings;
static struct sdk_error error;

static bool read_settings(const char *config)
{
    memset(&settings, 0xa5, sizeof settings); /* whatever was there is not to be looked at */
    memset(&error, 0, sizeof error);
    return sdk_settings_read(config, table, COUNT, &settings, &error);
}

START_TEST(test_fallbacks)
{
    ck_assert_msg(read_settings("{\"port\":25}"), "%s", error.text);
    ck_assert_str_eq(settings.host, "localhost");
    ck_assert_ptr_null(settings.password);
    ck_assert_int_eq(settings.port, 25);
    ck_assert_int_eq(settings.wait_ms, 30000);
    ck_assert_int_eq(settings.room, 1 << 20);
    ck_assert_int_eq(settings.any, 0);
    ck_assert(settings.ratio == 0.5);
    ck_assert(settings.is_safe);
    ck_assert_int_eq(settings.mode, 1);
    ck_assert_ptr_null(settings.roots);
    sdk_settings_free(table, COUNT, &settings);
    ck_assert_ptr_null(settings.host);
}
END_TEST

static void check_given(void)
{
    ck_assert_str_eq(settings.host, "mail");
    ck_assert_str_eq(settings.password, "p4ssword");
    ck_assert_int_eq(settings.port, 465);
    ck_assert_int_eq(settings.wait_ms, 1500);
    ck_assert_int_eq(settings.room, 65536);
    ck_assert_int_eq(settings.any, -3);
    ck_assert(settings.ratio == 0.25);
    ck_assert(!settings.is_safe);
    ck_assert_int_eq(settings.mode, 2);
    ck_assert_str_eq(json_string_value(json_array_get(settings.roots, 0)), "/srv");
    sdk_settings_free(table, COUNT, &settings);
}

START_TEST(test_typed_and_as_text)
{
    ck_assert_msg(read_settings("{\"host\":\"mail\",\"password\":\"p4ssword\",\"port\":465,"
                                "\"wait\":1500,\"room\":65536,\"any\":-3,\"ratio\":0.25,"
                                "\"isSafe\":false,\"mode\":\"tls\",\"roots\":[\"/srv\"]}"),
                  "%s", error.text);
    check_given();
    ck_assert_msg(read_settings("{\"host\":\"mail\",\"password\":\"p4ssword\",\"port\":\"465\","
                                "\"wait\":\"1500ms\",\"room\":\"64k\",\"any\":\"-3\","
                                "\"ratio\":\"0.25\",\"isSafe\":\"false\",\"mode\":\"tls\","
                                "\"roots\":\" [\\\"/srv\\\"]\"}"),
                  "%s", error.text);
    check_given();
    /* A text that is no object or array stays one. */
    ck_assert(read_settings("{\"port\":1,\"roots\":\"/srv\"}"));
    ck_assert_str_eq(json_string_value(settings.roots), "/srv");
    sdk_settings_free(table, COUNT, &settings);
}
END_TEST

static const struct {
    const char *text;
    int64_t ms;
} durations[] = {{"0", 0},       {"7ms", 7},      {"2s", 2000},
                 {"3m", 180000}, {"1h", 3600000}, {"7d", 604800000}};

START_TEST(test_durations)
{
    char config[100];

    snprintf(config, sizeof config, "{\"port\":1,\"wait\":\"%s\"}", durations[_i].text);
    ck_assert_msg(read_settings(config), "%s", error.text);
    ck_assert_int_eq(settings.wait_ms, durations[_i].ms);
    sdk_settings_free(table, COUNT, &settings);
}
END_TEST

static const struct {
    const char *config, *reason;
} wrong[] = {
    {"{}", "setting port is missing"},
    {"[]", "the settings are no JSON object"},
    {"{", "the settings are no JSON object: "},
    {"{\"prot\":1}", "there is no setting \"prot\" (did you mean \"port\"?); there are: host, "},
    {"{\"port\":1,\"zzzzz\":1}", "there is no setting \"zzzzz\"; there are: host, password, "},
    {"{\"port\":0}", "setting port must be from 1 to 65535, not 0"},
    {"{\"port\":\"65536\"}", "setting port must be from 1 to 65535, not 65536"},
    {"{\"port\":\"x\"}", "setting port must be a whole number"},
    {"{\"port\":\"\"}", "setting port must be a whole number"},
    {"{\"port\":\"1 \"}", "setting port must be a whole number"},
    {"{\"port\":\"99999999999999999999\"}", "setting port must be a whole number"},
    {"{\"port\":1.5}", "setting port must be a whole number"},
    {"{\"port\":\"1k\"}", "setting port must be a whole number"},
    {"{\"port\":1,\"host\":7}", "setting host must be a text (a number is one in quotes)"},
    {"{\"port\":1,\"password\":1234}", "setting password must be a text"},
    {"{\"port\":1,\"password\":\"file:/missing/p\"}",
     "setting password: secret file /missing/p: No such file"},
    {"{\"port\":1,\"wait\":\"1 week\"}", "setting wait must be a time: milliseconds, or such as"},
    {"{\"port\":1,\"wait\":-1}", "setting wait must be a time"},
    {"{\"port\":1,\"wait\":\"9223372036854775807d\"}", "setting wait must be a time"},
    {"{\"port\":1,\"room\":\"2G\"}", "setting room must be from 1 to 1073741824, not 2147483648"},
    {"{\"port\":1,\"room\":true}", "setting room must be a size: bytes, or such as"},
    {"{\"port\":1,\"ratio\":\"nan\"}", "setting ratio must be a number"},
    {"{\"port\":1,\"ratio\":\"1e999\"}", "setting ratio must be a number"},
    {"{\"port\":1,\"ratio\":2}", "setting ratio must be from 0 to 1, not 2"},
    {"{\"port\":1,\"isSafe\":\"yes\"}", "setting isSafe must be true or false"},
    {"{\"port\":1,\"isSafe\":1}", "setting isSafe must be true or false"},
    {"{\"port\":1,\"mode\":\"startls\"}",
     "setting mode must be one of plain, starttls, tls (did you mean \"starttls\"?)"},
    {"{\"port\":1,\"mode\":7}", "setting mode must be one of plain, starttls, tls"},
    {"{\"port\":1,\"roots\":\"[1,\"}", "setting roots is no JSON: "},
};

START_TEST(test_wrong)
{
    ck_assert_msg(!read_settings(wrong[_i].config), "%s", wrong[_i].config);
    ck_assert_msg(strncmp(error.text, wrong[_i].reason, strlen(wrong[_i].reason)) == 0, "%s\n%s",
                  error.text, wrong[_i].reason);
    ck_assert_ptr_null(settings.host);
    ck_assert_ptr_null(settings.password);
    ck_assert_ptr_null(settings.roots);
}
END_TEST

/* What a secret setting holds is known from then on. */
START_TEST(test_secrets_are_blanked)
{
    char text[] = "login with p4ssword failed";

    ck_assert(read_settings("{\"port\":1,\"password\":\"p4ssword\"}"));
    sdk_redact(text);
    ck_assert_str_eq(text, "login with **** failed");
    sdk_settings_free(table, COUNT, &settings);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_fallbacks);
    tcase_add_test(tcase, test_typed_and_as_text);
    tcase_add_loop_test(tcase, test_durations, 0, sizeof durations / sizeof durations[0]);
    tcase_add_loop_test(tcase, test_wrong, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(tcase, test_secrets_are_blanked);
}

int main(void)
{
    return unit_run("sdk_settings", add_tests);
}
