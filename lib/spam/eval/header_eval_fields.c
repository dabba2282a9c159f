/* header_eval_fields.c: eval functions that look into single header fields. */
#include <math.h>
#include <stdlib.h>
#include "lib/spam/eval/header_eval_private.h"
#include "lib/spam/eval/rfc822_date.h"
#include "lib/spam/view/bytes.h"

static gboolean
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static gboolean
is_word_char(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

/* ---- charsets ---- */

/* Charsets that are usual where a language is spoken; the Western ones are so everywhere. */
static const struct {
    const char *locale;
    const char *charsets; /* between blanks */
} locale_charsets[] = {
    {"ja", " EUCJP JISX020119760 JISX020819830 JISX020819900 JISX020819970 JISX021219900 JISX021320001 "
           "JISX021320002 SHIFT_JIS "
           "SHIFTJIS ISO2022JP SJIS JIS7 JISX0201 JISX0208 JISX0212 "},
    {"ko", " EUCKR KSC56011987 "},
    {"th", " TIS620 "},
    {"zh", " GB1988 GB2312 GB231219800 GB18030 GBK BIG5HKSCS BIG5 EUCTW ISO2022CN "},
    {"ru ka tg be uk bg", " KOI8R KOI8U KOI8T ISOIR111 CP1251 GEORGIANPS PT154 CP866 "},
};

static gboolean
is_western(const char *charset)
{
    static const char *const whole[] = {"USASCII", "ASCII", "IBM852", "XUNKNOWN", "ISO"};
    static const char *const start[] = {"ISO8859", "ISO10646", "UTF",           "UCS",
                                        "CP125",   "WINDOWS",  "UNICODE11UTF7", "UNICODE11UTF8"};
    gboolean western = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(whole); i++)
        western = western || strcmp(charset, whole[i]) == 0;
    for (guint i = 0; i < G_N_ELEMENTS(start); i++)
        western = western || g_str_has_prefix(charset, start[i]);
    return western;
}

static gboolean
is_charset_of(const char *charset, const char *locale)
{
    g_autofree char *word = g_strdup_printf(" %s ", charset);
    char language[3] = {locale[0], locale[0] != '\0' ? locale[1] : '\0', '\0'};

    if (!g_ascii_islower(language[0]) || !g_ascii_islower(language[1]))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(locale_charsets); i++)
        if (strstr(locale_charsets[i].locale, language) != NULL &&
            strstr(locale_charsets[i].charsets, word) != NULL)
            return TRUE;
    return FALSE;
}

/* Letters and digits in upper case, without the "3D" that a broken quoted-printable encoder leaves. */
static char *
plain_charset(const char *text, gsize len)
{
    g_autoptr(GString) plain = g_string_new(NULL);

    for (gsize i = 0; i < len; i++)
        if (g_ascii_isalnum(text[i]))
            g_string_append_c(plain, g_ascii_toupper(text[i]));
    if (g_str_has_prefix(plain->str, "3D"))
        g_string_erase(plain, 0, 2);
    return g_string_free(g_steal_pointer(&plain), FALSE);
}

static gboolean
is_charset_ok(const char *text, gsize len, const char *const *locales)
{
    g_autofree char *charset = plain_charset(text, len);

    if (is_western(charset))
        return TRUE;
    for (guint i = 0; locales[i] != NULL; i++)
        if (is_charset_of(charset, locales[i]))
            return TRUE;
    return FALSE;
}

static gboolean
has_faraway_word(const char *text, gsize len, const char *const *locales)
{
    static struct line_form_once word = {"{find}=?{x<}{.:1-~}{>x}?{.:1-1}?{few}?=", FALSE, NULL};
    struct form_match match;

    for (gsize at = 0; line_form_once_match(&word, text + at, len - at, &match); at += match.end)
        if (!is_charset_ok(text + at + match.slot[FORM_X].start,
                           match.slot[FORM_X].end - match.slot[FORM_X].start, locales))
            return TRUE;
    return FALSE;
}

HEADER_EVAL(eval_faraway_charset_in_headers)
{
    static const char *const names[] = {"From:raw", "Subject:raw"};
    const char *const *locales = e->options->ok_locales;

    (void)args, (void)n_args;
    if (locales == NULL || g_strv_contains(locales, "all"))
        return FALSE;
    for (guint n = 0; n < G_N_ELEMENTS(names); n++) {
        const GPtrArray *values = header_eval_values(e, names[n]);
        for (guint i = 0; i < values->len; i++) {
            gsize len;
            const char *text = g_bytes_get_data(g_ptr_array_index(values, i), &len);
            if (text != NULL && has_faraway_word(text, len, locales))
                return TRUE;
        }
    }
    return FALSE;
}

/* ---- bytes ---- */

static gboolean
is_control(guchar c)
{
    return c < ' ' && c != '\t' && c != '\n' && c != '\r';
}

static void
count_illegal(const GString *text, gsize *illegal_r, gsize *controls_r, gsize *eight_bit_r)
{
    *illegal_r = *controls_r = *eight_bit_r = 0;
    for (gsize i = 0, end; i < text->len;) {
        i += bytes_printable(text->str + i, text->len - i); /* nearly all of them */
        for (end = MIN(i + 8, text->len); i < end; i++) {
            guchar c = (guchar)text->str[i];
            *controls_r += is_control(c);
            *eight_bit_r += c >= 0x80;
            *illegal_r += is_control(c) || c >= 0x7f;
        }
    }
}

static gboolean
is_blank(const GString *text)
{
    for (gsize i = 0; i < text->len; i++)
        if (!is_space(text->str[i]))
            return FALSE;
    return TRUE;
}

/* UTF-8 with or without NULs. */
static gboolean
is_utf8(const GString *text)
{
    const char *at = text->str, *end = text->str + text->len, *bad;

    while (!g_utf8_validate(at, end - at, &bad)) {
        if (*bad != '\0')
            return FALSE;
        at = bad + 1;
    }
    return TRUE;
}

/* A cent, pound or registered sign is as likely in honest mail. */
static gsize
exempt_signs(const GString *text)
{
    gsize n = 0;

    for (gsize i = 0; i < text->len; i++)
        n += text->str[i] == '\xa2' || text->str[i] == '\xa3' || text->str[i] == '\xae';
    return n == 1;
}

/* args: header, the least share of bytes that should have been encoded, the least number */
HEADER_EVAL(eval_illegal_chars)
{
    const char *header = n_args > 0 ? args[0] : "";
    g_autofree char *name =
        g_str_has_suffix(header, ":raw") ? g_strdup(header) : g_strconcat(header, ":raw", NULL);
    g_autoptr(GBytes) whole =
        strcmp(name, "ALL:raw") == 0 ? header_eval_all(e, TRUE) : g_string_free_to_bytes(header_eval_text(e, name));
    GString text = {0};
    gsize illegal, controls, eight_bit;

    text.str = (char *)(guintptr)g_bytes_get_data(whole, &text.len);
    if (is_blank(&text))
        return FALSE;
    count_illegal(&text, &illegal, &controls, &eight_bit);
    if (eight_bit > 0 && controls == 0 && is_utf8(&text))
        return FALSE;
    if (illegal > 0 && g_ascii_strcasecmp(name, "subject:raw") == 0)
        illegal -= exempt_signs(&text);
    if (illegal == 0 && n_args > 2 && args[2][0] >= '1' && args[2][0] <= '9') /* most often: fewer than are asked for, whatever the number */
        return FALSE;
    return (double)illegal / (double)text.len >= (n_args > 1 ? g_ascii_strtod(args[1], NULL) : 0) &&
           (double)illegal >= (n_args > 2 ? g_ascii_strtod(args[2], NULL) : 0);
}

/* ---- subject ---- */

/* "Re:" and its like in other languages, any number of them: the length. */
static gsize
reply_marks_len(const char *text, gsize len)
{
    static struct line_form_once mark = {"{re|fwd|fw|aw|antwort|wg|sv|vb|vs|vl}:{s:0-}", TRUE, NULL};
    struct form_match match;
    gsize at = 0;

    while (line_form_once_match(&mark, text + at, len - at, &match))
        at += match.end;
    return at;
}

/* Whether a word is encoded in a charset whose letters aren't the Latin ones. */
static gboolean
has_other_script(const GString *raw)
{
    static const char *const marks[] = {"koi",   "jp",     "jis",          "euc",        "gb",    "big5",
                                        "isoir", "cp1251", "windows-1251", "georgianps", "pt154", "tis"};
    g_autofree char *text = g_ascii_strdown(raw->str, -1);

    for (const char *word = text; (word = strstr(word, "=?")) != NULL; word++) {
        gsize len = strspn(word + 2, "abcdefghijklmnopqrstuvwxyz0123456789-_");
        g_autofree char *charset = g_strndup(word + 2, len);

        for (guint i = 0; word[2 + len] == '?' && i < G_N_ELEMENTS(marks); i++)
            if (strstr(charset, marks[i]) != NULL)
                return TRUE;
    }
    return FALSE;
}

HEADER_EVAL(eval_subject_is_all_caps)
{
    g_autoptr(GString) subject = header_eval_text(e, "Subject"), raw = header_eval_text(e, "Subject:raw");
    gsize start = 0, end = subject->len, letters = 0, spaces = 0;

    (void)args, (void)n_args;
    while (start < end && is_space(subject->str[start]))
        start++;
    while (end > start && is_space(subject->str[end - 1]))
        end--;
    start += reply_marks_len(subject->str + start, end - start);
    for (gsize i = start; i < end; i++) {
        if (g_ascii_islower(subject->str[i]))
            return FALSE;
        letters += g_ascii_isupper(subject->str[i]);
        spaces += is_space(subject->str[i]);
    }
    return spaces > 0 && end - start >= 10 && letters > 0 && !has_other_script(raw);
}

/* Whether word stands in text between boundaries, any case. */
static gboolean
has_word(const GString *text, const GString *word)
{
    for (gsize at = 0; at + word->len <= text->len; at++) {
        gsize end = at + word->len;
        gboolean before = at > 0 && is_word_char(text->str[at - 1]),
                 after = end < text->len && is_word_char(text->str[end]);

        if (before != is_word_char(word->str[0]) && after != is_word_char(word->str[word->len - 1]) &&
            g_ascii_strncasecmp(text->str + at, word->str, word->len) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The rest of a subject behind its start: NULL when text isn't there. */
static const char *
behind(const char *subject, const char *text, gboolean ignore_case)
{
    gsize len = strlen(text);
    gboolean there =
        ignore_case ? g_ascii_strncasecmp(subject, text, len) == 0 : strncmp(subject, text, len) == 0;

    return there ? subject + len : NULL;
}

static gboolean
is_end(const char *rest)
{
    return rest != NULL && (rest[0] == '\0' || (rest[0] == '\n' && rest[1] == '\0'));
}

static const char *
skip_space(const char *text)
{
    while (text != NULL && is_space(*text))
        text++;
    return text;
}

static gboolean
is_mark(const char *rest)
{
    return rest != NULL && rest[0] != '\0' && strchr(",:;!?-", rest[0]) != NULL;
}

/* "re: name", "fw: hello name" */
static gboolean
is_reply_to(const char *subject, const char *name)
{
    const char *rest = behind(subject, "re:", TRUE), *word;

    if (rest == NULL && (rest = behind(subject, "fw:", TRUE)) == NULL)
        return FALSE;
    word = rest;
    do
        if (is_end(behind(word, name, TRUE)))
            return TRUE;
    while (is_space(*word) && word++);
    for (word = skip_space(rest); is_word_char(*word);)
        word++;
    if (word == skip_space(rest) || !is_space(*word))
        return FALSE;
    while (is_space(*word))
        if (is_end(behind(++word, name, TRUE)))
            return TRUE;
    return FALSE;
}

static gboolean
is_addressed(const char *subject, const char *name)
{
    const char *rest = skip_space(behind(subject, name, FALSE));

    if (is_reply_to(subject, name) || is_end(behind(subject, name, TRUE)))
        return TRUE;
    if (is_mark(rest) && (is_end(rest + 1) || is_space(rest[1])))
        return TRUE;
    for (rest = behind(subject, ",", FALSE); rest != NULL; rest = is_space(*rest) ? rest + 1 : NULL)
        if (is_mark(behind(rest, name, TRUE)) && is_end(behind(rest, name, TRUE) + 1))
            return TRUE;
    return FALSE;
}

/* args: "address" or "user" of the recipient, which the subject names */
HEADER_EVAL(eval_to_in_subject)
{
    g_autoptr(GString) to = header_eval_text(e, "To:addr"), subject = header_eval_text(e, "Subject");
    const char *what = n_args > 0 ? args[0] : "";

    if (to->len == 0)
        return FALSE;
    if (strcmp(what, "address") == 0)
        return has_word(subject, to);
    if (strcmp(what, "user") != 0)
        return FALSE;
    g_string_truncate(to, strcspn(to->str, "@"));
    return is_addressed(subject->str, to->str);
}

/* ---- others ---- */

/* Outlook makes a part of its Message-Id of the time. */
static gboolean
is_of_time(guint64 token, const char *text, gsize len)
{
    gint64 seconds = 0;

    rfc822_date_parse(text, len, &seconds);
    return ABS((double)token - trunc((double)seconds * 0.0023283064365387 + 27111902.8329849)) < 250;
}

HEADER_EVAL(eval_outlook_message_id)
{
    g_autoptr(GString) id = header_eval_text(e, "MESSAGEID"), date = header_eval_text(e, "Date");
    const GString *received = header_eval_received(e);
    guint64 token;

    (void)args, (void)n_args;
    if (id->len < 32 || id->str[0] != '<' || id->str[13] != '$' || id->str[22] != '$' || id->str[31] != '@')
        return FALSE;
    for (guint i = 1; i < 31; i++)
        if (i != 13 && i != 22 && (!g_ascii_isxdigit(id->str[i]) || g_ascii_isupper(id->str[i])))
            return FALSE;
    g_string_truncate(id, 13);
    token = g_ascii_strtoull(id->str + 5, NULL, 16);
    return !is_of_time(token, date->str, date->len) && !is_of_time(token, received->str, received->len);
}

/* Lists and servers that give messages new identifiers. */
HEADER_EVAL(eval_messageid_not_usable)
{
    static struct line_form_once lyris = {"{find}<mailto:leave-{-}@{-}>{[}\n{]}{end}", TRUE, NULL};
    static struct line_form_once ezmlm = {"{find}<mailto:{-}-unsubscribe@{-}>{[}\n{]}{end}", TRUE, NULL};
    g_autoptr(GString) list = header_eval_text(e, "List-Unsubscribe");
    const GString *received = header_eval_received(e);

    return header_eval_matches(list, &lyris) || header_eval_matches(list, &ezmlm) ||
           eval_gated_through_received_remover(e, args, n_args) ||
           header_eval_contains(received, "/CWT/DCE)") ||
           header_eval_contains(received, "iPlanet Messaging Server");
}

/* ezmlm takes Received lines away, as MSN's groups do. */
HEADER_EVAL(eval_gated_through_received_remover)
{
    static struct line_form_once manager = {"{find}{bol}contact {-}@{-}; run by ezmlm{eol}", FALSE, NULL};
    static struct line_form_once list = {"{find}{bol}mailing list {-}@{-}", FALSE, NULL};
    static struct line_form_once network = {
        "{find}qmail {d:1-} invoked from network); {d:1-} {.:3-3} {d:1-1}", FALSE, NULL};
    static struct line_form_once by = {"{find}qmail {d:1-} invoked by {.:3-20}); {d:1-} {.:3-3} {d:1-1}",
                                       FALSE, NULL};
    static struct line_form_once msn = {"{find}from groups.msn.com ({-}.msn.com ", FALSE, NULL};
    g_autoptr(GString) mailing_list = header_eval_text(e, "Mailing-List");
    const GString *received = header_eval_received(e);

    (void)args, (void)n_args;
    if (header_eval_matches(mailing_list, &manager)) {
        g_autoptr(GString) delivered = header_eval_text(e, "Delivered-To");
        if (header_eval_matches(delivered, &list) &&
            (header_eval_matches(received, &network) || header_eval_matches(received, &by)))
            return TRUE;
    }
    return !header_eval_has(e, "Received") || header_eval_matches(received, &msn);
}

/* args: header, least and greatest number of fields that differ */
HEADER_EVAL(eval_header_count_range)
{
    const GPtrArray *values = header_eval_values(e, n_args > 0 ? args[0] : "");
    g_autoptr(GHashTable) different = g_hash_table_new(g_bytes_hash, g_bytes_equal);
    double n;

    for (guint i = 0; i < values->len; i++)
        g_hash_table_add(different, g_ptr_array_index(values, i));
    n = g_hash_table_size(different);
    return n >= (n_args > 1 ? g_ascii_strtod(args[1], NULL) : 0) &&
           n <= (n_args > 2 ? g_ascii_strtod(args[2], NULL) : 0);
}

static gboolean
may_hold_percent(const char *line)
{
    static const char *const names[] = {"X-VMS-To:",
                                        "X-UIDL:",
                                        "X-Face:",
                                        "To:",
                                        "Cc:",
                                        "From:",
                                        "Subject:",
                                        "References:",
                                        "In-Reply-To:",
                                        "Message-Id:",
                                        "X-Message-Id:",
                                        "Resent-Message-Id:",
                                        "X-Original-Message-Id:"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_ascii_strncasecmp(line, names[i], strlen(names[i])) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
has_template(const char *text, gsize len)
{
    static struct line_form_once mark = {"{find}%{U:1-1}{_|-}", FALSE, NULL},
                                 letters = {"{find}%{U:2-2}", FALSE, NULL};

    return line_form_once_match(&letters, text, len, NULL) || line_form_once_match(&mark, text, len, NULL);
}

/* "%NAME" that a mass mailer has not filled in */
HEADER_EVAL(eval_unresolved_template)
{
    g_autoptr(GBytes) all = header_eval_all(e, FALSE);
    gsize length;
    const char *text = g_bytes_get_data(all, &length), *end = text + length;

    (void)args, (void)n_args;
    for (const char *mark = text, *next; mark < end && (mark = memchr(mark, '%', (gsize)(end - mark))) != NULL; mark = next) {
        const char *before = memrchr(text, '\n', (gsize)(mark - text)), *line = before != NULL ? before + 1 : text;
        next = memchr(mark, '\n', (gsize)(end - mark));
        next = next != NULL ? next : end;
        if (has_template(line, (gsize)(next - line)) && !may_hold_percent(line))
            return TRUE;
    }
    return FALSE;
}

/* <28 capitals.address> as identifier, and the same address in From */
HEADER_EVAL(eval_ratware_name_id)
{
    static struct line_form_once mark = {"{find}<{U:28-28}.{x<}{>:1-}{>x}>", FALSE, NULL};
    g_autoptr(GString) id = header_eval_text(e, "MESSAGEID"), from = header_eval_text(e, "From");
    g_autofree char *address = NULL;
    struct form_match match;
    gsize len;

    (void)args, (void)n_args;
    if (!line_form_once_match(&mark, id->str, id->len, &match))
        return FALSE;
    len = match.slot[FORM_X].end - match.slot[FORM_X].start + 2;
    address = g_strdup_printf("<%.*s>", (int)(len - 2), id->str + match.slot[FORM_X].start);
    for (const char *found = from->str; (found = strstr(found, address)) != NULL; found++) {
        const char *quote = found;

        while (quote > from->str && is_space(quote[-1]))
            quote--;
        /* "name", not "" */
        if (quote - from->str >= 3 && quote[-1] == '"' && quote[-2] != '"' &&
            memchr(from->str, '"', (gsize)(quote - from->str) - 2) != NULL)
            return TRUE;
    }
    return FALSE;
}
