/* worker/plugins/file/archive/entry_name: names of strangers become clean, or are refused. */
#include <check.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "worker/plugins/file/archive/entry_name.c"

static const struct {
    const char *raw;
    size_t strip;
    const char *clean, *flaw;
} names[] = {
    {"a", 0, "a", NULL},
    {"./a//b/./c/", 0, "a/b/c", NULL},
    {"...", 0, "...", NULL},
    {"a/..b", 0, "a/..b", NULL},
    {"./", 0, "", NULL},
    {"", 0, "", NULL},
    {"a/b/c", 1, "b/c", NULL},
    {"a/b/c", 3, "", NULL},
    {"/a", 0, "", ENTRY_IS_ABSOLUTE},
    {"..", 0, "", ENTRY_CLIMBS},
    {"a/../b", 0, "a", ENTRY_CLIMBS},
    {"../a", 1, "", ENTRY_CLIMBS},
    {"a/..", 0, "a", ENTRY_CLIMBS},
    {"1/2/3/4/5", 0, "1/2/3/4", ENTRY_IS_DEEP},
    {"1/2/3/4/5", 1, "2/3/4/5", NULL},
};

START_TEST(test_names)
{
    char out[ENTRY_NAME_MAX];
    const char *flaw = entry_name_clean(names[_i].raw, names[_i].strip, 4, out);

    ck_assert_str_eq(out, names[_i].clean);
    ck_assert_str_eq(flaw ? flaw : "", names[_i].flaw ? names[_i].flaw : "");
}
END_TEST

START_TEST(test_long_names)
{
    char raw[2 * ENTRY_NAME_MAX], out[ENTRY_NAME_MAX];

    memset(raw, 'a', sizeof raw);
    raw[ENTRY_PART_MAX] = '\0';
    ck_assert_ptr_null(entry_name_clean(raw, 0, 9, out));
    raw[ENTRY_PART_MAX] = 'a';
    raw[ENTRY_PART_MAX + 1] = '\0';
    ck_assert_str_eq(entry_name_clean(raw, 0, 9, out), ENTRY_IS_LONG);
    for (size_t i = 0; i + 1 < sizeof raw; i++)
        raw[i] = i % 100 == 99 ? '/' : 'a';
    raw[sizeof raw - 1] = '\0';
    ck_assert_str_eq(entry_name_clean(raw, 0, 999, out), ENTRY_IS_LONG);
}
END_TEST

static const struct {
    const char *name, *target;
    bool stays;
} links[] = {
    {"l", "a", true},          {"l", "a/b", true},          {"l", "./a", true},
    {"d/l", "../a", true},     {"d/e/l", "../../a", true},  {"l", "..", false},
    {"d/l", "../..", false},   {"l", "/etc", false},        {"l", "", false},
    {"l", "a/../b", false},    {"d/e/l", "../x/..", false}, {"d/l", "../../d/x", false},
    {"l", "..hidden/x", true},
};

START_TEST(test_links)
{
    ck_assert_int_eq(entry_link_stays(links[_i].name, links[_i].target), links[_i].stays);
}
END_TEST

static const struct {
    const char *pattern, *name;
    bool fits;
} patterns[] = {
    {"a", "a", true},
    {"a", "ab", false},
    {"*", "abc", true},
    {"*", "a/b", false},
    {"*.txt", "a.txt", true},
    {"*.txt", "d/a.txt", false},
    {"**.txt", "d/a.txt", true},
    {"**/*.txt", "a.txt", true},
    {"**/*.txt", "d/e/a.txt", true},
    {"d/**", "d/e/f", true},
    {"d/**", "e/f", false},
    {"?", "/", false},
    {"a?c", "abc", true},
    {"*a*b", "xaxaxb", true},
    {"a*b**c", "a1b/2/3c", true},
    {"a*b**c", "a/b/c", false},
    {"", "", true},
    {"", "a", false},
    {"**", "", true},
    {"*", "", true},
};

START_TEST(test_patterns)
{
    ck_assert_int_eq(entry_name_fits(patterns[_i].pattern, patterns[_i].name), patterns[_i].fits);
}
END_TEST

/* What a matcher that tries all ways would need centuries for. */
START_TEST(test_hostile_pattern)
{
    char name[ENTRY_NAME_MAX];

    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert(!entry_name_fits("**a*a*a*a*a*a*a*a**a*a*a*a*a*a**a*a*a*ab", name));
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_names, 0, sizeof names / sizeof names[0]);
    tcase_add_test(tcase, test_long_names);
    tcase_add_loop_test(tcase, test_links, 0, sizeof links / sizeof links[0]);
    tcase_add_loop_test(tcase, test_patterns, 0, sizeof patterns / sizeof patterns[0]);
    tcase_add_test(tcase, test_hostile_pattern);
}

int main(void)
{
    return unit_run("file_entry_name", add_tests);
}
