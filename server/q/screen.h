/* The whole terminal, for commands that draw it again and again: raw keys in, frames out. Restores
 * it at the end, whatever the end is: by screen_close, by exit(), by a fatal signal. One at a time.
 * ANSI sequences that every terminal of today knows; the caller says so for those that do not. */
#ifndef Q_SCREEN_H
#define Q_SCREEN_H

#include "common/buf.h"
#include "common/error.h"

/* Keys beyond the bytes of characters. */
enum screen_key {
    SCREEN_NONE = 0,
    SCREEN_ENTER = '\r',
    SCREEN_ESCAPE = 27,
    SCREEN_BACK = 127,
    SCREEN_UP = 256,
    SCREEN_DOWN,
    SCREEN_LEFT,
    SCREEN_RIGHT,
    SCREEN_PAGE_UP,
    SCREEN_PAGE_DOWN,
    SCREEN_HOME,
    SCREEN_END,
};

struct screen {
    size_t width, height;
    int input; /* of the keys; to be polled by whoever waits for them */
    struct ct_buf frame;
    size_t lines; /* of the frame under way */
    struct ct_buf keys;
};

/* Whether stdin and stdout are a terminal that can be drawn on. */
bool screen_is_possible(void);

enum ct_code screen_open(struct screen *screen, struct ct_error *err) CT_MUST_CHECK;
void screen_close(struct screen *screen);
/* Gives the terminal back for a while (Ctrl-Z), and takes it again. */
void screen_leave(void);
void screen_enter(void);
/* The size as it is now. */
void screen_measure(struct screen *screen);

/* A frame: lines from the top, which the caller keeps within `width`, then screen_show. Lines
 * beyond the height are left out; the last one goes to the bottom with screen_bottom. */
void screen_line(struct screen *screen, struct ct_str line);
void screen_bottom(struct screen *screen, struct ct_str line);
void screen_show(struct screen *screen);

/* Takes what was typed; then the keys one by one, SCREEN_NONE when there are no more. */
void screen_read(struct screen *screen);
int screen_key(struct screen *screen);

#endif
