/* The table of settings, and what must hold between them. See settings.h. */
#include "settings.h"

#include <stddef.h>
#include <string.h>

#include "cartrita/sdk/settings.h"

#define MINUTE_MS 60000
#define MIB       (1024 * 1024)

static const char *const tls_modes[] = {"auto",     "never",  "opportunistic",
                                        "required", "verify", NULL};

#define AT(member) offsetof(struct email_settings, member)

static const struct sdk_setting table[] = {
    {.name = "url", .kind = SDK_SETTING_TEXT, .offset = AT(url)},
    {.name = "user", .kind = SDK_SETTING_TEXT, .offset = AT(user)},
    {.name = "password", .kind = SDK_SETTING_SECRET, .offset = AT(password)},
    {.name = "tls",
     .kind = SDK_SETTING_CHOICE,
     .offset = AT(tls),
     .fallback = "auto",
     .choices = tls_modes},
    {.name = "caFile", .kind = SDK_SETTING_TEXT, .offset = AT(ca_file)},
    {.name = "helo", .kind = SDK_SETTING_TEXT, .offset = AT(helo)},
    {.name = "connections",
     .kind = SDK_SETTING_INTEGER,
     .offset = AT(connections),
     .fallback = "20",
     .min = 1,
     .max = 1000},
    {.name = "mailsPerConnection",
     .kind = SDK_SETTING_INTEGER,
     .offset = AT(mails_per_connection),
     .fallback = "100",
     .min = 1,
     .max = 1000000},
    {.name = "idleTimeout",
     .kind = SDK_SETTING_DURATION,
     .offset = AT(idle_timeout_ms),
     .fallback = "60s",
     .min = 1000,
     .max = 60 * MINUTE_MS},
    {.name = "connectTimeout",
     .kind = SDK_SETTING_DURATION,
     .offset = AT(connect_timeout_ms),
     .fallback = "10s",
     .min = 100,
     .max = 10 * MINUTE_MS},
    {.name = "replyTimeout",
     .kind = SDK_SETTING_DURATION,
     .offset = AT(reply_timeout_ms),
     .fallback = "60s",
     .min = 1000,
     .max = 10 * MINUTE_MS},
    {.name = "sendTimeout",
     .kind = SDK_SETTING_DURATION,
     .offset = AT(send_timeout_ms),
     .fallback = "5m",
     .min = 1000,
     .max = 60 * MINUTE_MS},
    {.name = "from", .kind = SDK_SETTING_TEXT, .offset = AT(from)},
    {.name = "bounceTo", .kind = SDK_SETTING_TEXT, .offset = AT(bounce_to)},
    {.name = "redirectTo", .kind = SDK_SETTING_TEXT, .offset = AT(redirect_to)},
    {.name = "templates", .kind = SDK_SETTING_TEXT, .offset = AT(templates)},
    {.name = "roots", .kind = SDK_SETTING_JSON, .offset = AT(roots)},
    {.name = "messageMax",
     .kind = SDK_SETTING_SIZE,
     .offset = AT(message_max),
     .fallback = "25M",
     .min = 1024,
     .max = 1024LL * MIB},
    {.name = "attachmentsMax",
     .kind = SDK_SETTING_INTEGER,
     .offset = AT(attachments_max),
     .fallback = "50",
     .min = 0,
     .max = 1000},
    {.name = "recipientsMax",
     .kind = SDK_SETTING_INTEGER,
     .offset = AT(recipients_max),
     .fallback = "100",
     .min = 1,
     .max = 10000},
    {.name = "bulkMax",
     .kind = SDK_SETTING_INTEGER,
     .offset = AT(bulk_max),
     .fallback = "10000",
     .min = 1,
     .max = 100000},
    {.name = "dkimDomain", .kind = SDK_SETTING_TEXT, .offset = AT(dkim_domain)},
    {.name = "dkimSelector", .kind = SDK_SETTING_TEXT, .offset = AT(dkim_selector)},
    {.name = "dkimKey", .kind = SDK_SETTING_SECRET, .offset = AT(dkim_key)},
    {.name = "webhookSecret", .kind = SDK_SETTING_SECRET, .offset = AT(webhook_secret)},
    {.name = "slackUrl", .kind = SDK_SETTING_SECRET, .offset = AT(slack_url)},
    {.name = "httpCaFile", .kind = SDK_SETTING_TEXT, .offset = AT(http_ca_file)},
    {.name = "privateAddresses",
     .kind = SDK_SETTING_BOOLEAN,
     .offset = AT(takes_private),
     .fallback = "false"},
    {.name = "httpTimeout",
     .kind = SDK_SETTING_DURATION,
     .offset = AT(http_timeout_ms),
     .fallback = "30s",
     .min = 100,
     .max = 10 * MINUTE_MS},
};

#define COUNT (sizeof table / sizeof table[0])

/* A password is not sent, nor a certificate wanted, without the user having to think of it. */
static void settings_choose_tls(struct email_settings *settings)
{
    bool is_smtps = settings->url && strncmp(settings->url, "smtps:", 6) == 0;

    if (settings->tls == EMAIL_TLS_AUTO)
        settings->tls = is_smtps || settings->user ? EMAIL_TLS_VERIFY : EMAIL_TLS_TRY;
}

static bool settings_fit(const struct email_settings *settings, struct sdk_error *error)
{
    size_t dkim = !!settings->dkim_domain + !!settings->dkim_selector + !!settings->dkim_key;

    if (!settings->user != !settings->password)
        return sdk_refuse(error, "SettingsError", "user and password go together: %s is missing",
                          settings->user ? "password" : "user");
    if (dkim != 0 && dkim != 3)
        return sdk_refuse(
            error, "SettingsError",
            "dkimDomain, dkimSelector and dkimKey go together: set all three or none");
    if (settings->tls == EMAIL_TLS_NEVER && settings->url &&
        strncmp(settings->url, "smtps:", 6) == 0)
        return sdk_refuse(error, "SettingsError", "tls=never does not go with an smtps:// url");
    return true;
}

bool email_settings_read(const char *config, struct email_settings *out, struct sdk_error *error)
{
    if (!sdk_settings_read(config, table, COUNT, out, error))
        return false;
    settings_choose_tls(out);
    if (settings_fit(out, error))
        return true;
    email_settings_free(out);
    return false;
}

void email_settings_free(struct email_settings *settings)
{
    sdk_settings_free(table, COUNT, settings);
    memset(settings, 0, sizeof *settings);
}
