/* MD5 (RFC 1321), because Bull names repeatable jobs with it. Never for anything secret. */
#ifndef CT_COMMON_MD5_H
#define CT_COMMON_MD5_H

#include "common/str.h"

#define CT_MD5_HEX_LEN 32
/* The digest as lower case hexadecimal text, NUL-terminated. */
void ct_md5_hex(struct ct_str text, char out[CT_MD5_HEX_LEN + 1]);

#endif
