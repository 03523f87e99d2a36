/* Passwords and keys: where they come from, and that they are never told.
 *
 * A reference is "env:NAME" (environment), "file:PATH" (content of a file, without the line end),
 * "credential:NAME" (a file of $CREDENTIALS_DIRECTORY, as systemd gives them) or the value itself.
 */
#ifndef CARTRITA_SDK_SECRET_H
#define CARTRITA_SDK_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "cartrita/sdk/error.h"

#define SDK_SECRET_MAX   (64u * 1024) /* bytes of one; a private key fits */
#define SDK_SECRETS_MAX  256u         /* known to one process */
#define SDK_SECRET_SHORT 4u           /* shorter ones are not looked for in texts */

/* Fresh memory (free it, with sdk_secret_free), and remembers it for sdk_redact. */
bool sdk_secret_read(const char *reference, char **value, struct sdk_error *error);
/* Overwrites, then frees; it stays known to sdk_redact. NULL is allowed. */
void sdk_secret_free(char *value);

/* Replaces each known secret in `text`, in place, by four asterisks. Any thread. */
void sdk_redact(char *text);

#endif
