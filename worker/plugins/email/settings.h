/* The settings of the plugin: names, defaults and limits are in settings.c, and in README.md. */
#ifndef EMAIL_SETTINGS_H
#define EMAIL_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"

enum email_tls {
    EMAIL_TLS_AUTO,
    EMAIL_TLS_NEVER,
    EMAIL_TLS_TRY,
    EMAIL_TLS_REQUIRED,
    EMAIL_TLS_VERIFY
};

struct email_settings {
    /* the server */
    char *url, *user, *password, *ca_file, *helo;
    int tls; /* enum email_tls, never AUTO once read */
    int64_t connections, mails_per_connection, idle_timeout_ms;
    int64_t connect_timeout_ms, reply_timeout_ms, send_timeout_ms;
    /* mails */
    char *from, *bounce_to, *redirect_to, *templates;
    json_t *roots;
    int64_t message_max, attachments_max, recipients_max, bulk_max;
    /* DKIM */
    char *dkim_domain, *dkim_selector, *dkim_key;
    /* webhooks */
    char *webhook_secret, *slack_url, *http_ca_file;
    bool takes_private; /* addresses of loopback and private networks */
    int64_t http_timeout_ms;
};

bool email_settings_read(const char *config, struct email_settings *out, struct sdk_error *error);
void email_settings_free(struct email_settings *settings);

#endif
