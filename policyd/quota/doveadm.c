/* doveadm.c: the question over HTTP. See doveadm.h. */
#include "policyd/quota/doveadm.h"
#include <curl/curl.h>
#include <string.h>
#include "lib/base/net.h"

#define REPLY_MAX ((gsize)1 << 20)
#define CONNECT_MS 2000L
#define LEFT_ALONE_US (10 * G_USEC_PER_SEC)

struct doveadm {
    char *url, *socket;
    struct curl_slist *headers;
    GMutex lock;
    GPtrArray *idle;      /* CURL *, with their connections */
    gint64 away_until_us; /* monotonic; 0: it answered last time */
};

struct doveadm *
doveadm_new(const char *address, const char *key)
{
    struct doveadm *doveadm = g_new0(struct doveadm, 1);
    g_autofree char *encoded = g_base64_encode((const guchar *)key, strlen(key));
    g_autofree char *authorization = g_strconcat("Authorization: X-Dovecot-API ", encoded, NULL);

    doveadm->socket = g_str_has_prefix(address, "unix:") ? g_strdup(address + strlen("unix:")) : NULL;
    if (doveadm->socket != NULL) {
        doveadm->url = g_strdup("http://localhost/doveadm/v1");
    } else {
        const char *port = address + strlen("inet:"), *host = strchr(port, '@') + 1;
        gboolean is_v6 = strchr(host, ':') != NULL;
        doveadm->url = g_strdup_printf("http://%s%s%s:%.*s/doveadm/v1", is_v6 ? "[" : "", host, is_v6 ? "]" : "", (int)(host - 1 - port), port);
    }
    doveadm->headers = curl_slist_append(curl_slist_append(NULL, authorization), "Content-Type: application/json");
    g_mutex_init(&doveadm->lock);
    doveadm->idle = g_ptr_array_new_with_free_func(curl_easy_cleanup);
    return doveadm;
}

void
doveadm_free(struct doveadm **doveadm)
{
    if (*doveadm == NULL)
        return;
    g_ptr_array_unref((*doveadm)->idle);
    curl_slist_free_all((*doveadm)->headers);
    g_free((*doveadm)->url);
    g_free((*doveadm)->socket);
    g_mutex_clear(&(*doveadm)->lock);
    g_clear_pointer(doveadm, g_free);
}

static size_t
take_piece(char *piece, size_t size, size_t n, void *data)
{
    GString *reply = data;

    if (reply->len + size * n > REPLY_MAX)
        return 0;
    g_string_append_len(reply, piece, (gssize)(size * n));
    return size * n;
}

/* NULL while the server is left alone. */
static CURL *
take_handle(struct doveadm *doveadm)
{
    CURL *curl = NULL;

    g_mutex_lock(&doveadm->lock);
    if (g_get_monotonic_time() >= doveadm->away_until_us)
        curl = doveadm->idle->len > 0 ? g_ptr_array_steal_index_fast(doveadm->idle, doveadm->idle->len - 1) : curl_easy_init();
    g_mutex_unlock(&doveadm->lock);
    return curl;
}

static void
give_handle(struct doveadm *doveadm, CURL *curl, gboolean good)
{
    g_mutex_lock(&doveadm->lock);
    g_ptr_array_add(doveadm->idle, curl);
    doveadm->away_until_us = good ? 0 : g_get_monotonic_time() + LEFT_ALONE_US;
    g_mutex_unlock(&doveadm->lock);
}

static void
set_options(const struct doveadm *doveadm, CURL *curl, const char *body, GString *reply, char *why, int timeout_ms)
{
    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, doveadm->url);
    if (doveadm->socket != NULL)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, doveadm->socket);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, MIN(CONNECT_MS, (long)timeout_ms));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, doveadm->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_piece);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
}

gboolean
doveadm_quota(struct doveadm *doveadm, const char *const *users, guint n_users, int timeout_ms, struct doveadm_answer *answers_r, GError **error)
{
    g_autofree char *body = doveadm_request(users, n_users);
    g_autoptr(GString) reply = g_string_new(NULL);
    char why[CURL_ERROR_SIZE] = "";
    gboolean good = FALSE;
    long status = 0;
    CURL *curl = take_handle(doveadm);
    CURLcode code;

    memset(answers_r, 0, n_users * sizeof *answers_r);
    if (curl == NULL) {
        g_set_error(error, NET_ERROR, NET_ERROR_TIMEOUT, "doveadm was away a moment ago");
        return FALSE;
    }
    set_options(doveadm, curl, body, reply, why, timeout_ms);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK)
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "doveadm: %s", why[0] != '\0' ? why : curl_easy_strerror(code));
    else if (status != 200)
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "doveadm: HTTP status %ld%s", status, status == 401 ? ": is quota.doveadm_key right?" : "");
    else if (!doveadm_parse(reply->str, reply->len, n_users, answers_r))
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "doveadm: an answer that is none of its HTTP API");
    else
        good = TRUE;
    give_handle(doveadm, curl, good);
    return good;
}
