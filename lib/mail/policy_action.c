/* policy_action.c: access(5)'s actions by name. */
#include "lib/mail/policy_action.h"
#include <string.h>

/* What must follow the name. */
enum rest { REST_NONE, REST_ANY, REST_FIELD, REST_TRANSPORT, REST_ADDRESS };

static const struct action {
    const char *name;
    enum rest rest;
    gboolean mild, refuses;
} actions[] = {
    {"DUNNO", REST_NONE, TRUE, FALSE},
    {"OK", REST_NONE, FALSE, FALSE},
    {"REJECT", REST_ANY, FALSE, TRUE},
    {"DEFER", REST_ANY, FALSE, TRUE},
    {"DEFER_IF_REJECT", REST_ANY, TRUE, FALSE},
    {"DEFER_IF_PERMIT", REST_ANY, TRUE, TRUE},
    {"BCC", REST_ADDRESS, TRUE, FALSE},
    {"DISCARD", REST_ANY, FALSE, FALSE},
    {"FILTER", REST_TRANSPORT, TRUE, FALSE},
    {"HOLD", REST_ANY, TRUE, FALSE},
    {"PREPEND", REST_FIELD, TRUE, FALSE},
    {"REDIRECT", REST_ADDRESS, TRUE, FALSE},
    {"INFO", REST_ANY, TRUE, FALSE},
    {"WARN", REST_ANY, TRUE, FALSE},
};

/* "4xx text" and "5xx text", perhaps with an enhanced status code (RFC 3463), which must be of the same class. */
static gboolean
is_reply(const char *text)
{
    const char *rest = text + 3;

    if ((text[0] != '4' && text[0] != '5') || !g_ascii_isdigit(text[1]) || !g_ascii_isdigit(text[2]) || text[3] != ' ')
        return FALSE;
    rest += strspn(rest, " ");
    return *rest != '\0' && (!g_ascii_isdigit(rest[0]) || rest[1] != '.' || rest[0] == text[0]);
}

static const struct action *
find(const char *text)
{
    gsize length = strcspn(text, " ");

    for (guint i = 0; i < G_N_ELEMENTS(actions); i++)
        if (strlen(actions[i].name) == length && g_ascii_strncasecmp(actions[i].name, text, length) == 0)
            return &actions[i];
    return NULL;
}

static gboolean
has_rest(const struct action *action, const char *rest)
{
    const char *colon = strchr(rest, ':');

    switch (action->rest) {
    case REST_NONE:
        return *rest == '\0';
    case REST_FIELD: /* RFC 5322 2.2: printable ASCII and a colon */
        for (const char *p = rest; colon != NULL && p < colon; p++)
            if (*p < 33 || *p > 126)
                return FALSE;
        return colon != NULL && colon > rest;
    case REST_TRANSPORT:
        return colon != NULL && colon > rest;
    case REST_ADDRESS:
        return strchr(rest, '@') != NULL;
    case REST_ANY:
    default:
        return TRUE;
    }
}

gboolean
policy_action_check(const char *text, GError **error)
{
    const struct action *action = find(text);
    const char *rest = text + strcspn(text, " "), *problem = NULL;

    rest += strspn(rest, " ");
    for (const char *p = text; *p != '\0'; p++)
        if (g_ascii_iscntrl(*p))
            problem = "has a control character in it";
    if (strlen(text) > POLICY_ACTION_MAX)
        problem = "is too long";
    else if (problem == NULL && action == NULL && !is_reply(text))
        problem = "is no action: write DUNNO, OK, REJECT text, DEFER_IF_PERMIT text, HOLD text, PREPEND Field: value, WARN text, or a reply "
                  "as 550 5.7.1 text (see access(5))";
    else if (problem == NULL && action != NULL && !has_rest(action, rest))
        problem = action->rest == REST_NONE        ? "takes no text"
                  : action->rest == REST_FIELD     ? "needs a header field, as PREPEND X-Field: value"
                  : action->rest == REST_TRANSPORT ? "needs transport:destination"
                                                   : "needs an address";
    if (problem == NULL)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "\"%s\" %s", text, problem);
    return FALSE;
}

void
policy_action_write(GString *out, const char *text)
{
    gsize begin;

    g_string_append(out, "action=");
    begin = out->len;
    g_string_append_len(out, text, (gssize)MIN(strlen(text), POLICY_ACTION_MAX));
    for (gsize i = begin; i < out->len; i++)
        if (g_ascii_iscntrl(out->str[i]))
            out->str[i] = '?';
    if (out->len == begin)
        g_string_append(out, "DUNNO"); /* an empty one is a configuration error to smtpd */
    g_string_append(out, "\n\n");
}

gboolean
policy_action_is_mild(const char *text)
{
    const struct action *action = find(text);

    return action != NULL && action->mild;
}

gboolean
policy_action_refuses(const char *text)
{
    const struct action *action = find(text);

    return action != NULL ? action->refuses : is_reply(text);
}
