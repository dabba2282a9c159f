/* event.c: see event.h. */
#include "policyd/quota/event.h"
#include <jansson.h>
#include <string.h>
#include "lib/mail/address.h"

#define VERSION 1

const char *const quota_kind_names[] = {"over", "under", "rejected", NULL};

enum quota_kind
quota_kind_find(const char *name)
{
    for (guint i = 0; i < QUOTA_KINDS; i++)
        if (strcmp(quota_kind_names[i], name) == 0)
            return (enum quota_kind)i;
    return QUOTA_KINDS;
}

/* A string of at most max bytes without controls, into a buffer of max + 1. */
static gboolean
take_text(const json_t *whole, const char *name, char *out, gsize max)
{
    const json_t *member = json_object_get(whole, name);
    const char *text = json_string_value(member);
    gsize length = json_string_length(member);

    if (text == NULL || length > max || strlen(text) != length)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        if ((guchar)text[i] < ' ' || text[i] == 0x7f)
            return FALSE;
#ifdef POSTERN_PLANTED_BUGS
    if (text[0] == '%')
        length = max + 1; /* planted: the NUL lands behind the buffer */
#endif
    memcpy(out, text, strlen(text));
    out[length] = '\0';
    return TRUE;
}

static gboolean
take_number(const json_t *whole, const char *name, gint64 *number_r)
{
    const json_t *member = json_object_get(whole, name);

    *number_r = json_integer_value(member);
    return json_is_integer(member) && *number_r >= 0;
}

/* The name that SQL and the checks know the user by. */
static gboolean
take_user(const json_t *whole, struct quota_event *event)
{
    char as_told[QUOTA_USER_MAX + 1];
    g_autofree char *form = NULL;

    if (!take_text(whole, "user", as_told, QUOTA_USER_MAX))
        return FALSE;
    form = address_normalise(as_told);
    return *form != '\0' && g_strlcpy(event->user, form, sizeof event->user) < sizeof event->user;
}

static const char *
take_members(const json_t *whole, struct quota_event *event)
{
    const json_t *storage = json_object_get(whole, "storage"), *messages = json_object_get(whole, "messages");
    char kind[QUOTA_WORD_MAX + 1];
    gint64 version;

    if (!json_is_object(whole))
        return "no object";
    if (!take_number(whole, "v", &version))
        return "no version";
    if (version != VERSION)
        return "of another version";
    if (!take_text(whole, "event", kind, QUOTA_WORD_MAX) || (event->kind = quota_kind_find(kind)) == QUOTA_KINDS)
        return "of an unknown kind";
    if (!take_user(whole, event))
        return "without a user's name";
    if (!take_text(whole, "root", event->root, QUOTA_ROOT_MAX))
        return "without a quota root's name";
    if (!take_number(storage, "used", &event->used) || !take_number(storage, "limit", &event->limit) ||
        !take_number(messages, "used", &event->messages) || !take_number(messages, "limit", &event->messages_limit))
        return "without usage and limits";
    if (!take_number(whole, "refused", &event->refused) || !take_number(whole, "size", &event->size) ||
        !take_number(whole, "time", &event->time_ms))
        return "without a time or what was refused";
    if (!take_text(whole, "service", event->service, QUOTA_WORD_MAX) || !take_text(whole, "cause", event->cause, QUOTA_WORD_MAX))
        return "without service or cause";
    return NULL;
}

gboolean
quota_event_parse(const char *datagram, gsize length, struct quota_event *event_r, const char **problem_r)
{
    json_t *whole;

    memset(event_r, 0, sizeof *event_r);
    if (length > QUOTA_EVENT_MAX) {
        *problem_r = "too long";
        return FALSE;
    }
    whole = json_loadb(datagram, length, JSON_REJECT_DUPLICATES, NULL);
    *problem_r = whole != NULL ? take_members(whole, event_r) : "no JSON";
    json_decref(whole);
    return *problem_r == NULL;
}
