/* admin.c: what is known of the sign-ins of a user or of a network, and forgetting it. */
#include "policyd/signin/admin.h"
#include <string.h>
#include "policyd/admin.h"
#include "policyd/answer.h"
#include "policyd/daemon.h"
#include "policyd/signin/signin_private.h"
#include "policyd/state/facts.h"
#include "policyd/state/marks.h"
#include "policyd/words.h"

/* ---- rows of pairs "USER NETWORK" ---- */

struct pairs {
    GHashTable *rows;           /* char * of the pair -> json_t * */
    const char *user, *network; /* whose; one of them is NULL */
};

/* The row of a pair, made when it isn't there; NULL for one of others, or when there are enough. */
static json_t *
row_of(struct pairs *pairs, const char *text)
{
    const char *blank = strrchr(text, ' ');
    g_autofree char *user = blank != NULL ? g_strndup(text, (gsize)(blank - text)) : g_strdup("*");
    json_t *row;

    if (strcmp(user, "*") == 0 || (pairs->user != NULL && strcmp(user, pairs->user) != 0) ||
        (pairs->network != NULL && strcmp(blank + 1, pairs->network) != 0))
        return NULL;
    row = g_hash_table_lookup(pairs->rows, text);
    if (row == NULL && g_hash_table_size(pairs->rows) < ANSWER_ROWS_MAX) {
        row = json_pack("{s:o, s:o, s:b, s:i, s:i, s:i}", "user", answer_text(user), "network", answer_text(blank + 1), "known", 0, "first", 0, "last", 0,
                        "failed", 0);
        g_hash_table_insert(pairs->rows, g_strdup(text), row);
    }
    return row;
}

static gboolean
add_mark(const char *text, const struct mark *mark, gpointer data)
{
    json_t *row = row_of(data, text);

    if (row != NULL) {
        json_object_set_new(row, "known", json_true());
        json_object_set_new(row, "first", json_integer(mark->first_s));
        json_object_set_new(row, "last", json_integer(mark->last_s));
    }
    return TRUE;
}

static gboolean
add_meter(const struct meter_line *line, gpointer data)
{
    json_t *row = row_of(data, line->text);

    if (row != NULL)
        json_object_set_new(row, "failed", json_integer((json_int_t)(line->levels[0] + 0.5)));
    return TRUE;
}

static void
free_row(gpointer row)
{
    json_decref(row);
}

/* All pairs of a user or of a network. FALSE and why in answer. */
static gboolean
find_pairs(struct state *state, const char *user, const char *network, gboolean marks, gint64 now_ms, struct pairs *pairs_r, GString *answer)
{
    g_autofree char *part = user != NULL ? g_strconcat(user, " ", NULL) : g_strconcat(" ", network, NULL);
    g_autoptr(GError) error = NULL;

    *pairs_r = (struct pairs){g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_row), user, network};
    if ((!marks || marks_list(state, MARK_NETWORK, part, (guint32)(now_ms / 1000), ANSWER_ROWS_MAX, add_mark, pairs_r, &error)) &&
        meters_list(state, METER_SIGNIN_PAIR, part, now_ms, ANSWER_ROWS_MAX, add_meter, pairs_r, &error))
        return TRUE;
    g_string_append(answer, error->message);
    g_hash_table_unref(pairs_r->rows);
    return FALSE;
}

/* ---- commands ---- */

/* A word: a network as it is counted, or a user in lower case; the other is NULL. Caller frees. */
static gboolean
take_subject(const char *word, char **user_r, char **network_r, GString *answer)
{
    *user_r = NULL;
    *network_r = signin_network(word);
    if (*network_r == NULL && *word != '\0' && strchr(word, '/') == NULL && g_utf8_validate(word, -1, NULL))
        *user_r = g_utf8_strdown(word, -1);
    if (*network_r == NULL && *user_r == NULL)
        g_string_append(answer, "a user, an address, or a network as 192.0.2.0/24 or 2001:db8:0:1::/64 is needed");
    return *network_r != NULL || *user_r != NULL;
}

static json_t *
tell(struct signin *signin, const char *user, const char *network, struct pairs *pairs, gint64 now_ms)
{
    struct signin_rules *rules = signin_rules_now(signin);
    const struct meter_limit *limit = user != NULL ? &rules->user : &rules->network;
    const char *subject = user != NULL ? user : network;
    guint failed = signin_level(signin->state, user != NULL ? METER_SIGNIN_USER : METER_SIGNIN_NETWORK, subject, limit, now_ms);
    json_t *object = json_pack("{s:o, s:I, s:I, s:I, s:b, s:b}", user != NULL ? "user" : "network", answer_text(subject), "failed", (json_int_t)failed,
                               "limit", (json_int_t)limit->amount, "pair_limit", (json_int_t)rules->pair.amount, "banned",
                               network != NULL && signin_is_banned(signin->state, network, now_ms), "suspended",
                               user != NULL && signin_is_suspended(signin->state, user, now_ms));
    json_t *rows = json_array();
    GHashTableIter iter;
    gpointer row;

    g_hash_table_iter_init(&iter, pairs->rows);
    while (g_hash_table_iter_next(&iter, NULL, &row))
        json_array_append(rows, row);
    json_object_set_new(object, "rows", rows);
    signin_rules_unref(rules);
    return object;
}

gboolean
signin_admin_show(const char *args, GString *answer, gpointer data)
{
    struct policyd *policyd = data;
    g_auto(GStrv) words = control_words(args, 1, answer);
    g_autofree char *user = NULL, *network = NULL;
    gint64 now_ms = g_get_real_time() / 1000;
    struct pairs pairs;
    json_t *object;

    if (words == NULL || !take_subject(words[0], &user, &network, answer) ||
        !find_pairs(policyd->parts.state, user, network, TRUE, now_ms, &pairs, answer))
        return FALSE;
    object = tell(policyd->signin, user, network, &pairs, now_ms);
    g_hash_table_unref(pairs.rows);
    return answer_give(object, answer);
}

/* The line of the audit comes first: what can't be written there isn't done. */
static gboolean
forgive(struct state *state, const char *user, const char *network, const char *by, const char *reason, struct pairs *pairs, gint64 now_ms,
        GString *answer)
{
    const struct fact_change change = {.by = by, .action = "signin allow", .detail = reason};
    g_autoptr(GError) error = NULL;
    gboolean was = FALSE;
    GHashTableIter iter;
    gpointer text;

    if (!(network != NULL ? fact_drop(state, FACT_BAN, network, &change, now_ms, &was, &error)
                          : state_audit(state, now_ms, by, "signin allow", user, reason, &error))) {
        g_string_append(answer, error->message);
        return FALSE;
    }
    meter_reset(state, network != NULL ? METER_SIGNIN_NETWORK : METER_SIGNIN_USER, network != NULL ? network : user, now_ms);
    g_hash_table_iter_init(&iter, pairs->rows);
    while (g_hash_table_iter_next(&iter, &text, NULL))
        meter_reset(state, METER_SIGNIN_PAIR, text, now_ms);
    g_string_append_printf(answer, "{\"banned\":%s,\"pairs\":%u}", was ? "true" : "false", g_hash_table_size(pairs->rows));
    return TRUE;
}

gboolean
signin_admin_allow(const char *args, GString *answer, gpointer data)
{
    struct state *state = ((struct policyd *)data)->parts.state;
    g_auto(GStrv) words = control_words(args, 3, answer);
    g_autofree char *user = NULL, *network = NULL;
    gint64 now_ms = g_get_real_time() / 1000;
    struct pairs pairs;
    gboolean done;

    if (words == NULL || !take_subject(words[0], &user, &network, answer) || !find_pairs(state, user, network, FALSE, now_ms, &pairs, answer))
        return FALSE;
    done = forgive(state, user, network, words[1], words[2], &pairs, now_ms, answer);
    g_hash_table_unref(pairs.rows);
    return done;
}

gboolean
signin_admin_suspend(const char *args, GString *answer, gpointer data)
{
    struct state *state = ((struct policyd *)data)->parts.state;
    g_auto(GStrv) words = control_words(args, 4, answer);
    g_autofree char *user = NULL, *network = NULL;
    struct admin_decision decision = {.kind = FACT_SUSPENSION, .action = "signin suspend"};

    if (words == NULL || !take_subject(words[0], &user, &network, answer))
        return FALSE;
    if (user == NULL) {
        g_string_append(answer, "an account is needed, not a network");
        return FALSE;
    }
    decision.subject = user;
    decision.seconds = words[1];
    decision.by = words[2];
    decision.reason = words[3];
    decision.value = json_pack("{s:b}", "signin", 1);
    return admin_decide(state, &decision, answer) && answer_give(json_object(), answer);
}

/* The machine itself, and those who are never refused, would only be cut off by the firewall. */
static gboolean
may_be_banned(struct signin *signin, const char *network, GString *answer)
{
    static const char *const own[] = {"127.0.0.0/24", "::/64", "0.0.0.0/24", NULL};
    struct signin_rules *rules = signin_rules_now(signin);
    gboolean allowed = networks_meet(rules->allowed, network), itself = g_strv_contains(own, network);

    signin_rules_unref(rules);
    if (allowed || itself)
        g_string_append_printf(answer, "%s is not to be banned: %s", network,
                               itself ? "it is the machine itself" : "signin.allow_networks has addresses of it");
    return !allowed && !itself;
}

gboolean
signin_admin_ban(const char *args, GString *answer, gpointer data)
{
    struct policyd *policyd = data;
    g_auto(GStrv) words = control_words(args, 4, answer);
    g_autofree char *network = words != NULL ? signin_network(words[0]) : NULL, *anyone = NULL;
    struct admin_decision decision = {.kind = FACT_BAN, .action = "signin ban"};
    gboolean known;

    if (words == NULL)
        return FALSE;
    if (network == NULL) {
        g_string_append(answer, "bans are of networks as 192.0.2.0/24 and 2001:db8:0:1::/64, or of that of an address");
        return FALSE;
    }
    if (!may_be_banned(policyd->signin, network, answer))
        return FALSE;
    decision.subject = network;
    decision.seconds = words[1];
    decision.by = words[2];
    decision.reason = words[3];
    anyone = signin_anyone(network);
    known = marks_get(policyd->parts.state, MARK_NETWORK, anyone, (guint32)(g_get_real_time() / G_USEC_PER_SEC), NULL);
    return admin_decide(policyd->parts.state, &decision, answer) && answer_give(json_pack("{s:s, s:b}", "network", network, "known", known), answer);
}
