/* The plugin as its jobs see it: what is open for as long as the process lives. Made by email.c;
 * all of it may be used by several threads. */
#ifndef EMAIL_EMAIL_H
#define EMAIL_EMAIL_H

#include "cartrita/sdk/call.h"
#include "cartrita/sdk/file.h"
#include "cartrita/sdk/http.h"
#include "mail/dkim.h"
#include "mail/template.h"
#include "settings.h"
#include "smtp/pool.h"

struct email {
    const struct cartrita_host *host; /* borrowed */
    struct email_settings settings;
    struct smtp_pool *pool; /* NULL: no url is set */
    struct sdk_http *http;
    struct sdk_roots *roots;
    struct dkim_key *dkim; /* NULL: nothing is signed */
    struct mail_templates templates;
};

#endif
