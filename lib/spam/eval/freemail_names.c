/* freemail_names.c: local parts that tell of roles and machines, as Plugin::FreeMail's two patterns do. */
#include <string.h>
#include "lib/spam/eval/freemail_private.h"
#include "lib/spam/view/bytes.h"

struct text {
    const char *at;
    gsize length; /* of its first line: no pattern goes beyond */
};

static struct text
first_line(const char *at, gsize length)
{
    const char *end = memchr(at, '\n', length);

    return (struct text){at, end != NULL ? (gsize)(end - at) : length};
}

static gboolean
has_at(struct text text, gsize pos, const char *word)
{
    gsize n = strlen(word);

    return pos <= text.length && text.length - pos >= n && g_ascii_strncasecmp(text.at + pos, word, n) == 0;
}

/* Bytes of hexadecimal digits at pos, up to max. */
static gsize
hex_run(struct text text, gsize pos, gsize max)
{
    gsize n = 0;

    while (n < max && pos + n < text.length && g_ascii_isxdigit(text.at[pos + n]))
        n++;
    return n;
}

static gboolean
is_mark(struct text text, gsize pos, char mark)
{
    return pos < text.length && text.at[pos] == mark;
}

/* Whether the last byte of the kind stands at or behind from. */
static gboolean
has_behind(struct text text, gsize from, char mark)
{
    return from < text.length && memchr(text.at + from, mark, text.length - from) != NULL;
}

/* 8 digits, and behind a dot 8 more or the rest of a UUID; then "@". */
static gboolean
is_machine_id(struct text text)
{
    static const gsize groups[] = {4, 4, 4, 12};
    gsize pos = 8;

    if (hex_run(text, 0, 8) < 8)
        return FALSE;
    if (is_mark(text, pos, '.'))
        return hex_run(text, 9, 8) == 8 && is_mark(text, 17, '@');
    for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (!is_mark(text, pos, '-') || hex_run(text, pos + 1, groups[i]) < groups[i])
            return FALSE;
        pos += 1 + groups[i];
    }
    return is_mark(text, pos, '@');
}

/* a=b=c@ */
static gboolean
is_forward(struct text text)
{
    const char *first = text.length > 1 ? memchr(text.at + 1, '=', text.length - 1) : NULL;
    const char *mark = memrchr(text.at, '@', text.length), *last;

    if (first == NULL || mark == NULL || mark - text.at < 2)
        return FALSE;
    last = memrchr(text.at, '=', (gsize)(mark - text.at) - 1);
    return last != NULL && last - first >= 2;
}

gboolean
freemail_is_role(const char *address, gsize length)
{
    static const char *const names[] = {"abuse@", "support@", "sales@", "info@", "helpdesk@", "contact@", "kontakt@", "postmaster@",
                                        "hostmaster@", "domainmaster@", "bounce-@", "bounced-@"};
    const struct text text = first_line(address, length);

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (has_at(text, 0, names[i]))
            return TRUE;
    if (has_at(text, 0, "undisclosed") && has_behind(text, strlen("undisclosed"), '@'))
        return TRUE;
    if (has_at(text, 0, "request-") && hex_run(text, 8, 16) == 16 && is_mark(text, 24, '@'))
        return TRUE;
    return is_machine_id(text) || is_forward(text);
}

/* ---- senders ---- */

static gboolean
ends_with(const char *text, gsize end, const char *word)
{
    gsize n = strlen(word);

    return end >= n && g_ascii_strncasecmp(text + end - n, word, n) == 0;
}

static gboolean
is_joint(char c)
{
    return c == '.' || (g_ascii_tolower(c) >= '_' && g_ascii_tolower(c) <= 't');
}

/* "noreply", "do-not_reply", .. up to end; a joint is what the pattern's class takes, which is more than it means to. */
static gboolean
ends_with_no_reply(const char *text, gsize end)
{
    gsize at;

    if (!ends_with(text, end, "reply") && !ends_with(text, end, "replies"))
        return FALSE;
    end -= ends_with(text, end, "reply") ? 5 : 7;
    for (guint joint = 0; joint < 2; joint++) {
        if (end < joint || (joint == 1 && !is_joint(text[end - 1])) || !ends_with(text, end - joint, "no"))
            continue;
        at = end - joint - 2;
        for (guint way = 0; way < 3; way++) { /* "no" alone, "dono", "do-no" */
            gsize start = at;
            if (way == 2 && (start == 0 || !is_joint(text[start - 1])))
                continue;
            start -= way == 2;
            if (way > 0 && !ends_with(text, start, "do"))
                continue;
            start -= way > 0 ? 2 : 0;
            if (start == 0 || !byte_is_word(text[start - 1]))
                return TRUE;
        }
    }
    return FALSE;
}

/* What may stand in front of any "@". */
static gboolean
ends_as_bulk(const char *text, gsize end)
{
    static const char *const tails[] = {"-request", "-bounce", "-bounces", "-admin", "-owner"};

    for (guint i = 0; i < G_N_ELEMENTS(tails); i++)
        if (ends_with(text, end, tails[i]))
            return TRUE;
    return ends_with_no_reply(text, end);
}

/* "=" with something on both sides, in one line, before an "@". */
static gboolean
has_rewritten(const char *sender, gsize length)
{
    for (gsize at = 0; at < length;) {
        const char *end = memchr(sender + at, '\n', length - at);
        gsize line = end != NULL ? (gsize)(end - sender) : length;
        const char *first = line > at + 1 ? memchr(sender + at + 1, '=', line - at - 1) : NULL;
        if (first != NULL && (gsize)(first - sender) + 2 < line && memchr(first + 2, '@', line - (gsize)(first - sender) - 2) != NULL)
            return TRUE;
        at = line + 1;
    }
    return FALSE;
}

gboolean
freemail_is_bulk(const char *sender, gsize length)
{
    static const char *const names[] = {"postmaster@", "hostmaster@", "domainmaster@", "double-bounce@"};
    static const char *const heads[] = {"sentto-", "owner-", "return-", "bounce-", "bounced-", "grbounce-", "grbounced-"};
    const struct text text = first_line(sender, length);

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (has_at(text, 0, names[i]))
            return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(heads); i++)
        if (has_at(text, 0, heads[i]) && has_behind(text, strlen(heads[i]) + 1, '@'))
            return TRUE;
    for (gsize at = 0; at < length; at++)
        if (sender[at] == '@' && ends_as_bulk(sender, at))
            return TRUE;
    return has_rewritten(sender, length);
}
