/* module_sign.c: signatures on what leaves in our name.
 *
 * NAME     sign - DKIM on our users' mail, ARC seals on mail from outside
 *
 * Signed is mail of a user who signed in, of a client in sign.networks, and mail that did not come by SMTP, when the author
 * address (From) is one that the sender may use and its domain has a key. A user may use addresses of the own domain and those
 * whose aliases lead to the user's mailbox, unless sign.any_sender; networks are trusted with all of them. Mail that can't be
 * signed goes unsigned, and the log line says why: a missing signature costs reputation, a refused message costs mail.
 *
 * Mail without a login that carries our own Authentication-Results came from outside before (forged ones are deleted there):
 * what a filter hands back or Sieve redirects is not signed, whoever it says it is from.
 *
 * It runs after all modules that edit what is signed. What the module envelope adds later is never among the signed fields. */
#include <string.h>
#include "lib/base/networks.h"
#include "lib/mail/accounts.h"
#include "lib/mail/address.h"
#include "lib/mail/auth/arc.h"
#include "lib/mail/auth/dkim_sign.h"
#include "lib/mail/auth/sign_source.h"
#include "lib/mail/recode.h"
#include "milters/runtime.h"
#include "milters/stats.h"
#include "milters/transaction.h"

#define FIELD "DKIM-Signature"
#define AUTHORS_MAX 2u

struct sign_state {
    const struct config_sign *config;
    const char *authserv_id; /* borrowed from the configuration, or the host's name */
    struct accounts *accounts; /* borrowed from the runtime */
    struct sign_source *source;
    struct networks *networks;
    char **headers, **oversigned; /* From always among them */
};

static guint
sign_needs(const struct config *config)
{
    return NEED_CLIENT | NEED_SENDER | NEED_HEADERS | NEED_BODY | MAY_EDIT | (config->sign.recode ? MAY_REPLACE_BODY : 0);
}

static void
sign_close(gpointer data)
{
    struct sign_state *state = data;

    sign_source_free(&state->source);
    networks_free(&state->networks);
    g_strfreev(state->headers);
    g_strfreev(state->oversigned);
    g_free(state);
}

/* The list with From in it. */
static char **
with_from(char **list)
{
    GPtrArray *names = g_ptr_array_new();
    gboolean has = FALSE;

    for (; *list != NULL; list++) {
        has |= g_ascii_strcasecmp(*list, "From") == 0;
        g_ptr_array_add(names, g_strdup(*list));
    }
    if (!has)
        g_ptr_array_add(names, g_strdup("From"));
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/* The key that seals must be there before any mail. */
static gboolean
check_arc_key(struct sign_state *state, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)sign_key_free);
    g_autofree char *address = g_strconcat("postmaster@", state->config->arc_domain, NULL);

    if (!state->config->arc || state->config->source == CONFIG_SIGN_SQL)
        return TRUE;
    if (!sign_source_find(state->source, address, keys, error))
        return FALSE;
    if (keys->len > 0)
        return TRUE;
    g_set_error(error, MILTER_ERROR, 0, "sign.arc_domain: there is no key of %s; make one by `postern dkim keygen %s`",
                state->config->arc_domain, state->config->arc_domain);
    return FALSE;
}

static gpointer
sign_open(struct runtime *runtime, GError **error)
{
    const struct config_sign *config = &runtime->config->sign;
    struct sign_state *state = g_new0(struct sign_state, 1);

    state->config = config;
    state->authserv_id = auth_findings_authserv_id(&runtime->config->auth);
    state->accounts = runtime->accounts;
    state->headers = with_from(config->headers);
    state->oversigned = with_from(config->oversign);
    state->networks = networks_new(config->networks, error);
    state->source = state->networks != NULL ? sign_source_open(config, runtime->sql, error) : NULL;
    if (state->source != NULL && check_arc_key(state, error)) {
        if (config->source != CONFIG_SIGN_SQL && sign_source_count(state->source) == 0)
            log_text(LOG_SEV_WARNING, "sign", "there are no keys: mail is not signed (postern dkim keygen DOMAIN makes them)");
        return state;
    }
    sign_close(state);
    return NULL;
}

/* ---- whose mail it is ---- */

static gboolean
is_ours(const struct sign_state *state, const struct capture *capture)
{
    return capture->auth_user[0] != '\0' || capture->source == CAPTURE_LOCAL ||
           networks_contain(state->networks, capture->client_address);
}

/* The one author address, in comparison form; NULL when there is none, more than one, or a From field that two readers may take
 * for different ones: what its domain is, is DMARC's question too, so it is DMARC's answer. */
static char *
author_address(struct message *message)
{
    const struct header_field *from = message_find_header(message, "From", 0);
    const char *data = g_bytes_get_data(message_bytes(message), NULL);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    g_autofree char *address = NULL;
    struct dmarc_author author;
    gboolean agreed;

    if (from == NULL)
        return NULL;
    address_parse_list(data + from->value.offset, from->value.length, AUTHORS_MAX, list);
    if (list->len != 1)
        return NULL;
    address = address_normalise(((const struct address *)g_ptr_array_index(list, 0))->mailbox);
    dmarc_author(message, &author);
    agreed = author.domain != NULL && g_strcmp0(author.domain, address_domain(address)) == 0;
    dmarc_author_clear(&author);
    return agreed ? g_steal_pointer(&address) : NULL;
}

/* Whether the message has been here before, as mail from outside. */
static gboolean
carries_our_results(const struct sign_state *state, const struct message *message)
{
    for (guint i = 0; i < message_header_count(message); i++) {
        struct auth_field field = auth_field_received(message, i);
        if (auth_results_is_from(&field, state->authserv_id))
            return TRUE;
    }
    return FALSE;
}

/* Whether the signed-in user may write as the author. */
static gboolean
may_use(const struct sign_state *state, const char *user, const char *author)
{
    const char *mine = strrchr(user, '@'), *theirs = strrchr(author, '@');
    g_autofree char *login = address_normalise(user);
    g_auto(GStrv) mailboxes = NULL;

    if (state->config->any_sender)
        return TRUE;
    if (mine != NULL && theirs != NULL && g_ascii_strcasecmp(mine, theirs) == 0)
        return TRUE;
    return accounts_expand(state->accounts, author, &mailboxes, NULL) == 1 &&
           g_strv_contains((const char *const *)mailboxes, login);
}

/* ---- signing ---- */

/* Puts the message into a form that no transport changes. The archive has it as it came, and notes that say what was done. */
static void
recode(struct transaction *tx)
{
    guint n_edits = tx->capture->verdict->edits->len;
    struct recoded recoded;

    message_recode(transaction_message(tx), tx->capture->verdict, &recoded);
    for (guint i = 0; i < recoded.notes->len; i++)
        g_ptr_array_add(tx->capture->notes, g_strconcat("recoded=", recoded.notes->pdata[i], NULL));
    if (recoded.body != NULL)
        tx->new_body = g_bytes_ref(recoded.body);
    if (!recoded.whole)
        tx->recoded = "partly";
    else if (recoded.body != NULL || tx->capture->verdict->edits->len > n_edits)
        tx->recoded = "yes";
    recoded_clear(&recoded);
}

/* The message as it will leave. NULL: not all of its header can be seen. */
static struct auth_message *
outgoing(struct sign_state *state, struct transaction *tx)
{
    struct auth_message *view;

    if (state->config->recode)
        recode(tx);
    view = auth_message_new(transaction_message(tx), tx->capture->verdict->edits);
    if (view != NULL && tx->new_body != NULL)
        auth_message_set_body(view, tx->new_body);
    return view;
}

static void
add_signatures(struct sign_state *state, struct transaction *tx, const struct auth_message *view, const GPtrArray *keys,
               GError **error)
{
    struct dkim_signer signers[SIGN_KEYS_MAX];
    const struct dkim_sign_options options = {
        .header_canon = state->config->canonicalization < 2 ? DKIM_RELAXED : DKIM_SIMPLE,
        .body_canon = state->config->canonicalization % 2 == 0 ? DKIM_RELAXED : DKIM_SIMPLE,
        .fields = (const char *const *)state->headers,
        .oversigned = (const char *const *)state->oversigned,
        .now_s = tx->capture->received_us / G_USEC_PER_SEC,
        .lifetime_s = state->config->expire / 1000,
    };
    guint n = MIN(keys->len, SIGN_KEYS_MAX);
    g_autoptr(GString) who = g_string_new(NULL);

    for (guint i = 0; i < n; i++) {
        const struct sign_key *key = g_ptr_array_index(keys, i);
        signers[i] = (struct dkim_signer){.key = key->key, .domain = key->domain, .selector = key->selector};
        g_string_append_printf(who, "%s%s/%s", i > 0 ? "," : "", key->domain, key->selector);
    }
    GPtrArray *values = dkim_sign(view, signers, n, &options, error);
    if (values == NULL)
        return;
    for (guint i = 0; i < values->len; i++)
        verdict_edit(tx->capture->verdict, EDIT_INSERT_HEADER, 0, FIELD, g_ptr_array_index(values, i));
    g_ptr_array_unref(values);
    tx->signed_by = g_string_free(g_steal_pointer(&who), FALSE);
}

/* Signs, or says in unsigned_why why not. */
static void
sign(struct sign_state *state, struct transaction *tx)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)sign_key_free);
    g_autofree char *author = author_address(transaction_message(tx));
    g_autoptr(GError) error = NULL;
    struct auth_message *view = NULL;

    if (author == NULL) {
        tx->unsigned_why = "no single author";
    } else if (tx->capture->auth_user[0] == '\0' && carries_our_results(state, transaction_message(tx))) {
        tx->unsigned_why = "it came from outside";
    } else if (!sign_source_find(state->source, author, keys, &error)) {
        tx->unsigned_why = "no answer about keys";
    } else if (keys->len == 0) {
        tx->unsigned_why = "no key";
    } else if (tx->capture->auth_user[0] != '\0' && !may_use(state, tx->capture->auth_user, author)) {
        tx->unsigned_why = "the author address is not the user's";
    } else if ((view = outgoing(state, tx)) == NULL) {
        tx->unsigned_why = "header too long";
    } else {
        add_signatures(state, tx, view, keys, &error);
        tx->unsigned_why = error != NULL ? "signing failed" : NULL;
    }
    auth_message_free(&view);
    if (error != NULL)
        log_text(LOG_SEV_ERROR, "sign", "%s: mail of %s goes out unsigned: %s", tx->ref, author, error->message);
    metrics_add(stats.signatures, tx->signed_by != NULL ? 0 : error != NULL ? 2 : 1, 1);
}

/* ---- sealing ---- */

/* RSA before Ed25519, which few verifiers of seals know. */
static const struct sign_key *
sealing_key(const GPtrArray *keys)
{
    for (guint i = 0; i < keys->len; i++)
        if (dkim_key_type(((const struct sign_key *)g_ptr_array_index(keys, i))->key) == DKIM_RSA)
            return g_ptr_array_index(keys, i);
    return g_ptr_array_index(keys, 0);
}

static void
seal(struct sign_state *state, struct transaction *tx)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)sign_key_free);
    g_autofree char *address = g_strconcat("postmaster@", state->config->arc_domain, NULL);
    g_autoptr(GError) error = NULL;
    struct auth_message *view = auth_message_new(transaction_message(tx), tx->capture->verdict->edits);
    struct arc_set set = {0};

    if (view != NULL && sign_source_find(state->source, address, keys, &error) && keys->len > 0) {
        const struct sign_key *key = sealing_key(keys);
        const struct arc_seal_options options = {.key = key->key, .domain = key->domain, .selector = key->selector,
                                                 .payload = tx->auth->header, .cv = tx->auth->arc,
                                                 .now_s = tx->capture->received_us / G_USEC_PER_SEC,
                                                 .fields = (const char *const *)state->headers,
                                                 .oversigned = (const char *const *)state->oversigned};
        if (arc_seal(view, &options, &set, &error)) {
            verdict_edit(tx->capture->verdict, EDIT_INSERT_HEADER, 0, "ARC-Authentication-Results", set.results);
            verdict_edit(tx->capture->verdict, EDIT_INSERT_HEADER, 0, "ARC-Message-Signature", set.signature);
            verdict_edit(tx->capture->verdict, EDIT_INSERT_HEADER, 0, "ARC-Seal", set.seal);
            arc_set_clear(&set);
        } else if (g_error_matches(error, DKIM_SIGN_ERROR, ARC_SEAL_ERROR_CHAIN)) {
            g_clear_error(&error); /* a chain that has failed before stays as it is (RFC 8617 5.1.2) */
        }
    }
    if (error != NULL)
        log_text(LOG_SEV_ERROR, "sign", "%s: not sealed by ARC: %s", tx->ref, error->message);
    auth_message_free(&view);
}

static void
sign_inspect(gpointer data, struct transaction *tx)
{
    struct sign_state *state = data;

    if (is_ours(state, tx->capture))
        sign(state, tx);
    else if (state->config->arc && tx->auth != NULL && tx->auth->header != NULL && tx->auth->arc_asked &&
             tx->auth->arc != AUTH_TEMPERROR) /* cv= can't be said */
        seal(state, tx);
}

const struct milter_module sign_module = {
    .name = "sign",
    .needs = sign_needs,
    .open = sign_open,
    .close = sign_close,
    .inspect = sign_inspect,
};
