/* texts.c: see texts.h. */
#include "policyd/quota/texts.h"
#include <string.h>
#include <sys/stat.h>
#include "lib/base/log.h"
#include "lib/mail/address.h"

#define SUBJECT "Subject:"
#define VALUE_MAX 400u

struct builtin {
    const char *language;
    const char *texts[QUOTA_KINDS];
    const char *messages, *unknown; /* messages: after a number */
};

static const struct builtin builtins[] = {
    {"en",
     {"Subject: Your mailbox is {percent} % full\n\n"
      "Your mailbox {user} is {percent} % full: it holds {used} of {limit}.\n\n"
      "When it is full, new mail cannot be delivered to you and goes back to its\nsenders. Please delete mail that you no longer need, "
      "and empty the folders\nTrash and Junk.\n\n"
      "This message was sent automatically by the mail system of {domain}.\n",
      "Subject: Your mailbox has room again\n\n"
      "Your mailbox {user} has room again: it holds {used} of {limit}\n({percent} %). There is nothing that you need to do.\n\n"
      "This message was sent automatically by the mail system of {domain}.\n",
      "Subject: A message for your mailbox was refused\n\n"
      "A message could not be stored in your mailbox {user},\nbecause there is not enough room: it holds {used} of {limit}\n({percent} %). "
      "If it came from outside, its sender has been told.\n\n"
      "Please delete mail that you no longer need, and empty the folders Trash and\nJunk. Until then more mail may be refused.\n\n"
      "This message was sent automatically by the mail system of {domain}.\n"},
     " messages",
     "an unknown amount"},
    {"zh-TW",
     {"Subject: 您的信箱已使用 {percent}% 的空間\n\n"
      "您好：\n\n您的信箱 {user} 已使用 {percent}% 的空間（目前 {used}，上限 {limit}）。\n\n"
      "信箱空間用完之後，新郵件將無法送達，並會退回給寄件者。\n請刪除不再需要的郵件，並清空「垃圾桶」與「垃圾郵件」資料夾。\n\n"
      "本信由 {domain} 郵件系統自動寄出，請勿直接回覆。\n",
      "Subject: 您的信箱空間已恢復正常\n\n"
      "您好：\n\n您的信箱 {user} 已有足夠的空間（目前 {used}，上限 {limit}，已使用 {percent}%），\n可以正常收信，您不需要進行任何處理。\n\n"
      "本信由 {domain} 郵件系統自動寄出，請勿直接回覆。\n",
      "Subject: 信箱空間不足，有郵件無法收下\n\n"
      "您好：\n\n您的信箱 {user} 空間不足（目前 {used}，上限 {limit}，已使用 {percent}%），\n有一封郵件因此無法存入；若為外部來信，系統已通知寄件者。\n\n"
      "請儘快刪除不再需要的郵件，並清空「垃圾桶」與「垃圾郵件」資料夾，\n否則後續郵件仍可能無法收下。\n\n"
      "本信由 {domain} 郵件系統自動寄出，請勿直接回覆。\n"},
     " 封郵件",
     "不明"},
};

void
quota_text_clear(struct quota_text *text)
{
    g_clear_pointer(&text->subject, g_free);
    g_clear_pointer(&text->body, g_free);
}

const char *
quota_texts_language(char *const *languages, const char *dflt, const char *domain)
{
    gsize length = strlen(domain);

    for (; *languages != NULL; languages++)
        if (g_ascii_strncasecmp(*languages, domain, length) == 0 && (*languages)[length] == '=')
            return *languages + length + 1;
    return dflt;
}

/* ---- where the text comes from ---- */

static const struct builtin *
find_builtin(const char *language)
{
    for (guint i = 0; i < G_N_ELEMENTS(builtins); i++)
        if (g_ascii_strcasecmp(builtins[i].language, language) == 0)
            return &builtins[i];
    return &builtins[0];
}

/* A name in comparison form that is one folder's name and no way out of it. */
static gboolean
is_folder_name(const char *name)
{
    return *name != '\0' && *name != '.' && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")] == '\0';
}

/* NULL when there is none. Caller frees. */
static char *
read_file(const char *folder, const char *domain, const char *language, enum quota_kind kind)
{
    g_autofree char *path = g_strdup_printf("%s/%s/%s/%s.txt", folder, domain, language, quota_kind_names[kind]);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    struct stat info;

    if (!is_folder_name(domain) || !is_folder_name(language) || stat(path, &info) != 0)
        return NULL;
    if (!S_ISREG(info.st_mode) || info.st_size > QUOTA_TEXT_MAX)
        log_text(LOG_SEV_WARNING, "quota", "%s is not used: it is no file of at most %u bytes", path, QUOTA_TEXT_MAX);
    else if (!g_file_get_contents(path, &text, NULL, &error))
        log_text(LOG_SEV_WARNING, "quota", "%s is not used: %s", path, error->message);
    else if (!g_utf8_validate(text, -1, NULL) || !g_str_has_prefix(text, SUBJECT) || strstr(text, "\n") == NULL)
        log_text(LOG_SEV_WARNING, "quota", "%s is not used: it is no UTF-8 text that begins with the line %s", path, SUBJECT);
    else
        return g_steal_pointer(&text);
    return NULL;
}

static char *
find_text(const char *folder, const char *domain, const char *language, enum quota_kind kind)
{
    char *text = *folder != '\0' ? read_file(folder, domain, language, kind) : NULL;

    if (text == NULL && *folder != '\0')
        text = read_file(folder, "default", language, kind);
    return text != NULL ? text : g_strdup(find_builtin(language)->texts[kind]);
}

/* ---- what it says ---- */

void
quota_texts_size(GString *out, gint64 bytes)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    double amount = (double)bytes / 1024;
    guint unit = 0;

    for (; amount >= 1023.5 && unit < G_N_ELEMENTS(units) - 1; unit++)
        amount /= 1024;
    g_string_append_printf(out, amount < 9.95 && unit > 0 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
}

/* An amount of what fills the mailbox more: bytes or messages. Caller frees. */
static char *
amount_text(const struct builtin *words, const struct quota_root *root, gboolean used)
{
    gboolean of_messages = root->messages_limit > 0 && (root->limit == 0 || (double)root->messages / (double)root->messages_limit >
                                                                               (double)root->used / (double)root->limit);
    GString *out = g_string_new(NULL);

    if (root->limit == 0 && root->messages_limit == 0)
        g_string_append(out, words->unknown);
    else if (of_messages)
        g_string_append_printf(out, "%" G_GINT64_FORMAT "%s", used ? root->messages : root->messages_limit, words->messages);
    else
        quota_texts_size(out, used ? root->used : root->limit);
    return g_string_free(out, FALSE);
}

static void
replace(GString *text, const char *name, const char *value)
{
    g_autofree char *cut = g_strndup(value, VALUE_MAX), *valid = g_utf8_make_valid(cut, -1);

    g_string_replace(text, name, valid, 0);
    if (text->len > QUOTA_TEXT_MAX)
        g_string_truncate(text, (gsize)(g_utf8_find_prev_char(text->str, text->str + QUOTA_TEXT_MAX) - text->str));
}

static void
fill_in(GString *text, const struct builtin *words, const char *user, const char *domain, const struct quota_root *root)
{
    g_autofree char *percent = g_strdup_printf("%u", root->percent);
    g_autofree char *used = amount_text(words, root, TRUE), *limit = amount_text(words, root, FALSE);

    replace(text, "{percent}", percent);
    replace(text, "{used}", used);
    replace(text, "{limit}", limit);
    replace(text, "{domain}", domain);
    replace(text, "{user}", user);
}

void
quota_texts_make(const char *folder, const char *language, enum quota_kind kind, const char *user, const struct quota_root *root,
                 struct quota_text *text_r)
{
    const char *at = address_domain(user), *domain = at != NULL ? at : "";
    g_autofree char *raw = find_text(folder, domain, language, kind);
    g_autoptr(GString) text = g_string_new(raw);
    char *end, *body;

    g_string_replace(text, "\r\n", "\n", 0);
    fill_in(text, find_builtin(language), user, domain, root);
    end = strchr(text->str, '\n');
    body = end != NULL ? end + 1 : text->str + text->len;
    text_r->subject = g_strndup(text->str + strlen(SUBJECT), (gsize)(body - text->str) - strlen(SUBJECT));
    g_strstrip(text_r->subject);
    text_r->body = g_strdup(*body == '\n' ? body + 1 : body);
}
