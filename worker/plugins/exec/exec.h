/* exec: shared by its files. Three kinds of threads meet here, all under `lock`:
 *   job threads    exec.c: put the job's line into `to_child` and wait for their task to be over;
 *                  children.c: tell the child meanwhile what it asks about the job's children
 *   the loop       exec.c: cancel and finished put lines, never wait
 *   the manager    manager.c: owns the child; writes `to_child` to it, reads its lines, starts it
 *                  again; tasks.c ends jobs from here
 * A job's memory is safe to use as long as its task is not over: its run waits for that. */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/plugin.h"
#include "child.h"
#include "line.h"

#define EXEC_LINE_MAX     (16u << 20) /* bytes of a line from the child */
#define EXEC_TO_CHILD_MAX (64u << 20) /* bytes that wait for the child to read */
#define EXEC_CHILDREN_BYTES \
    (1u << 20) /* then what is told of a job's children goes on in a new line */
#define EXEC_STDERR_LINE_MAX 2048u
#define EXEC_RESTART_MIN_MS  100
#define EXEC_RESTART_MAX_MS  10000
#define EXEC_HEALTHY_MS      5000  /* a child that lived so long begins with a clean slate */
#define EXEC_CLOSE_MS        2000  /* from end of input to SIGKILL, when the runner ends */
#define EXEC_DENIED_MAX      1024u /* bytes of what says which path is out of reach */
#define EXEC_ID_MAX          4096u

struct task {
    struct task *next; /* in exec->tasks; the task itself is on its job thread's stack */
    struct cartrita_job *job;
    const char *id; /* of the job */
    bool is_given;  /* to the child that runs now */
    bool is_over;
    bool is_cancelled;
    unsigned asked; /* what its thread shall tell: bits by kind of children */
};

struct exec {
    const struct cartrita_host *host; /* borrowed */
    char **argv;                      /* owned; ends with NULL */
    char *folder;                     /* owned; NULL: ours */
    bool gives_temp_dirs;             /* each job line names a directory of the job's own */
    pthread_mutex_t lock;
    pthread_cond_t over; /* some task is over, or an id is free again */
    struct task *tasks;
    struct text to_child;
    int wake; /* eventfd: something for the manager */
    bool wants_finished;
    bool has_child; /* written by the manager alone */
    bool is_closing;
    pthread_t manager;

    /* The manager's own. */
    struct child child;
    bool is_skipping; /* a line that was too long: until its end */
    struct text from_child, stderr_in;
    size_t searched; /* bytes of from_child without an end of line */
    char last_stderr[EXEC_STDERR_LINE_MAX + 1];
    unsigned failures; /* in a row */
    unsigned long broken_count;
    int64_t started_ms;
};

int64_t exec_now_ms(void);
void exec_log(const struct exec *exec, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void exec_wake(struct exec *exec);

/* tasks.c: what a line of the child means. Under the lock. */
void tasks_heard(struct exec *exec, const char *text, size_t len);
/* A line that was longer than EXEC_LINE_MAX; `text` is its beginning. */
void tasks_heard_too_long(struct exec *exec, const char *text, size_t len);
/* The child is gone: what was given to it has failed. */
void tasks_child_gone(struct exec *exec, const char *how);
/* Puts the line that gives `task` to the child. False: too much is waiting already. */
bool tasks_give(struct exec *exec, struct task *task);

/* adds.c: a line that adds a job. Under the lock. */
void adds_add(struct exec *exec, struct task *task, const struct line *line);

/* children.c. 0: there is no kind of that name. */
int32_t children_kind(const char *name);
/* Tells what has been asked. Called, and returns, under the lock, which it lets go meanwhile. */
void children_tell(struct exec *exec, struct task *task);

/* manager.c: the thread that owns the child. */
void *manager_main(void *arg);

#endif
