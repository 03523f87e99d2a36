/* Failures of SMTP, in words. See fault.h. */
#include "smtp/fault.h"

#include <stdio.h>
#include <string.h>

static const char *const steps[] = {
    [TALK_CONNECT] = "the connection", [TALK_HELLO] = "the greeting (EHLO)",
    [TALK_TLS] = "STARTTLS",           [TALK_LOGIN] = "the login",
    [TALK_SENDER] = "the sender",      [TALK_RECIPIENT] = "the recipient",
    [TALK_DATA] = "the mail (DATA)",   [TALK_BODY] = "the mail"};

/* A mail that was on its way may have arrived; the receiver can tell by its Message-ID. */
static const char *fault_doubt(const struct talk *talk)
{
    return talk->step == TALK_BODY
               ? "; the mail may have arrived: the next attempt has the same Message-ID"
               : "";
}

/* All recipients were refused, or the mail as a whole was. */
static enum smtp_fault fault_refused_all(const struct smtp_pool *pool, struct sdk_call *call,
                                         const struct smtp_mail *mail)
{
    const struct talk_recipient *shown = &mail->recipients[0];
    bool is_permanent = true;

    for (size_t i = 0; i < mail->recipient_count; i++)
        if (!smtp_is_permanent(&mail->recipients[i].reply)) {
            is_permanent = false;
            shown = &mail->recipients[i];
            break;
        }
    (is_permanent ? sdk_refuse
                  : sdk_retry_later)(&call->error, "SmtpError", "%s refuses the recipient %s: %s",
                                     smtp_pool_server(pool), shown->address, shown->reply.text);
    return SMTP_FAULT_RECIPIENT;
}

/* The server has answered 4xx or 5xx. */
static enum smtp_fault fault_answered(const struct smtp_pool *pool, struct sdk_call *call,
                                      const struct talk *talk)
{
    const char *user = smtp_pool_settings(pool)->user;
    bool is_permanent = smtp_is_permanent(&talk->reply);
    char whom[200] = "";

    if (talk->step == TALK_LOGIN && user)
        snprintf(whom, sizeof whom, " of %.150s (settings user, password)", user);
    (is_permanent ? sdk_refuse : sdk_retry_later)(&call->error, "SmtpError", "%s refuses %s%s: %s",
                                                  smtp_pool_server(pool), steps[talk->step], whom,
                                                  talk->reply.text);
    return talk->step >= TALK_DATA && talk->reply.code != 421 ? SMTP_FAULT_MAIL : SMTP_FAULT_SERVER;
}

static void fault_timed_out(const struct smtp_pool *pool, struct sdk_call *call,
                            const struct talk *talk)
{
    const struct email_settings *settings = smtp_pool_settings(pool);

    if (talk->step == TALK_CONNECT && !talk->is_heard)
        sdk_retry_later(
            &call->error, "NetworkError",
            "%s: timed out without a greeting (connectTimeout %lld ms, replyTimeout %lld ms)",
            smtp_pool_server(pool), (long long)settings->connect_timeout_ms,
            (long long)settings->reply_timeout_ms);
    else
        sdk_retry_later(&call->error, "NetworkError",
                        "%s: timed out at %s (replyTimeout %lld ms, sendTimeout %lld ms)%s",
                        smtp_pool_server(pool), steps[talk->step],
                        (long long)settings->reply_timeout_ms, (long long)settings->send_timeout_ms,
                        fault_doubt(talk));
}

/* No answer decides: the network, TLS, or what the server does not offer. */
static void fault_by_code(const struct smtp_pool *pool, struct sdk_call *call, CURLcode code,
                          const struct talk *talk)
{
    const char *server = smtp_pool_server(pool);
    const char *said = curl_easy_strerror(code);
    struct sdk_error *error = &call->error;

    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        fault_timed_out(pool, call, talk);
        break;
    case CURLE_COULDNT_CONNECT:
        sdk_retry_later(error, "NetworkError", "%s: cannot be connected to: refused or unreachable",
                        server);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
        sdk_retry_later(error, "NetworkError", "%s: no such host", server);
        break;
    case CURLE_USE_SSL_FAILED:
        sdk_retry_later(error, "TlsError",
                        "%s: offers no STARTTLS, and the setting tls asks for it", server);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        sdk_retry_later(error, "TlsError",
                        "%s: its certificate is not trusted, or not for this host (settings "
                        "caFile, tls)",
                        server);
        break;
    case CURLE_SSL_CACERT_BADFILE:
        sdk_retry_later(error, "TlsError", "caFile cannot be read: %s", said);
        break;
    case CURLE_LOGIN_DENIED:
        sdk_refuse(error, "SmtpError", "%s: offers no kind of login that can be used", server);
        break;
    default:
        sdk_retry_later(error, "NetworkError", "%s: failed at %s: %s%s", server, steps[talk->step],
                        said, fault_doubt(talk));
    }
}

enum smtp_fault smtp_fault_of(const struct smtp_pool *pool, struct sdk_call *call,
                              const struct smtp_mail *mail, CURLcode code, const struct talk *talk)
{
    bool is_refused = talk->reply.code >= 400;

    if (code == CURLE_ABORTED_BY_CALLBACK) {
        sdk_retry_later(&call->error, "CancelledError", "stopped");
        return SMTP_FAULT_SERVER;
    }
    if (is_refused && talk->step == TALK_RECIPIENT && talk->reply.code != 421)
        return fault_refused_all(pool, call, mail);
    if (is_refused)
        return fault_answered(pool, call, talk);
    fault_by_code(pool, call, code, talk);
    return SMTP_FAULT_SERVER;
}
