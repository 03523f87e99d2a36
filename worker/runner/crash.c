/* See crash.h.
 *
 *   fault ──> facts ──> addresses of the backtrace ──> their symbols ──> default action
 *     second thread that crashes meanwhile: waits for that end, or the deadline
 *     fault in here: the kernel ends the process, by a signal that is blocked
 *     lock that is never freed: SIGALRM ends it; the facts are there
 *     in a forked child of the runner: default action at once, the jobs are not its own */
#include "worker/runner/crash.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CRASH_STACK_BYTES    (64u << 10) /* more where the kernel asks for it */
#define CRASH_OVERFLOW_BYTES (64u << 10) /* so far beyond a stack its overflow is met */
#define CRASH_OWN_FRAMES_MAX 8           /* of this file and the kernel's, before the plugin's */

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
#define CRASH_SIGNALS (sizeof crash_signals / sizeof crash_signals[0])

static _Atomic(struct recorder *) crash_recorder; /* borrowed; NULL: not yet */
static pid_t crash_pid;
static struct sigaction crash_before[CRASH_SIGNALS];

static _Thread_local struct {
    uint32_t first, count;
    uintptr_t stack_end; /* the lowest address of its stack; 0: not known */
    bool is_in_handler;
} crash_thread;

void crash_blame(size_t first, size_t count)
{
    crash_thread.first = (uint32_t)first;
    crash_thread.count = (uint32_t)count;
}

/* --- in the handler ------------------------------------------------------------------------ */

/* Whether this very thread caused it, by a fault or by raising it. A signal for the process, or
 * from another one, may reach any thread. */
static bool crash_is_own(const siginfo_t *info)
{
    return info->si_code > 0 || (info->si_code == SI_TKILL && info->si_pid == crash_pid);
}

static uintptr_t crash_program_counter(const ucontext_t *context, uintptr_t *caller)
{
    *caller = 0;
#if defined(__x86_64__)
    /* After a call to nowhere all that tells is the return address it has just pushed. */
    if (context->uc_mcontext.gregs[REG_RIP] == 0)
        *caller = *(const uintptr_t *)context->uc_mcontext.gregs[REG_RSP];
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    if (context->uc_mcontext.pc == 0)
        *caller = (uintptr_t)context->uc_mcontext.regs[30];
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static void crash_note_fault(struct recorder_crash *crash, const siginfo_t *info)
{
    uintptr_t address = (uintptr_t)info->si_addr;

    crash->system_call = -1;
    if (info->si_signo == SIGSYS && info->si_code > 0) {
        crash->system_call = info->si_syscall;
        return;
    }
    /* SI_KERNEL: a fault that has no address. */
    if (info->si_code <= 0 || info->si_code == SI_KERNEL || info->si_signo == SIGTRAP)
        return;
    crash->has_address = 1;
    crash->address = address;
    crash->is_overflow = info->si_signo == SIGSEGV && crash_thread.stack_end &&
                         address < crash_thread.stack_end &&
                         address >= crash_thread.stack_end - CRASH_OVERFLOW_BYTES;
}

static void crash_note_facts(struct recorder_crash *crash, enum recorder_crash_kind kind,
                             int number, bool is_own)
{
    crash->number = number;
    crash->first = crash_thread.first;
    crash->running = is_own ? crash_thread.count : 0;
    atomic_signal_fence(memory_order_release); /* the end of the process does the rest */
    crash->kind = kind;
}

static void crash_copy(char *to, size_t size, const char *from)
{
    size_t len = strnlen(from, size - 1);

    memcpy(to, from, len);
    to[len] = '\0';
}

/* A return address belongs to the call before it. */
static void crash_note_symbol(struct recorder_frame *frame, bool is_return)
{
    uint64_t at = frame->address - (is_return ? 1 : 0);
    const char *name;
    Dl_info found;

    if (dladdr((void *)(uintptr_t)at, &found) == 0 || !found.dli_fname)
        return;
    name = strrchr(found.dli_fname, '/');
    frame->offset = at - (uintptr_t)found.dli_fbase;
    crash_copy(frame->module, sizeof frame->module, name ? name + 1 : found.dli_fname);
    if (found.dli_sname)
        crash_copy(frame->symbol, sizeof frame->symbol, found.dli_sname);
}

/* Addresses first: they are good for something also when the loader's lock is never free. */
static void crash_note_frames(struct recorder_crash *crash, void *const *addresses, int count,
                              bool has_counter)
{
    for (int i = 0; i < count && i < (int)RECORDER_FRAMES_MAX; i++) {
        crash->frames[i] = (struct recorder_frame){.address = (uintptr_t)addresses[i]};
        crash->frame_count = (uint32_t)i + 1;
    }
    for (uint32_t i = 0; i < crash->frame_count; i++)
        crash_note_symbol(&crash->frames[i], i > 0 || !has_counter);
}

/* The frames of the handler lie before that of the fault, and are left out. */
static void crash_note_backtrace(struct recorder_crash *crash, const ucontext_t *context)
{
    void *addresses[RECORDER_FRAMES_MAX + CRASH_OWN_FRAMES_MAX];
    uintptr_t caller, counter = crash_program_counter(context, &caller);
    void *at_least[] = {(void *)counter, (void *)caller};
    int count, first = 0;

    crash_note_frames(crash, at_least, caller ? 2 : 1, true); /* should what follows not return */
    count = backtrace(addresses, (int)(sizeof addresses / sizeof addresses[0]));
    while (first < count && (uintptr_t)addresses[first] != counter)
        first++;
    if (first < count - 1)
        crash_note_frames(crash, addresses + first, count - first, true);
}

/* Whatever keeps us, the process ends. */
static void crash_set_deadline(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t set;

    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(CRASH_DEADLINE_S);
}

/* To whom it would have gone without us. The default action comes when the handler returns: the
 * signal is blocked until then. */
static void crash_pass_on(int number, siginfo_t *info, void *context)
{
    const struct sigaction *before = NULL;
    struct sigaction action = {.sa_handler = SIG_DFL};

    for (size_t i = 0; i < CRASH_SIGNALS; i++)
        if (crash_signals[i] == number)
            before = &crash_before[i];
    if (before && (before->sa_flags & SA_SIGINFO) && before->sa_sigaction) {
        before->sa_sigaction(number, info, context);
    } else if (before && before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
        before->sa_handler(number);
    } else {
        sigaction(number, &action, NULL);
        raise(number);
    }
}

static void crash_handle(int number, siginfo_t *info, void *context)
{
    struct recorder *recorder = atomic_load(&crash_recorder);
    struct recorder_crash *crash;

    if (!recorder || getpid() != crash_pid || crash_thread.is_in_handler) {
        crash_pass_on(number, info, context);
        return;
    }
    crash_thread.is_in_handler = true;
    crash = recorder_take_crash(recorder);
    if (crash) {
        crash_note_fault(crash, info);
        crash_note_facts(crash, RECORDER_CRASH_SIGNAL, number, crash_is_own(info));
    }
    crash_set_deadline();
    while (!crash)
        pause(); /* another thread came first, and ends us all; or the area is damaged */
    crash_note_backtrace(crash, context);
    crash_pass_on(number, info, context);
}

/* exit() runs in the thread that called it. */
static void crash_exited(int status, void *arg)
{
    struct recorder *recorder = atomic_load(&crash_recorder);
    void *addresses[RECORDER_FRAMES_MAX];
    struct recorder_crash *crash;

    (void)arg;
    if (!recorder || getpid() != crash_pid || crash_thread.count == 0)
        return; /* the runner's own end */
    crash = recorder_take_crash(recorder);
    if (!crash)
        return;
    crash_thread.is_in_handler = true; /* should it crash on its way out */
    crash->system_call = -1;
    crash_note_facts(crash, RECORDER_CRASH_EXIT, status & 0xff, true);
    crash_note_frames(crash, addresses, backtrace(addresses, RECORDER_FRAMES_MAX), false);
}

/* --- before -------------------------------------------------------------------------------- */

void crash_record(struct recorder *recorder)
{
    atomic_store(&crash_recorder, recorder);
}

void crash_watch(void)
{
    struct sigaction action = {.sa_sigaction = crash_handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static struct crash_stack stack; /* of the main thread, to the end */
    void *ignored[1];

    crash_pid = getpid();
    (void)backtrace(ignored, 1); /* loads what it needs: later may be too late */
    crash_thread_open(&stack);
    sigfillset(&action.sa_mask);
    sigdelset(&action.sa_mask, SIGALRM);
    for (size_t i = 0; i < CRASH_SIGNALS; i++)
        sigaction(crash_signals[i], &action, &crash_before[i]);
    on_exit(crash_exited, NULL);
}

static void crash_find_stack_end(void)
{
    pthread_attr_t attributes;
    void *end;
    size_t size;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    if (pthread_attr_getstack(&attributes, &end, &size) == 0)
        crash_thread.stack_end = (uintptr_t)end;
    pthread_attr_destroy(&attributes);
}

void crash_thread_open(struct crash_stack *stack)
{
    long wanted = sysconf(_SC_SIGSTKSZ);
    stack_t present, own = {.ss_size = CRASH_STACK_BYTES};

    *stack = (struct crash_stack){NULL, 0};
    crash_find_stack_end();
    if (sigaltstack(NULL, &present) != 0 || !(present.ss_flags & SS_DISABLE))
        return;
    if (wanted > 0 && (size_t)wanted > own.ss_size)
        own.ss_size = (size_t)wanted;
    own.ss_sp = mmap(NULL, own.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (own.ss_sp == MAP_FAILED)
        return; /* all but an overflow of the stack is told without */
    *stack = (struct crash_stack){own.ss_sp, own.ss_size};
    sigaltstack(&own, NULL);
}

void crash_thread_close(struct crash_stack *stack)
{
    stack_t none = {.ss_flags = SS_DISABLE};

    if (!stack->memory)
        return;
    sigaltstack(&none, NULL);
    munmap(stack->memory, stack->size);
    stack->memory = NULL;
}
