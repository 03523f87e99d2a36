/* What a template is made of. Part of the SDK's inside; made by template, gone through by render.
 */
#ifndef CARTRITA_SDK_PIECES_H
#define CARTRITA_SDK_PIECES_H

#include <stdbool.h>
#include <stddef.h>

enum piece_kind {
    PIECE_TEXT,
    PIECE_VARIABLE, /* escaped where the template is HTML */
    PIECE_RAW,
    PIECE_SECTION,
    PIECE_INVERTED,
};

struct piece {
    enum piece_kind kind;
    const char *at; /* in the template's text: the text, or the name */
    size_t len;
    size_t behind; /* of sections: the piece that comes after all inside */
    unsigned line;
};

struct sdk_template {
    char *text; /* owned */
    struct piece *pieces;
    size_t count;
    bool is_html;
};

/* Name of the errors of templates. */
#define sdk_template_error "TemplateError"

#endif
