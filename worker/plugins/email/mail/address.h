/* Addresses as jobs give them, checked, as GMime's lists.
 *
 * One is "a@b.c", "Name <a@b.c>" or {"name": "Name", "address": "a@b.c"}; several are a list of
 * these, or a text with commas. Names of hosts in other scripts become what DNS knows ("xn--"). */
#ifndef EMAIL_MAIL_ADDRESS_H
#define EMAIL_MAIL_ADDRESS_H

#include <gmime/gmime.h>
#include <stdbool.h>

#include "cartrita/sdk/json.h"

#define ADDRESS_MAX      320u  /* bytes of one: 64, @, 255 */
#define ADDRESS_TEXT_MAX 4096u /* bytes of a text with addresses, and of a name */

/* Adds member `name` of `in` to *list, which is made when it is NULL (unref it); absent: nothing.
 * More than `max` in the list is an error. */
bool address_read(struct sdk_reader *in, const char *name, size_t max, InternetAddressList **list);
/* The same for a value that is no member: `what` names it in errors. */
bool address_take(const json_t *value, const char *what, size_t max, InternetAddressList **list,
                  struct sdk_error *error);

/* Number `index` of the list; borrowed. */
const char *address_at(InternetAddressList *list, size_t index);
size_t address_count(InternetAddressList *list); /* NULL: 0 */
/* What stands behind the @. */
const char *address_domain(const char *address);

#endif
