/* Asks a server of ours, on this machine, whether it is well: --check-health of both programs, for
 * what looks after them without an HTTP client of its own (containers without a shell). Blocks. */
#ifndef CT_HTTP_CHECK_H
#define CT_HTTP_CHECK_H

#include <stdbool.h>

#include "common/error.h"

#define HTTP_CHECK_MS 4000

/* GET /healthz at `address`, where the server listens (0.0.0.0 and [::] are asked on the loopback).
 * With TLS the certificate is not checked: it names the machine, not its loopback. OK: the answer
 * was 200. */
enum ct_code http_check_health(const char *address, bool is_tls,
                               struct ct_error *err) CT_MUST_CHECK;

/* What a program does for --check-health: prints "ok", or why not. Its exit code. */
int http_check_main(const char *program, const char *address, bool is_tls);

#endif
