/* See the header. A frame is written at once and over the last one, so that nothing flickers. Keys
 * that a terminal sends as several bytes come in one read; an escape alone is the key Escape. */
#include "q/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ENTER_SEQUENCE "\x1b[?1049h\x1b[?25l\x1b[2J" /* other screen, no cursor, empty */
#define LEAVE_SEQUENCE "\x1b[0m\x1b[?25h\x1b[?1049l"
#define KEYS_MAX       256 /* bytes that are typed ahead */

static struct termios cooked;
static volatile sig_atomic_t is_taken;

static void write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* it is gone: the signal for that ends the program */
        bytes += written;
        len -= (size_t)written;
    }
}

/* Safe in a signal handler. */
void screen_leave(void)
{
    if (!is_taken)
        return;
    is_taken = 0;
    write_all(LEAVE_SEQUENCE, sizeof LEAVE_SEQUENCE - 1);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &cooked);
}

void screen_enter(void)
{
    struct termios raw = cooked;

    raw.c_iflag &= (tcflag_t) ~(IXON | ICRNL);
    raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    is_taken = 1;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    write_all(ENTER_SEQUENCE, sizeof ENTER_SEQUENCE - 1);
}

static void on_fatal(int number)
{
    screen_leave();
    raise(number); /* its handler is the default again: ends as it would have */
}

static void catch_fatal(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

bool screen_is_possible(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal && *terminal &&
           strcmp(terminal, "dumb") != 0;
}

enum ct_code screen_open(struct screen *screen, struct ct_error *err)
{
    *screen = (struct screen){.lines = 0};
    if (tcgetattr(STDIN_FILENO, &cooked) != 0)
        return ct_error_set(err, CT_E_SYSTEM, "the terminal cannot be set: %s", strerror(errno));
    /* Not stdin itself: whoever polls it makes it non-blocking, for the shell and for stdout too.
     */
    screen->input = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (screen->input < 0)
        return ct_error_set(err, CT_E_SYSTEM, "/dev/tty: %s", strerror(errno));
    catch_fatal();
    atexit(screen_leave);
    screen_measure(screen);
    screen_enter();
    return CT_E_OK;
}

void screen_close(struct screen *screen)
{
    screen_leave();
    close(screen->input);
    ct_buf_free(&screen->frame);
    ct_buf_free(&screen->keys);
}

void screen_measure(struct screen *screen)
{
    struct winsize size;

    screen->width = 80;
    screen->height = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        screen->width = size.ws_col;
        screen->height = size.ws_row;
    }
}

/* --- frames --------------------------------------------------------------------------------- */

void screen_line(struct screen *screen, struct ct_str line)
{
    if (screen->lines + 1 >= screen->height)
        return;
    ct_buf_printf(&screen->frame, screen->lines++ == 0 ? "\x1b[H" : "\r\n");
    ct_buf_append_str(&screen->frame, line);
    ct_buf_printf(&screen->frame, "\x1b[0m\x1b[K");
}

void screen_bottom(struct screen *screen, struct ct_str line)
{
    ct_buf_printf(&screen->frame, "\x1b[J\x1b[%zu;1H", screen->height);
    ct_buf_append_str(&screen->frame, line);
    ct_buf_printf(&screen->frame, "\x1b[0m\x1b[K");
}

void screen_show(struct screen *screen)
{
    if (is_taken)
        write_all(ct_buf_data(&screen->frame), screen->frame.len);
    ct_buf_clear(&screen->frame);
    screen->lines = 0;
}

/* --- keys ----------------------------------------------------------------------------------- */

void screen_read(struct screen *screen)
{
    char bytes[64];
    ssize_t got;

    while ((got = read(screen->input, bytes, sizeof bytes)) > 0) {
        if (screen->keys.len + (size_t)got <= KEYS_MAX)
            ct_buf_append(&screen->keys, bytes, (size_t)got);
    }
}

int screen_key(struct screen *screen)
{
    static const struct {
        const char *bytes;
        int key;
    } sequences[] = {
        {"\x1b[A", SCREEN_UP},         {"\x1b[B", SCREEN_DOWN}, {"\x1b[C", SCREEN_RIGHT},
        {"\x1b[D", SCREEN_LEFT},       {"\x1bOA", SCREEN_UP},   {"\x1bOB", SCREEN_DOWN},
        {"\x1bOC", SCREEN_RIGHT},      {"\x1bOD", SCREEN_LEFT}, {"\x1b[5~", SCREEN_PAGE_UP},
        {"\x1b[6~", SCREEN_PAGE_DOWN}, {"\x1b[H", SCREEN_HOME}, {"\x1b[F", SCREEN_END},
        {"\x1b[1~", SCREEN_HOME},      {"\x1b[4~", SCREEN_END}, {"\x1bOH", SCREEN_HOME},
        {"\x1bOF", SCREEN_END},        {"\n", SCREEN_ENTER},    {"\b", SCREEN_BACK},
    };
    struct ct_str typed = ct_buf_str(&screen->keys);
    int key;

    if (typed.len == 0)
        return SCREEN_NONE;
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        if (ct_str_skip(&typed, sequences[i].bytes)) {
            ct_buf_consume(&screen->keys, strlen(sequences[i].bytes));
            return sequences[i].key;
        }
    }
    key = (unsigned char)typed.data[0];
    /* A sequence that is not known is no key at all. */
    if (key == SCREEN_ESCAPE && typed.len > 1 && (typed.data[1] == '[' || typed.data[1] == 'O')) {
        size_t len = 2;

        while (len < typed.len && (unsigned char)typed.data[len] < 0x40)
            len++;
        ct_buf_consume(&screen->keys, len < typed.len ? len + 1 : len);
        return screen_key(screen);
    }
    ct_buf_consume(&screen->keys, 1);
    return key;
}
