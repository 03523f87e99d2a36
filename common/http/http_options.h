/* Rows of the option tables of both programs, for a server of http.h: the struct of their flags has
 * char pointers http, http_cert, http_key and http_ca, and a bool checks_health. */
#ifndef CT_HTTP_OPTIONS_H
#define CT_HTTP_OPTIONS_H

#include "common/option.h"

#define HTTP_OPTIONS(flags, default_address, is_not_in_file)                                      \
    {.name = "http",                                                                              \
     .kind = CT_OPTION_STRING,                                                                    \
     .offset = offsetof(flags, http),                                                             \
     .value_name = "ADDRESS",                                                                     \
     .fallback = default_address,                                                                 \
     .env = {"CARTRITA_HTTP"},                                                                    \
     .group = "HTTP",                                                                             \
     .not_in_file = is_not_in_file,                                                               \
     .help = "Where health and metrics are served: HOST:PORT or unix:/PATH; off: nowhere. Plain " \
             "HTTP has no protection of its own: keep it in a private network."},                 \
        {.name = "http-cert",                                                                     \
         .kind = CT_OPTION_STRING,                                                                \
         .offset = offsetof(flags, http_cert),                                                    \
         .value_name = "FILE",                                                                    \
         .not_in_file = is_not_in_file,                                                           \
         .help = "Certificate (PEM, with its chain) to serve it with TLS."},                      \
        {.name = "http-key",                                                                      \
         .kind = CT_OPTION_STRING,                                                                \
         .offset = offsetof(flags, http_key),                                                     \
         .value_name = "FILE",                                                                    \
         .not_in_file = is_not_in_file,                                                           \
         .help = "The certificate's private key (PEM)."},                                         \
    {                                                                                             \
        .name = "http-ca", .kind = CT_OPTION_STRING, .offset = offsetof(flags, http_ca),          \
        .value_name = "FILE", .not_in_file = is_not_in_file,                                      \
        .help = "CA (PEM) whose certificates clients may show to say who they are."               \
    }

#define HTTP_CHECK_OPTION(flags)                                                                  \
    {                                                                                             \
        .name = "check-health", .kind = CT_OPTION_BOOL, .offset = offsetof(flags, checks_health), \
        .help = "Ask the one that serves at --http whether it is well, and exit with 0 if so.",   \
        .not_in_file = true,                                                                      \
    }

#endif
