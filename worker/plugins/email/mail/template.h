/* Subject, text and HTML with variables: from a job's data, or by name from the files that the
 * setting `templates` holds (NAME.subject, NAME.txt, NAME.html), which are read once, at the start
 * of a runner. */
#ifndef EMAIL_MAIL_TEMPLATE_H
#define EMAIL_MAIL_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "cartrita/sdk/json.h"
#include "cartrita/sdk/template.h"

#define TEMPLATE_NAMES_MAX 500u
#define TEMPLATE_FILE_MAX  (1024u * 1024)

struct mail_template {
    char *name;                                 /* owned; NULL: of a job */
    struct sdk_template *subject, *text, *html; /* owned; NULL: none */
};

struct mail_templates {
    struct mail_template *items; /* owned */
    size_t count;
};

/* `directory` NULL: none. An error names the file. */
bool templates_open(const char *directory, struct mail_templates *out, struct sdk_error *error);
void templates_close(struct mail_templates *templates);
/* Borrowed; NULL: no such name. */
const struct mail_template *templates_find(const struct mail_templates *templates,
                                           const char *name);

/* {"subject", "text", "html"} of a job. */
bool template_parse(struct sdk_reader *in, size_t max_len, struct mail_template *out);
void template_fini(struct mail_template *template);

#endif
