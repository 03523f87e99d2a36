/* Secrets and their blanking. See cartrita/sdk/secret.h. */
#include "cartrita/sdk/secret.h"

void sdk_redact(char *text)
{
    (void)text;
}
