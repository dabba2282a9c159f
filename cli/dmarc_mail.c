/* dmarc_mail.c: see dmarc_mail.h. */
#include "cli/dmarc_mail.h"
#include <curl/curl.h>
#include <string.h>
#include "lib/base/net.h"
#include "lib/mail/compose.h"

#define BASE64_LINE 76u /* RFC 2045 6.8 */
#define BASE64_BYTES 57u
#define BOUNDARY "=_postern_report" /* base64 has no "_" and no line of ours begins so */

/* ---- the mail ---- */

gsize
dmarc_mail_room(guint64 max_bytes)
{
    guint64 limit = max_bytes == 0 ? DMARC_MAIL_MAX : MIN(max_bytes, DMARC_MAIL_MAX);

    return limit <= DMARC_MAIL_HEAD_MAX + BASE64_LINE + 2
               ? 0
               : (gsize)((limit - DMARC_MAIL_HEAD_MAX) / (BASE64_LINE + 2) * BASE64_BYTES);
}

static void
append_header(GString *out, const struct dmarc_mail *mail)
{
    g_autofree char *identity = g_strconcat(mail->report_id, " ", mail->to, NULL);
    g_autofree char *id = g_compute_checksum_for_string(G_CHECKSUM_SHA256, identity, -1);

    g_string_append_printf(out, "From: <%s>\r\nTo: <%s>\r\n", mail->from, mail->to);
    g_string_append_printf(out, "Subject: Report Domain: %s\r\n Submitter: %s\r\n Report-ID: <%s>\r\n",
                           mail->policy_domain, mail->submitter, mail->report_id);
    compose_date(out, g_get_real_time() / G_USEC_PER_SEC);
    g_string_append_printf(out, "Message-ID: <%.40s@%s>\r\n", id, mail->submitter);
    g_string_append(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                         "Content-Type: multipart/mixed; boundary=\"" BOUNDARY "\"\r\n\r\n");
}

GString *
dmarc_mail_compose(const struct dmarc_mail *mail)
{
    GString *out = g_string_new(NULL);
    gconstpointer data;
    gsize size;

    append_header(out, mail);
    g_string_append_printf(out,
                           "--" BOUNDARY "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
                           "This is a DMARC aggregate report (RFC 7489) about mail from\r\n%s\r\n"
                           "that %s received\r\nfrom %s to %s.\r\n\r\n",
                           mail->policy_domain, mail->submitter, mail->begin, mail->end);
    g_string_append_printf(out,
                           "--" BOUNDARY
                           "\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n"
                           "Content-Disposition: attachment;\r\n filename=\"%s\"\r\n\r\n",
                           mail->file->name);
    data = g_bytes_get_data(mail->file->bytes, &size);
    compose_base64(out, data, size);
    g_string_append(out, "--" BOUNDARY "--\r\n");
    return out;
}

/* ---- handing it over ---- */

struct dmarc_mailer {
    CURL *curl;
    char *url, *socket;
};

/* What libcurl reads. */
struct upload {
    const GString *text;
    gsize at;
    gboolean begun;
};

static size_t
read_upload(char *buffer, size_t size, size_t n, void *data)
{
    struct upload *upload = data;
    gsize length = MIN(upload->text->len - upload->at, size * n);

    upload->begun = TRUE;
    memcpy(buffer, upload->text->str + upload->at, length);
    upload->at += length;
    return length;
}

struct dmarc_mailer *
dmarc_mailer_new(const char *server)
{
    struct dmarc_mailer *mailer = g_new0(struct dmarc_mailer, 1);
    const char *socket;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    mailer->curl = curl_easy_init();
    mailer->url = net_url("smtp", server, g_get_host_name(), &socket);
    mailer->socket = g_strdup(socket);
    return mailer;
}

void
dmarc_mailer_free(struct dmarc_mailer **mailer)
{
    if (*mailer == NULL)
        return;
    curl_easy_cleanup((*mailer)->curl);
    g_free((*mailer)->url);
    g_free((*mailer)->socket);
    g_clear_pointer(mailer, g_free);
}

/* A refusal counts as one only where it is about this mail: not in the greeting, nor when the connection
 * broke. */
static enum dmarc_mail_outcome
outcome_of(CURLcode code, long reply, const struct upload *upload, const char *why)
{
    if (code == CURLE_OK)
        return DMARC_MAIL_SENT;
    /* Only the text of libcurl's error tells MAIL from RCPT; should it change, the recipient's is taken for everybody's. */
    if (code == CURLE_SEND_ERROR && reply >= 400 && reply <= 499 && g_str_has_prefix(why, "RCPT failed"))
        return DMARC_MAIL_DEFERRED;
    if (reply >= 500 && reply <= 599 &&
        (code == CURLE_SEND_ERROR || code == CURLE_LOGIN_DENIED || upload->begun))
        return DMARC_MAIL_REFUSED;
    return DMARC_MAIL_LATER;
}

static void
set_options(struct dmarc_mailer *mailer, const char *from, struct curl_slist *to, struct upload *upload,
            char *why)
{
    CURL *curl = mailer->curl;

    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, mailer->url);
    if (mailer->socket != NULL)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, mailer->socket);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)DMARC_MAIL_CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)DMARC_MAIL_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload->text->len);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_upload);
    curl_easy_setopt(curl, CURLOPT_READDATA, upload);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
}

enum dmarc_mail_outcome
dmarc_mailer_send(struct dmarc_mailer *mailer, const char *from, const char *to, const GString *text,
                  char **why_r)
{
    struct upload upload = {.text = text};
    g_autofree char *sender = g_strdup_printf("<%s>", from), *recipient = g_strdup_printf("<%s>", to);
    struct curl_slist *list = curl_slist_append(NULL, recipient);
    char why[CURL_ERROR_SIZE] = "";
    long reply = 0;
    CURLcode code;

    set_options(mailer, sender, list, &upload, why);
    code = curl_easy_perform(mailer->curl);
    curl_easy_getinfo(mailer->curl, CURLINFO_RESPONSE_CODE, &reply);
    curl_slist_free_all(list);
    *why_r = code == CURLE_OK ? NULL
             : reply > 0
                 ? g_strdup_printf("%s (reply %ld)", why[0] != '\0' ? why : curl_easy_strerror(code), reply)
                 : g_strdup(why[0] != '\0' ? why : curl_easy_strerror(code));
    return outcome_of(code, reply, &upload, why);
}
