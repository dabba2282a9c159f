/* doveadm.c: see doveadm.h. */
#include "policyd/doveadm/doveadm.h"
#include <curl/curl.h>
#include <string.h>
#include "lib/base/net.h"

#define REPLY_MAX ((gsize)1 << 20)
#define CONNECT_MS 2000L
#define API "/doveadm/v1"
#define LEFT_ALONE_US (10 * G_USEC_PER_SEC)

struct doveadm {
    char *url, *socket;
    struct curl_slist *headers;
    GMutex lock;
    GPtrArray *idle;      /* CURL *, with their connections */
    gint64 away_until_us; /* monotonic; 0: it answered last time */
};

char *
doveadm_url(const char *url)
{
    const char *path;

    if (g_str_has_prefix(url, "unix:"))
        return g_strdup("http://localhost" API);
    path = strchr(strstr(url, "://") + strlen("://"), '/');
    if (path != NULL && path[1] != '\0')
        return g_strdup(url);
    return g_strdup_printf("%.*s%s", (int)(path != NULL ? path - url : (gssize)strlen(url)), url, API);
}

struct doveadm *
doveadm_new(const struct config_doveadm *config)
{
    struct doveadm *doveadm;
    g_autofree char *encoded = g_base64_encode((const guchar *)config->key, strlen(config->key));
    g_autofree char *authorization = g_strconcat("Authorization: X-Dovecot-API ", encoded, NULL);

    if (*config->url == '\0')
        return NULL;
    doveadm = g_new0(struct doveadm, 1);
    if (g_str_has_prefix(config->url, "unix:"))
        doveadm->socket = g_strdup(config->url + strlen("unix:"));
    doveadm->url = doveadm_url(config->url);
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
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL); /* the caller's, which is gone when the connection is closed */
    g_mutex_lock(&doveadm->lock);
    g_ptr_array_add(doveadm->idle, curl);
    doveadm->away_until_us = good ? 0 : g_get_monotonic_time() + LEFT_ALONE_US;
    g_mutex_unlock(&doveadm->lock);
}

static int
on_progress(void *data, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    const gint *stop = data;

    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    return stop != NULL && g_atomic_int_get(stop) != 0;
}

static void
set_options(const struct doveadm *doveadm, CURL *curl, const char *body, GString *reply, char *why, int timeout_ms, const gint *stop)
{
    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, doveadm->url);
    if (doveadm->socket != NULL)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, doveadm->socket);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, MIN(CONNECT_MS, (long)timeout_ms));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, doveadm->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_piece);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop);
}

GString *
doveadm_call(struct doveadm *doveadm, const char *body, int timeout_ms, const gint *stop, GError **error)
{
    GString *reply;
    char why[CURL_ERROR_SIZE] = "";
    CURL *curl = take_handle(doveadm);
    CURLcode code;
    long status = 0;

    if (curl == NULL) {
        g_set_error(error, NET_ERROR, NET_ERROR_TIMEOUT, "doveadm was away a moment ago");
        return NULL;
    }
    reply = g_string_new(NULL);
    set_options(doveadm, curl, body, reply, why, timeout_ms, stop);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    give_handle(doveadm, curl, code == CURLE_OK && status == 200);
    if (code == CURLE_OK && status == 200)
        return reply;
    g_string_free(reply, TRUE);
    if (code != CURLE_OK)
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "doveadm: %s", why[0] != '\0' ? why : curl_easy_strerror(code));
    else
        g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "doveadm: HTTP status %ld%s", status, status == 401 ? ": is doveadm.key right?" : "");
    return NULL;
}

void
doveadm_distrust(struct doveadm *doveadm)
{
    g_mutex_lock(&doveadm->lock);
    doveadm->away_until_us = g_get_monotonic_time() + LEFT_ALONE_US;
    g_mutex_unlock(&doveadm->lock);
}
