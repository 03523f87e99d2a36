/* Progress and early end; see the header. */
#include "q/progress.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

#define PROGRESS_TTY_MS  200
#define PROGRESS_FILE_MS 5000

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
    (void)number;
    is_stopped = 1;
}

void progress_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool progress_is_stopped(void)
{
    return is_stopped;
}

enum ct_code progress_check(struct ct_error *err)
{
    if (!is_stopped)
        return CT_E_OK;
    return ct_error_set(err, CT_E_CANCELLED, "stopped; run it again to go on");
}

void progress_forget_signal(void)
{
    if (is_stopped) {
        is_stopped = 0;
        progress_catch_signals();
    }
}

void progress_show(struct progress *progress, int64_t done)
{
    bool is_tty = isatty(STDERR_FILENO);
    int64_t now_ms = ct_monotonic_ms(&ct_clock_system);

    if (progress->next_ms == 0)
        progress->next_ms = now_ms + (is_tty ? PROGRESS_TTY_MS : PROGRESS_FILE_MS);
    if (now_ms < progress->next_ms)
        return;
    progress->next_ms = now_ms + (is_tty ? PROGRESS_TTY_MS : PROGRESS_FILE_MS);
    progress->is_shown = true;
    fprintf(stderr, "%s%s %lld", is_tty ? "\r" : "", progress->deed, (long long)done);
    if (progress->total > 0)
        fprintf(stderr, " of %lld, %d%%", (long long)progress->total,
                (int)((double)done * 100 / (double)progress->total));
    fputs(is_tty ? "\033[K" : "\n", stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->is_shown && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    progress->is_shown = false;
}
