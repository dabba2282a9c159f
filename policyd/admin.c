/* admin.c: what is remembered and decided, for `postern greylist`, `postern rate` and `postern account`. */
#include "policyd/admin.h"
#include <stdlib.h>
#include <string.h>
#include "lib/mail/address.h"
#include "policyd/answer.h"
#include "policyd/daemon.h"
#include "policyd/greylist/origin.h"
#include "policyd/rates/rate.h"
#include "policyd/state/facts.h"
#include "policyd/state/marks.h"
#include "policyd/state/meters.h"
#include "policyd/words.h"

#define SECONDS_MAX G_GUINT64_CONSTANT(4000000000)

static guint
limit_of(const char *word)
{
    return CLAMP((guint)g_ascii_strtoull(word, NULL, 10), 1, ANSWER_ROWS_MAX);
}

static gint64
now_ms(void)
{
    return g_get_real_time() / 1000;
}

static guint32
now_s(void)
{
    return (guint32)(g_get_real_time() / G_USEC_PER_SEC);
}

static struct state *
state_of(gpointer data)
{
    return ((struct policyd *)data)->parts.state;
}

/* ---- marks ---- */

static gboolean
add_mark(const char *text, const struct mark *mark, gpointer data)
{
    return answer_add_row(data, json_pack("{s:o, s:I, s:I, s:I}", "text", answer_text(text), "first", (json_int_t)mark->first_s, "last", (json_int_t)mark->last_s,
                                   "count", (json_int_t)mark->count), text);
}

static gboolean
find_mark_kind(const char *name, enum mark_kind *kind_r, GString *answer)
{
    *kind_r = mark_kind_find(name);
    if (*kind_r == 0)
        g_string_append_printf(answer, "there are no marks of the kind %s", name);
    return *kind_r != 0;
}

gboolean
admin_marks(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 3, answer);
    struct answer_rows rows = {json_array(), 0};
    g_autoptr(GError) error = NULL;
    enum mark_kind kind;

    if (words != NULL && find_mark_kind(words[0], &kind, answer) &&
        marks_list(state_of(data), kind, words[1], now_s(), limit_of(words[2]), add_mark, &rows, &error))
        return answer_give_rows(rows.array, answer);
    json_decref(rows.array);
    return error != NULL ? answer_failed(answer, error) : FALSE;
}

static gboolean
add_text(const char *text, const struct mark *mark, gpointer data)
{
    (void)mark;
    g_ptr_array_add(data, g_strdup(text));
    return TRUE;
}

gboolean
admin_forget(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 2, answer);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    enum mark_kind kind;

    if (words == NULL || !find_mark_kind(words[0], &kind, answer))
        return FALSE;
    if (!marks_list(state_of(data), kind, words[1], now_s(), ANSWER_ROWS_MAX, add_text, texts, &error))
        return answer_failed(answer, error);
    for (guint i = 0; i < texts->len; i++)
        marks_forget(state_of(data), kind, g_ptr_array_index(texts, i), now_s());
    g_string_append_printf(answer, "{\"forgotten\":%u,\"more\":%s}", texts->len, texts->len == ANSWER_ROWS_MAX ? "true" : "false");
    return TRUE;
}

gboolean
admin_import(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 6, answer);
    struct state *state = state_of(data);
    guint32 first, last, passed;

    if (words == NULL)
        return FALSE;
    first = (guint32)MIN(g_ascii_strtoull(words[3], NULL, 10), now_s());
    last = (guint32)CLAMP(g_ascii_strtoull(words[4], NULL, 10), first, now_s());
    passed = *words[5] == '1';
    g_autofree char *sender = address_normalise(words[1]), *recipient = address_normalise(words[2]), *network = origin_network(words[0]);
    const char *domain = address_domain(sender);
    g_autofree char *origin = origin_text(network, domain != NULL ? domain : ""), *triplet = origin_triplet(origin, sender, recipient);
    marks_note(state, MARK_GREYLIST, triplet, &(struct mark){first, last, passed}, now_s());
    if (passed != 0)
        marks_note(state, MARK_ORIGIN, origin, &(struct mark){first, last, 1}, now_s());
    g_string_append(answer, "{}");
    return TRUE;
}

/* ---- meters ---- */

struct rates {
    struct answer_rows rows;
    const char *what;
};

static gboolean
add_rate(const struct meter_line *line, gpointer data)
{
    struct rates *rates = data;

    return answer_add_row(&rates->rows, json_pack("{s:o, s:s, s:[f,f,f], s:I, s:I}", "text", answer_text(line->text), "counted", rates->what, "levels",
                                           line->levels[0], line->levels[1], line->levels[2], "total", (json_int_t)line->total, "last_ms",
                                           (json_int_t)line->last_ms), line->text);
}

gboolean
admin_rates(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 2, answer);
    struct rates rates = {{json_array(), 0}, NULL};
    g_autoptr(GError) error = NULL;
    gboolean good = words != NULL;

    for (guint i = 0; good && i < RATE_COUNTED; i++) {
        rates.what = rate_counted_names[i];
        good = meters_list(state_of(data), rate_counted_meters[i], words[0], now_ms(), limit_of(words[1]), add_rate, &rates, &error);
    }
    if (good)
        return answer_give_rows(rates.rows.array, answer);
    json_decref(rates.rows.array);
    return error != NULL ? answer_failed(answer, error) : FALSE;
}

/* ---- facts ---- */

static gboolean
find_fact_kind(const char *name, enum fact_kind *kind_r, GString *answer)
{
    *kind_r = fact_kind_find(name);
    if (*kind_r == 0)
        g_string_append_printf(answer, "there are no facts of the kind %s", name);
    return *kind_r != 0;
}

gboolean
admin_facts(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 1, answer);
    struct answer_rows rows = {NULL, 0};
    g_autoptr(GPtrArray) facts = NULL;
    enum fact_kind kind;
    gboolean room = TRUE;

    if (words == NULL || !find_fact_kind(words[0], &kind, answer))
        return FALSE;
    rows.array = json_array();
    facts = fact_list(state_of(data), kind, now_ms());
    for (guint i = 0; room && i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        room = answer_add_row(&rows, json_pack("{s:o, s:o, s:I, s:I, s:o, s:s}", "subject", answer_text(fact->subject), "value", answer_text(fact->value), "since_ms",
                                        (json_int_t)fact->since_ms, "expires_ms", (json_int_t)fact->expires_ms, "by", answer_text(fact->by), "node",
                                        fact->node), fact->value);
    }
    return answer_give_rows(rows.array, answer);
}

gboolean
admin_decide(struct state *state, const struct admin_decision *decision, GString *answer)
{
    gint64 seconds = (gint64)MIN(g_ascii_strtoull(decision->seconds, NULL, 10), SECONDS_MAX);
    json_t *value = decision->value != NULL ? decision->value : json_object();
    g_autoptr(GError) error = NULL;
    gboolean done;

    json_object_set_new(value, "reason", answer_text(decision->reason));
    char *text = json_dumps(value, JSON_COMPACT);
    const struct fact_change change = {.value = text, .expires_ms = seconds > 0 ? now_ms() + seconds * 1000 : 0, .by = decision->by,
                                       .action = decision->action, .detail = decision->reason};
    done = fact_put(state, decision->kind, decision->subject, &change, now_ms(), &error);
    free(text);
    json_decref(value);
    return done || answer_failed(answer, error);
}

gboolean
admin_fact_put(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 5, answer);
    struct admin_decision decision = {0};

    if (words == NULL || !find_fact_kind(words[0], &decision.kind, answer))
        return FALSE;
    decision.subject = words[1];
    decision.seconds = words[2];
    decision.by = words[3];
    decision.reason = words[4];
    return admin_decide(state_of(data), &decision, answer) && answer_give(json_object(), answer);
}

gboolean
admin_fact_drop(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 4, answer);
    g_autoptr(GError) error = NULL;
    struct fact_change change = {0};
    enum fact_kind kind;
    gboolean was = FALSE;

    if (words == NULL || !find_fact_kind(words[0], &kind, answer))
        return FALSE;
    change = (struct fact_change){.by = words[2], .detail = words[3]};
    if (!fact_drop(state_of(data), kind, words[1], &change, now_ms(), &was, &error))
        return answer_failed(answer, error);
    if (was && (kind == FACT_SUSPENSION || kind == FACT_HOLD || kind == FACT_SLOW))
        abuse_release(state_of(data), words[1], now_ms());
    g_string_append_printf(answer, "{\"was\":%s}", was ? "true" : "false");
    return TRUE;
}

/* ---- the audit ---- */

static gboolean
add_audit(const struct state_audit *line, gpointer data)
{
    return answer_add_row(data, json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}", "at_ms", (json_int_t)line->at_ms, "node", line->node, "who", answer_text(line->who),
                                   "action", answer_text(line->action), "subject", answer_text(line->subject), "detail", answer_text(line->detail)), line->detail);
}

gboolean
admin_audit(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 2, answer);
    struct answer_rows rows = {json_array(), 0};
    g_autoptr(GError) error = NULL;

    if (words != NULL && state_audit_list(state_of(data), *words[0] != '\0' ? words[0] : NULL, limit_of(words[1]), add_audit, &rows, &error))
        return answer_give_rows(rows.array, answer);
    json_decref(rows.array);
    return error != NULL ? answer_failed(answer, error) : FALSE;
}

/* ---- signs of misuse ---- */

gboolean
admin_abuse(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 1, answer);

    return words != NULL && abuse_show(((struct policyd *)data)->parts.abuse, words[0], now_ms(), answer);
}
