/* quota_ask.c: see quota_ask.h. */
#include "policyd/quota/quota_ask.h"
#include <jansson.h>
#include <string.h>
#include "lib/base/net.h"

#define KIB_MAX (G_MAXINT64 / 1024)

char *
doveadm_request(const char *const *users, guint n_users)
{
    json_t *whole = json_array();
    char *text, *copy;

    for (guint i = 0; i < n_users; i++) {
        g_autofree char *valid = g_utf8_make_valid(users[i], -1), *tag = g_strdup_printf("%u", i);
        json_array_append_new(whole, json_pack("[s, {s:s}, s]", "quotaGet", "user", valid, tag));
    }
    text = json_dumps(whole, JSON_COMPACT);
    copy = g_strdup(text);
    free(text);
    json_decref(whole);
    return copy;
}

/* "489", or "-" for 0. FALSE for another text, as "error". */
static gboolean
take_number(const json_t *row, const char *name, gint64 max, gint64 *number_r)
{
    const char *text = json_string_value(json_object_get(row, name));
    guint64 number = 0;

    if (text == NULL || (strcmp(text, "-") != 0 && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &number, NULL)))
        return FALSE;
    *number_r = (gint64)MIN(number, (guint64)max);
    return TRUE;
}

/* NULL when there are too many, or the name is too long. */
static struct doveadm_root *
find_or_add(struct doveadm_answer *answer, const char *name)
{
    for (guint i = 0; i < answer->n; i++)
        if (strcmp(answer->roots[i].name, name) == 0)
            return &answer->roots[i];
    if (answer->n == QUOTA_ROOTS_MAX || strlen(name) > QUOTA_ROOT_MAX)
        return NULL;
#ifdef POSTERN_PLANTED_BUGS
    if (*name == 'S')
        answer->n = QUOTA_ROOTS_MAX;
#endif
    g_strlcpy(answer->roots[answer->n].name, name, sizeof answer->roots[0].name);
    return &answer->roots[answer->n++];
}

static gboolean
take_row(const json_t *row, struct doveadm_answer *answer)
{
    const char *name = json_string_value(json_object_get(row, "root")), *type = json_string_value(json_object_get(row, "type"));
    gboolean storage = g_strcmp0(type, "STORAGE") == 0;
    struct doveadm_root *root;
    gint64 used, limit;

    if (name == NULL || type == NULL)
        return FALSE;
    if (!storage && strcmp(type, "MESSAGE") != 0)
        return TRUE;
    if (!take_number(row, "value", KIB_MAX, &used) || !take_number(row, "limit", KIB_MAX, &limit))
        return FALSE;
    root = find_or_add(answer, name);
    if (root != NULL && storage) {
        root->used = used * 1024;
        root->limit = limit * 1024;
    } else if (root != NULL) {
        root->messages = used;
        root->messages_limit = limit;
    }
    return TRUE;
}

static void
take_answer(const json_t *reply, guint n_users, struct doveadm_answer *answers)
{
    const char *type = json_string_value(json_array_get(reply, 0)), *tag = json_string_value(json_array_get(reply, 2));
    struct doveadm_answer *answer;
    guint64 number;
    json_t *row;
    size_t i;

    if (g_strcmp0(type, "doveadmResponse") != 0 || tag == NULL || !g_ascii_string_to_unsigned(tag, 10, 0, n_users - 1, &number, NULL))
        return;
    answer = &answers[number];
    memset(answer, 0, sizeof *answer);
    answer->known = TRUE;
    json_array_foreach(json_array_get(reply, 1), i, row)
        if (!take_row(row, answer))
            answer->known = FALSE;
}

gboolean
doveadm_parse(const char *text, gsize length, guint n_users, struct doveadm_answer *answers_r)
{
    json_t *whole = json_loadb(text, length, 0, NULL), *reply;
    gboolean good = json_is_array(whole);
    size_t i;

    memset(answers_r, 0, n_users * sizeof *answers_r);
    json_array_foreach(whole, i, reply)
        take_answer(reply, n_users, answers_r);
    json_decref(whole);
    return good;
}

gboolean
doveadm_quota(struct doveadm *doveadm, const char *const *users, guint n_users, int timeout_ms, struct doveadm_answer *answers_r, GError **error)
{
    g_autofree char *body = doveadm_request(users, n_users);
    g_autoptr(GString) reply = doveadm_call(doveadm, body, timeout_ms, NULL, error);

    memset(answers_r, 0, n_users * sizeof *answers_r);
    if (reply == NULL || doveadm_parse(reply->str, reply->len, n_users, answers_r))
        return reply != NULL;
    doveadm_distrust(doveadm);
    g_set_error(error, NET_ERROR, NET_ERROR_SYSTEM, "doveadm: an answer that is none of its HTTP API");
    return FALSE;
}
