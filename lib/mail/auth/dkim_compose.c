/* dkim_compose.c: choosing what is signed, and writing tag lists. */
#include "lib/mail/auth/dkim_compose.h"
#include "lib/base/dns.h"
#include "lib/mail/auth/dkim_signature.h"
#include <string.h>

#define TAB_COLUMNS 8u

G_DEFINE_QUARK(dkim-sign-error, dkim_sign_error)

/* RFC 6376 5.4.1, and the fields that tell a reader how to read the body, or who wrote it (RFC 8058 for the last). */
static const char *const usual[] = {
    "From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding", "Resent-Date", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc",
    "Resent-Message-ID", "In-Reply-To", "References", "List-Id", "List-Help", "List-Unsubscribe", "List-Subscribe",
    "List-Post", "List-Owner", "List-Archive", "List-Unsubscribe-Post", NULL};
static const char *const from_only[] = {"From", NULL};

/* RFC 5322 3.6.8, less what would end a tag or a name in h=. */
static gboolean
is_field_name(const char *name)
{
    if (*name == '\0')
        return FALSE;
    for (; *name != '\0'; name++)
        if (!g_ascii_isgraph(*name) || *name == ':' || *name == ';')
            return FALSE;
    return TRUE;
}

static gboolean
is_left_out(const char *name, const char *const *without)
{
    for (; without != NULL && *without != NULL; without++)
        if (g_ascii_strncasecmp(name, *without, strlen(*without)) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
contains(const char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (g_ascii_strcasecmp(*names, name) == 0)
            return TRUE;
    return FALSE;
}

/* The name as often as the message has it, once more when oversigned; nothing when it was taken before. */
static void
add_name(GPtrArray *out, GHashTable *taken, const struct dkim_fields *fields, const char *name, gboolean oversigned)
{
    char *lower = g_ascii_strdown(name, -1);
    guint n = dkim_fields_count(fields, name) + (oversigned ? 1 : 0);

    if (!g_hash_table_add(taken, lower))
        return;
    for (; n > 0 && out->len <= DKIM_SIGNED_NAMES_MAX; n--)
        g_ptr_array_add(out, g_strdup(name));
}

char **
dkim_compose_names(const struct dkim_fields *fields, const char *const *wanted, const char *const *oversigned,
                   const char *const *without, GError **error)
{
    g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *const *lists[] = {wanted != NULL ? wanted : usual, oversigned != NULL ? oversigned : from_only, from_only};

    if (dkim_fields_count(fields, "From") == 0) {
        g_set_error_literal(error, DKIM_SIGN_ERROR, DKIM_SIGN_ERROR_NO_FROM, "the message has no From");
        return NULL;
    }
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        for (const char *const *name = lists[i]; *name != NULL; name++) {
            if (!is_field_name(*name)) {
                g_set_error_literal(error, DKIM_SIGN_ERROR, DKIM_SIGN_ERROR_ARGUMENT, "a field to sign has no good name");
                return NULL;
            }
            if (!is_left_out(*name, without))
                add_name(out, taken, fields, *name, contains(lists[1], *name));
        }
    if (out->len > DKIM_SIGNED_NAMES_MAX) {
        g_set_error_literal(error, DKIM_SIGN_ERROR, DKIM_SIGN_ERROR_TOO_MANY, "the message has too many fields to sign");
        return NULL;
    }
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&out), FALSE);
}

gboolean
dkim_compose_check(const char *domain, const char *selector, GError **error)
{
    g_autofree char *name = g_strconcat(selector, "._domainkey.", domain, NULL);

    if (dns_name_is_valid(domain) && dns_name_is_valid(selector) && dns_name_is_valid(name) && !g_str_has_suffix(name, ".") &&
        !g_str_has_suffix(selector, ".") && strchr(domain, '.') != NULL && strpbrk(name, ";=@") == NULL)
        return TRUE;
    g_set_error_literal(error, DKIM_SIGN_ERROR, DKIM_SIGN_ERROR_ARGUMENT, "domain and selector make no name of a key");
    return FALSE;
}

/* ---- tag lists ---- */

static void
put(struct dkim_composer *composer, const char *text, gsize length)
{
    g_string_append_len(composer->out, text, (gssize)length);
    composer->column += (guint)length;
}

static void
fold(struct dkim_composer *composer)
{
    g_string_append(composer->out, "\n\t");
    composer->column = TAB_COLUMNS;
}

/* The value piece by piece, each as long as the line has room for it. */
static void
put_split(struct dkim_composer *composer, const char *value, enum dkim_split split)
{
    while (*value != '\0') {
        gsize length = strlen(value);
        if (split == DKIM_SPLIT_COLONS && !composer->unfolded)
            length = MIN(length, strcspn(value, ":") + 1);
        gboolean fits = composer->column + length + 1 <= DKIM_FOLD_COLUMN; /* 1: the semicolon */
        if (!fits && split == DKIM_SPLIT_ANYWHERE && !composer->unfolded) {
            gsize room = composer->column + 1 < DKIM_FOLD_COLUMN ? DKIM_FOLD_COLUMN - 1 - composer->column : 0;
            length = MIN(length, room);
            if (length == 0)
                fold(composer);
        } else if (!fits && split == DKIM_SPLIT_COLONS && !composer->unfolded && composer->column > TAB_COLUMNS)
            fold(composer);
        put(composer, value, length);
        value += length;
    }
}

void
dkim_compose_tag(struct dkim_composer *composer, const char *name, const char *value, enum dkim_split split,
                 gboolean on_new_line)
{
    gsize whole = strlen(name) + 1 + (split == DKIM_SPLIT_ANYWHERE ? 8 : strcspn(value, split == DKIM_WHOLE ? "" : ":")) + 1;

    if (composer->out->len > 0) {
        put(composer, ";", 1);
        if (on_new_line || composer->column + 1 + whole > DKIM_FOLD_COLUMN)
            fold(composer);
        else
            put(composer, " ", 1);
    }
    put(composer, name, strlen(name));
    put(composer, "=", 1);
    put_split(composer, value, split);
}

void
dkim_compose_number(struct dkim_composer *composer, const char *name, guint64 value)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);

    dkim_compose_tag(composer, name, text, DKIM_WHOLE, FALSE);
}

GString *
dkim_compose_field(const char *name, const char *value)
{
    GString *field = g_string_new(name);

    g_string_append(field, ": ");
    for (; *value != '\0'; value++) {
        if (*value == '\n' && field->str[field->len - 1] != '\r')
            g_string_append_c(field, '\r');
        g_string_append_c(field, *value);
    }
    return g_string_append(field, "\r\n");
}
