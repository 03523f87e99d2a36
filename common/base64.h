/* Base64 (RFC 4648, standard alphabet, with padding). */
#ifndef CT_COMMON_BASE64_H
#define CT_COMMON_BASE64_H

#include "common/buf.h"
#include "common/str.h"

void ct_base64_append(struct ct_buf *buf, struct ct_str bytes);

#endif
