/* session.c: what is known of the client, and how a transaction begins with it.
 *
 * Postfix plays the SMTP dialogue for mail that did not come by SMTP, with localhost as client, a loopback
 * address and port 0; that is how local mail is told from a client on the same machine. */
#include <string.h>
#include "milters/session.h"
#include "milters/stats.h"

#define NAME_MAX_BYTES 1024u

struct session *
session_new(struct runtime *runtime)
{
    struct session *session = g_new0(struct session, 1);

    session->runtime = runtime;
    metrics_add(stats.sessions, 0, 1);
    return session;
}

void
session_end_transaction(struct session *session)
{
    if (session->tx == NULL)
        return;
    transaction_free(&session->tx);
    metrics_add(stats.transactions, 0, -1);
}

void
session_free(struct session **session)
{
    if (*session == NULL)
        return;
    session_end_transaction(*session);
    g_free((*session)->client_name);
    g_free((*session)->client_address);
    g_free((*session)->helo);
    g_free((*session)->daemon_name);
    runtime_unref((*session)->runtime);
    g_clear_pointer(session, g_free);
    metrics_add(stats.sessions, 0, -1);
}

static void
set(char **field, const char *value)
{
    g_free(*field);
    *field = value != NULL ? g_strndup(value, NAME_MAX_BYTES) : NULL;
}

void
session_client(struct session *session, const char *name, const char *address, guint port)
{
    if (name != NULL && name[0] == '[') /* Postfix's "[address]": the client has no name */
        name = NULL;
    set(&session->client_name, name);
    set(&session->client_address, address);
    session->client_port = port;
}

void
session_helo(struct session *session, const char *helo)
{
    set(&session->helo, helo);
}

void
session_daemon(struct session *session, const char *name, const char *port)
{
    guint64 number = 0;

    set(&session->daemon_name, name);
    session->daemon_port = 0;
    if (port != NULL && g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL))
        session->daemon_port = (guint)number;
}

static gboolean
is_loopback(const char *address)
{
    return g_str_has_prefix(address, "127.") || strcmp(address, "::1") == 0;
}

enum capture_source
session_source(const struct session *session, const char *auth_user)
{
    if (auth_user != NULL && auth_user[0] != '\0')
        return CAPTURE_SUBMISSION;
    if (session->client_address == NULL || (session->client_port == 0 && is_loopback(session->client_address)))
        return CAPTURE_LOCAL;
    if (session->daemon_port == 587 || session->daemon_port == 465 ||
        g_strcmp0(session->daemon_name, "ORIGINATING") == 0) /* as in Postfix's sample master.cf */
        return CAPTURE_SUBMISSION;
    return CAPTURE_SMTP;
}

static void
fill(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value != NULL ? value : "");
}

/* RFC 3848: only what is certain. TLS and AUTH both need ESMTP; without either, EHLO can't be told from HELO. */
static char *
protocol_name(const char *macro, gboolean tls, gboolean auth)
{
    if (macro != NULL && macro[0] != '\0')
        return g_strndup(macro, 64);
    if (!tls && !auth)
        return g_strdup("");
    return g_strdup_printf("ESMTP%s%s", tls ? "S" : "", auth ? "A" : "");
}

void
session_mail(struct session *session, const char *argument, const char *auth_user, const char *tls,
             const char *protocol)
{
    const struct runtime *runtime = session->runtime;
    gboolean has_tls = tls != NULL && tls[0] != '\0', has_auth = auth_user != NULL && auth_user[0] != '\0';
    struct capture *capture;

    session_end_transaction(session);
    session->tx = transaction_new(runtime->instance, (gsize)runtime->config->milter.max_message);
    metrics_add(stats.transactions, 0, 1);
    capture = session->tx->capture;
    capture->source = session_source(session, auth_user);
    fill(&capture->client_name, session->client_name);
    fill(&capture->client_address, session->client_address);
    fill(&capture->helo, session->helo);
    g_free(capture->auth_user);
    capture->auth_user = g_strndup(has_auth ? auth_user : "", NAME_MAX_BYTES);
    g_free(capture->protocol);
    capture->protocol = protocol_name(protocol, has_tls, has_auth);
    if (has_tls)
        g_ptr_array_add(capture->notes, g_strdup_printf("tls=%.64s", tls));
    transaction_mail(session->tx, argument);
    runtime_begin(runtime, session->tx);
}
