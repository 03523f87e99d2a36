/* MIME by GMime: a mail becomes bytes. The tree is
 *
 *   mixed( alternative( text, related( html, images )), attachments )
 *
 * with each level only where it is needed. Boundaries come from the Message-ID, so that a retry
 * sends the same bytes. See mail.h. */
#include "mail/mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPOSE_LINE_MAX 900 /* longer lines are not sent as they are; SMTP allows 998 */

void mail_fini(struct mail *mail)
{
    InternetAddressList *lists[] = {mail->from, mail->reply_to, mail->to, mail->cc, mail->bcc};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        g_clear_object(&lists[i]);
    free(mail->bounce_to);
    free(mail->subject);
    free(mail->text);
    free(mail->html);
    memset(mail, 0, sizeof *mail);
}

/* --- parts ---------------------------------------------------------------------------------------
 */

static GMimeContentEncoding compose_encoding_of(const char *text)
{
    size_t len = 0, line = 0, line_max = 0, foreign = 0;

    for (; text[len]; len++) {
        foreign += (unsigned char)text[len] >= 0x80;
        line = text[len] == '\n' ? 0 : line + 1;
        if (line > line_max)
            line_max = line;
    }
    if (foreign == 0 && line_max <= COMPOSE_LINE_MAX)
        return GMIME_CONTENT_ENCODING_7BIT;
    return foreign * 4 > len ? GMIME_CONTENT_ENCODING_BASE64
                             : GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
}

/* Whatever ends its lines, the text ends them with LF here: the writer makes CR LF of it. */
static char *compose_lines(const char *text)
{
    char *out = g_malloc(strlen(text) + 1), *to = out;

    for (const char *c = text; *c; c++) {
        if (*c == '\r' && c[1] == '\n')
            continue;
        *to++ = *c == '\r' ? '\n' : *c;
    }
    *to = '\0';
    return out;
}

static GMimeObject *compose_part(const char *type, const char *subtype, const void *bytes,
                                 size_t len, GMimeContentEncoding encoding)
{
    GMimePart *part = g_mime_part_new_with_type(type, subtype);
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, len);
    GMimeDataWrapper *content =
        g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);

    g_mime_part_set_content(part, content);
    g_mime_part_set_content_encoding(part, encoding);
    g_object_unref(content);
    g_object_unref(stream);
    return GMIME_OBJECT(part);
}

static GMimeObject *compose_text(const char *subtype, const char *text)
{
    char *lines = compose_lines(text);
    GMimeObject *part =
        compose_part("text", subtype, lines, strlen(lines), compose_encoding_of(lines));

    g_mime_object_set_content_type_parameter(part, "charset", "utf-8");
    g_free(lines);
    return part;
}

static GMimeObject *compose_file(const struct mail_file *file)
{
    GMimeContentType *type = g_mime_content_type_parse(NULL, file->type);
    GMimeObject *part = compose_part("application", "octet-stream", file->bytes, file->len,
                                     GMIME_CONTENT_ENCODING_BASE64);

    g_mime_object_set_content_type(part, type);
    g_object_unref(type);
    g_mime_object_set_disposition(part, file->cid ? "inline" : "attachment");
    if (file->name)
        g_mime_part_set_filename(GMIME_PART(part), file->name);
    if (file->cid)
        g_mime_object_set_content_id(part, file->cid);
    return part;
}

/* --- the tree ------------------------------------------------------------------------------------
 */

static GMimeObject *compose_group(const struct mail *mail, const char *subtype, GMimeObject *first)
{
    GMimeMultipart *group = g_mime_multipart_new_with_subtype(subtype);
    char boundary[80];

    /* "=_" cannot be in quoted-printable or base64, and the hash is the mail's own. */
    snprintf(boundary, sizeof boundary, "=_%.3s_%.40s", subtype, mail->id);
    for (char *c = boundary; *c; c++)
        if (*c == '@')
            *c = '_';
    g_mime_multipart_set_boundary(group, boundary);
    g_mime_multipart_add(group, first);
    g_object_unref(first);
    return GMIME_OBJECT(group);
}

static GMimeObject *compose_add_files(const struct mail *mail, GMimeObject *body, bool is_inline)
{
    GMimeObject *group = NULL;

    for (size_t i = 0; mail->files && i < mail->files->count; i++) {
        const struct mail_file *file = &mail->files->items[i];
        GMimeObject *part;

        if ((file->cid != NULL) != is_inline)
            continue;
        if (!group)
            group = compose_group(mail, is_inline ? "related" : "mixed", body);
        part = compose_file(file);
        g_mime_multipart_add(GMIME_MULTIPART(group), part);
        g_object_unref(part);
    }
    return group ? group : body;
}

static GMimeObject *compose_body(const struct mail *mail)
{
    GMimeObject *text =
        mail->text || !mail->html ? compose_text("plain", mail->text ? mail->text : "") : NULL;
    GMimeObject *html = mail->html ? compose_text("html", mail->html) : NULL;
    GMimeObject *body;

    if (html)
        html = compose_add_files(mail, html, true);
    else
        text = compose_add_files(mail, text, true);
    if (text && html) {
        body = compose_group(mail, "alternative", text);
        g_mime_multipart_add(GMIME_MULTIPART(body), html);
        g_object_unref(html);
    } else {
        body = text ? text : html;
    }
    return compose_add_files(mail, body, false);
}

/* --- headers and the whole -----------------------------------------------------------------------
 */

static void compose_addresses(GMimeMessage *message, GMimeAddressType type,
                              InternetAddressList *list)
{
    if (list)
        internet_address_list_append(g_mime_message_get_addresses(message, type), list);
}

static GMimeMessage *compose_message(const struct mail *mail)
{
    GMimeMessage *message = g_mime_message_new(FALSE);
    GDateTime *date = g_date_time_new_from_unix_utc(mail->date_ms / 1000);
    GMimeObject *body = compose_body(mail);
    const json_t *value;
    const char *name;

    compose_addresses(message, GMIME_ADDRESS_TYPE_FROM, mail->from);
    compose_addresses(message, GMIME_ADDRESS_TYPE_REPLY_TO, mail->reply_to);
    compose_addresses(message, GMIME_ADDRESS_TYPE_TO, mail->to);
    compose_addresses(message, GMIME_ADDRESS_TYPE_CC, mail->cc);
    g_mime_message_set_subject(message, mail->subject ? mail->subject : "", "utf-8");
    g_mime_message_set_date(message, date);
    g_mime_message_set_message_id(message, mail->id);
    if (mail->redirected_from)
        g_mime_object_append_header(GMIME_OBJECT(message), "X-Original-To", mail->redirected_from,
                                    "utf-8");
    json_object_foreach((json_t *)mail->headers, name, value)
        g_mime_object_append_header(GMIME_OBJECT(message), name, json_string_value(value), "utf-8");
    g_mime_object_set_header(GMIME_OBJECT(message), "MIME-Version", "1.0", NULL);
    g_mime_message_set_mime_part(message, body);
    g_object_unref(body);
    g_date_time_unref(date);
    return message;
}

bool mail_compose(const struct mail *mail, size_t max_len, char **bytes, size_t *len,
                  struct sdk_error *error)
{
    GMimeFormatOptions *format = g_mime_format_options_new();
    GMimeStream *stream = g_mime_stream_mem_new();
    GMimeMessage *message = compose_message(mail);
    GByteArray *array;
    bool fits;

    g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
    g_mime_object_write_to_stream(GMIME_OBJECT(message), format, stream);
    array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    fits = array->len <= max_len;
    *bytes = fits ? malloc((size_t)array->len + 1) : NULL;
    if (*bytes) {
        memcpy(*bytes, array->data, array->len);
        (*bytes)[array->len] = '\0';
        *len = array->len;
    } else if (fits) {
        sdk_retry_later(error, "MemoryError", "out of memory");
    } else {
        sdk_refuse(error, "LimitError", "the mail has %u bytes, more than %zu (messageMax)",
                   array->len, max_len);
    }
    g_object_unref(message);
    g_object_unref(stream);
    g_mime_format_options_free(format);
    return *bytes != NULL;
}
