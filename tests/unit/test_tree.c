/* worker/tree: what is below a process, with real processes. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/watch/tree.h"

static struct tree tree;

static bool tree_has(pid_t pid)
{
    for (size_t i = 0; i < tree.count; i++)
        if (tree.pids[i] == pid)
            return true;
    return false;
}

/* A child with a child of its own, both of which wait for their end. */
static pid_t start_family(pid_t *grandchild)
{
    int ends[2];
    pid_t child;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        pid_t pid = fork();

        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                pause();
        }
        if (write(ends[1], &pid, sizeof pid) != sizeof pid)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ends[0], grandchild, sizeof *grandchild), sizeof *grandchild);
    close(ends[0]);
    close(ends[1]);
    return child;
}

static void end_family(pid_t child, pid_t grandchild)
{
    kill(grandchild, SIGKILL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

START_TEST(test_finds_descendants)
{
    pid_t grandchild, child = start_family(&grandchild);

    ck_assert(tree_is_known());
    tree_read_children(&tree, getpid());
    ck_assert(tree_has(child));
    ck_assert(!tree_has(grandchild));
    tree_read(&tree, getpid(), TREE_MAX);
    ck_assert_uint_eq(tree.count, 2);
    ck_assert_int_eq(tree.pids[0], child); /* the parent first */
    ck_assert_int_eq(tree.pids[1], grandchild);
    ck_assert(!tree.is_cut);
    tree_read(&tree, getpid(), 1);
    ck_assert_uint_eq(tree.count, 1);
    ck_assert(tree.is_cut);
    end_family(child, grandchild);
    tree_read(&tree, child, TREE_MAX); /* gone */
    ck_assert_uint_eq(tree.count, 0);
}
END_TEST

START_TEST(test_counts_shared_memory_once)
{
    size_t bytes = (size_t)64 << 20;
    char *memory = malloc(bytes);
    pid_t grandchild, child;
    uint64_t own, sum, fair;

    for (size_t i = 0; i < bytes; i += 512)
        memory[i] = 1;
    child = start_family(&grandchild);
    tree_read(&tree, getpid(), TREE_MAX);
    own = tree_memory_of(getpid());
    ck_assert_uint_gt(own, bytes);
    sum = tree_memory(&tree, getpid(), UINT64_MAX);
    ck_assert_uint_gt(sum, 3 * bytes);
    fair = tree_memory(&tree, getpid(), 1);
    ck_assert_uint_gt(fair, bytes);
    ck_assert_uint_lt(fair, 2 * bytes);
    end_family(child, grandchild);
    ck_assert_uint_eq(tree_memory_of(child), 0);
    free(memory);
}
END_TEST

START_TEST(test_adds_cpu_time)
{
    pid_t grandchild, child = start_family(&grandchild);
    pid_t busy = fork();

    if (busy == 0)
        for (volatile unsigned i = 0;; i++)
            ;
    do
        tree_read(&tree, getpid(), TREE_MAX);
    while (tree_cpu_ms(&tree) < 50);
    kill(busy, SIGKILL);
    waitpid(busy, NULL, 0);
    end_family(child, grandchild);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_finds_descendants);
    tcase_add_test(tcase, test_counts_shared_memory_once);
    tcase_add_test(tcase, test_adds_cpu_time);
}

int main(void)
{
    return unit_run("tree", add_tests);
}
