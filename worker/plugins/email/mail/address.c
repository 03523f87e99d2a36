/* Addresses of mails. See address.h. */
#include "mail/address.h"

#include <stdio.h>
#include <string.h>

#define ADDRESS_LOCAL_MAX 64u /* RFC 5321 */

/* Envelopes are lines of commands: what could end one, or an address, is refused. */
static bool address_is_sound(const char *text)
{
    const char *at = strrchr(text, '@');

    if (!at || at == text || !at[1] || (size_t)(at - text) > ADDRESS_LOCAL_MAX ||
        strlen(text) > ADDRESS_MAX)
        return false;
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c > '~' || strchr("<>()[],;:\\\"", *c))
            return false;
        if (*c == '@' && c != at)
            return false;
    }
    return at[1] != '.' && at[1] != '-' && !strstr(at, "..");
}

/* The host in the letters of DNS; fresh memory, NULL when there is none. */
static char *address_to_ascii(const char *address)
{
    const char *at = strrchr(address, '@');
    char *host, *ascii;

    if (!at)
        return NULL;
    host = g_hostname_to_ascii(at + 1);
    ascii = host ? g_strdup_printf("%.*s@%s", (int)(at - address), address, host) : NULL;
    g_free(host);
    return ascii;
}

static bool address_add(InternetAddressList *list, const char *name, const char *address,
                        const char *what, size_t max, struct sdk_error *error)
{
    char *ascii = address_to_ascii(address);
    InternetAddress *mailbox;

    if (!ascii || !address_is_sound(ascii)) {
        g_free(ascii);
        return sdk_refuse(error, "ValidationError", "%s: \"%.100s\" is no mail address", what,
                          address);
    }
    if (address_count(list) >= max) {
        g_free(ascii);
        return sdk_refuse(error, "LimitError", "%s: more than %zu addresses (recipientsMax)", what,
                          max);
    }
    mailbox = internet_address_mailbox_new(name && name[0] ? name : NULL, ascii);
    internet_address_list_add(list, mailbox);
    g_object_unref(mailbox);
    g_free(ascii);
    return true;
}

static bool address_has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

/* Members of groups ("friends: a@b.c, d@e.f;") count as if they stood alone. */
static bool address_flatten(InternetAddressList *from, InternetAddressList *list, const char *what,
                            size_t max, struct sdk_error *error)
{
    for (int i = 0; i < internet_address_list_length(from); i++) {
        InternetAddress *one = internet_address_list_get_address(from, i);

        if (INTERNET_ADDRESS_IS_GROUP(one))
            return sdk_refuse(error, "ValidationError", "%s: groups of addresses are not taken",
                              what);
        if (!address_add(list, internet_address_get_name(one),
                         internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one)), what,
                         max, error))
            return false;
    }
    return true;
}

static bool address_take_text(const char *text, const char *what, size_t max,
                              InternetAddressList *list, struct sdk_error *error)
{
    InternetAddressList *parsed;
    bool is_taken;

    if (strlen(text) > ADDRESS_TEXT_MAX)
        return sdk_refuse(error, "LimitError", "%s: longer than %u bytes", what, ADDRESS_TEXT_MAX);
    if (address_has_control(text))
        return sdk_refuse(error, "ValidationError",
                          "%s: line breaks and control characters are not allowed", what);
    parsed = internet_address_list_parse(NULL, text);
    if (!parsed || internet_address_list_length(parsed) == 0)
        is_taken =
            sdk_refuse(error, "ValidationError", "%s: \"%.100s\" is no mail address", what, text);
    else
        is_taken = address_flatten(parsed, list, what, max, error);
    if (parsed)
        g_object_unref(parsed);
    return is_taken;
}

static bool address_take_one(const json_t *value, const char *what, size_t max,
                             InternetAddressList *list, struct sdk_error *error)
{
    const char *name = json_string_value(json_object_get(value, "name"));
    const char *address = json_string_value(json_object_get(value, "address"));

    if (json_is_string(value))
        return address_take_text(json_string_value(value), what, max, list, error);
    if (!address)
        return sdk_refuse(error, "ValidationError",
                          "%s: must be an address, as text or {\"name\", \"address\"}, or a list",
                          what);
    if (strlen(address) > ADDRESS_TEXT_MAX || (name && strlen(name) > ADDRESS_TEXT_MAX))
        return sdk_refuse(error, "LimitError", "%s: longer than %u bytes", what, ADDRESS_TEXT_MAX);
    if (address_has_control(address) || (name && address_has_control(name)))
        return sdk_refuse(error, "ValidationError",
                          "%s: line breaks and control characters are not allowed", what);
    return address_add(list, name, address, what, max, error);
}

bool address_take(const json_t *value, const char *what, size_t max, InternetAddressList **list,
                  struct sdk_error *error)
{
    const json_t *one;
    size_t i;

    if (!*list)
        *list = internet_address_list_new();
    if (!json_is_array(value))
        return address_take_one(value, what, max, *list, error);
    json_array_foreach(value, i,
                       one) if (!address_take_one(one, what, max, *list, error)) return false;
    return true;
}

bool address_read(struct sdk_reader *in, const char *name, size_t max, InternetAddressList **list)
{
    const json_t *value = sdk_any(in, name);
    char what[SDK_READER_PATH_MAX + 32];

    if (!sdk_reader_ok(in))
        return false;
    if (!value)
        return true;
    snprintf(what, sizeof what, "%s.%s", in->path, name);
    in->is_failed = !address_take(value, what, max, list, in->error);
    return !in->is_failed;
}

const char *address_at(InternetAddressList *list, size_t index)
{
    return internet_address_mailbox_get_addr(
        INTERNET_ADDRESS_MAILBOX(internet_address_list_get_address(list, (int)index)));
}

size_t address_count(InternetAddressList *list)
{
    return list ? (size_t)internet_address_list_length(list) : 0;
}

const char *address_domain(const char *address)
{
    const char *at = strrchr(address, '@');

    return at ? at + 1 : address;
}
