/* transport.c: see transport.h. */
#include "policyd/abuse/transport.h"
#include <curl/curl.h>
#include <string.h>
#include "lib/base/net.h"

struct call {
    CURL *curl;
    const gint *stop;
    const GString *mail;
    gsize at;
    char why[CURL_ERROR_SIZE];
};

static int
on_progress(void *data, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    const struct call *call = data;

    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    return g_atomic_int_get(call->stop);
}

/* What a server answers besides its status is not looked at. */
static size_t
on_answer(char *bytes, size_t size, size_t n, void *data)
{
    (void)bytes, (void)data;
    return size * n;
}

static size_t
on_upload(char *buffer, size_t size, size_t n, void *data)
{
    struct call *call = data;
    gsize length = MIN(call->mail->len - call->at, size * n);

    memcpy(buffer, call->mail->str + call->at, length);
    call->at += length;
    return length;
}

static void
begin(struct call *call, const gint *stop)
{
    call->curl = curl_easy_init();
    call->stop = stop;
    curl_easy_setopt(call->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(call->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(call->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)TRANSPORT_TIMEOUT_MS);
    curl_easy_setopt(call->curl, CURLOPT_TIMEOUT_MS, (long)TRANSPORT_TIMEOUT_MS);
    curl_easy_setopt(call->curl, CURLOPT_ERRORBUFFER, call->why);
    curl_easy_setopt(call->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(call->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(call->curl, CURLOPT_XFERINFODATA, call);
    curl_easy_setopt(call->curl, CURLOPT_WRITEFUNCTION, on_answer);
}

/* Makes the call and ends it. TRUE: the reply is one of 200 to 299. */
static gboolean
finish(struct call *call, char **why_r)
{
    CURLcode code = curl_easy_perform(call->curl);
    long reply = 0;
    gboolean good;

    curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &reply);
    curl_easy_cleanup(call->curl);
    good = code == CURLE_OK && reply >= 200 && reply <= 299;
    *why_r = good ? NULL
             : code == CURLE_OK ? g_strdup_printf("reply %ld", reply)
                                : g_strdup_printf("%s (reply %ld)", *call->why != '\0' ? call->why : curl_easy_strerror(code), reply);
    return good;
}

gboolean
transport_post(const char *url, const char *body, const gint *stop, char **why_r)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    struct call call = {0};
    gboolean good;

    begin(&call, stop);
    curl_easy_setopt(call.curl, CURLOPT_URL, url);
    curl_easy_setopt(call.curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(call.curl, CURLOPT_USERAGENT, "postern-policyd/" POSTERN_VERSION);
    curl_easy_setopt(call.curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(call.curl, CURLOPT_POSTFIELDS, body);
    good = finish(&call, why_r);
    curl_slist_free_all(list);
    return good;
}

gboolean
transport_mail(const char *server, const char *to, const GString *mail, const gint *stop, char **why_r)
{
    const char *socket;
    g_autofree char *recipient = g_strdup_printf("<%s>", to), *url = net_url("smtp", server, g_get_host_name(), &socket);
    struct curl_slist *list = curl_slist_append(NULL, recipient);
    struct call call = {.mail = mail};
    gboolean good;

    begin(&call, stop);
    curl_easy_setopt(call.curl, CURLOPT_URL, url);
    curl_easy_setopt(call.curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(call.curl, CURLOPT_PROTOCOLS_STR, "smtp");
    curl_easy_setopt(call.curl, CURLOPT_MAIL_RCPT, list); /* without MAIL_FROM: the null sender */
    curl_easy_setopt(call.curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(call.curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->len);
    curl_easy_setopt(call.curl, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(call.curl, CURLOPT_READDATA, &call);
    good = finish(&call, why_r);
    curl_slist_free_all(list);
    return good;
}
