/* worker/temp_watch: what is counted in a directory. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "tests/lib/unit.h"
#include "worker/watch/temp_watch.h"

#define NO_END UINT64_MAX

static char root[64];

static void put(const char *name, size_t bytes)
{
    char *path = ct_asprintf("%s/%s", root, name);
    FILE *file = fopen(path, "w");

    for (size_t i = 0; i < bytes; i++)
        fputc('x', file);
    fclose(file);
    free(path);
}

START_TEST(test_measures_what_is_there)
{
    struct temp_size empty, size;
    char *inner, *link;

    strcpy(root, "/tmp/cartrita-temp-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    inner = ct_asprintf("%s/inner", root);
    link = ct_asprintf("%s/link", root);
    temp_watch_measure(root, NO_END, &empty);
    ck_assert_uint_eq(empty.bytes, 0);
    ck_assert_uint_eq(empty.entries, 0);
    put("one", 100000);
    ck_assert_int_eq(mkdir(inner, 0700), 0);
    put("inner/two", 200000);
    ck_assert_int_eq(symlink("/", link), 0); /* not followed */
    temp_watch_measure(root, NO_END, &size);
    ck_assert_uint_eq(size.entries, 4);
    ck_assert_uint_ge(size.bytes, 300000);
    ck_assert_uint_lt(size.bytes, 400000);
    temp_watch_measure(root, 50000, &size); /* no further than it needs */
    ck_assert_uint_gt(size.bytes, 50000);
    ck_assert_uint_lt(size.entries, 5);
    temp_watch_measure("/nowhere/at/all", NO_END, &size);
    ck_assert_uint_eq(size.entries, 0);
    free(inner);
    free(link);
    inner = ct_asprintf("rm -r %s", root);
    ck_assert_int_eq(system(inner), 0);
    free(inner);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_measures_what_is_there);
}

int main(void)
{
    return unit_run("temp_watch", add_tests);
}
