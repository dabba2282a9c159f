/* texts.c: see texts.h. */
#include "policyd/quota/texts.h"

const struct text_kind quota_texts[QUOTA_KINDS] = {
    [QUOTA_OVER] =
        {"over",
         {[TEXT_EN] =
              "Subject: Your mailbox is {percent} % full\n\n"
              "Your mailbox {user} is {percent} % full: it holds {used} of {limit}.\n\n"
              "When it is full, new mail cannot be delivered to you and goes back to its\nsenders. Please delete mail that you no longer need, "
              "and empty the folders\nTrash and Junk.\n\n"
              "This message was sent automatically by the mail system of {domain}.\n",
          [TEXT_ZH_TW] =
              "Subject: 您的信箱已使用 {percent}% 的空間\n\n"
              "您好：\n\n您的信箱 {user} 已使用 {percent}% 的空間（目前 {used}，上限 {limit}）。\n\n"
              "信箱空間用完之後，新郵件將無法送達，並會退回給寄件者。\n請刪除不再需要的郵件，並清空「垃圾桶」與「垃圾郵件」資料夾。\n\n"
              "本信由 {domain} 郵件系統自動寄出，請勿直接回覆。\n"}},
    [QUOTA_UNDER] =
        {"under",
         {[TEXT_EN] =
              "Subject: Your mailbox has room again\n\n"
              "Your mailbox {user} has room again: it holds {used} of {limit}\n({percent} %). There is nothing that you need to do.\n\n"
              "This message was sent automatically by the mail system of {domain}.\n",
          [TEXT_ZH_TW] =
              "Subject: 您的信箱空間已恢復正常\n\n"
              "您好：\n\n您的信箱 {user} 已有足夠的空間（目前 {used}，上限 {limit}，已使用 {percent}%），\n可以正常收信，您不需要進行任何處理。\n\n"
              "本信由 {domain} 郵件系統自動寄出，請勿直接回覆。\n"}},
    [QUOTA_REJECTED] =
        {"rejected",
         {[TEXT_EN] =
              "Subject: A message for your mailbox was refused\n\n"
              "A message could not be stored in your mailbox {user},\nbecause there is not enough room: it holds {used} of {limit}\n({percent} %). "
              "If it came from outside, its sender has been told.\n\n"
              "Please delete mail that you no longer need, and empty the folders Trash and\nJunk. Until then more mail may be refused.\n\n"
              "This message was sent automatically by the mail system of {domain}.\n",
          [TEXT_ZH_TW] =
              "Subject: 信箱空間不足，有郵件無法收下\n\n"
              "您好：\n\n您的信箱 {user} 空間不足（目前 {used}，上限 {limit}，已使用 {percent}%），\n有一封郵件因此無法存入；若為外部來信，系統已通知寄件者。\n\n"
              "請儘快刪除不再需要的郵件，並清空「垃圾桶」與「垃圾郵件」資料夾，\n否則後續郵件仍可能無法收下。\n\n"
              "本信由 {domain} 郵件系統自動寄出，請勿直接回覆。\n"}},
};

static const char *const messages_words[TEXT_LANGUAGES] = {[TEXT_EN] = " messages", [TEXT_ZH_TW] = " 封郵件"}; /* after a number */
static const char *const unknown_words[TEXT_LANGUAGES] = {[TEXT_EN] = "an unknown amount", [TEXT_ZH_TW] = "不明"};

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
amount_text(enum text_language language, const struct quota_root *root, gboolean used)
{
    gboolean of_messages = root->messages_limit > 0 && (root->limit == 0 || (double)root->messages / (double)root->messages_limit >
                                                                               (double)root->used / (double)root->limit);
    GString *out = g_string_new(NULL);

    if (root->limit == 0 && root->messages_limit == 0)
        g_string_append(out, unknown_words[language]);
    else if (of_messages)
        g_string_append_printf(out, "%" G_GINT64_FORMAT "%s", used ? root->messages : root->messages_limit, messages_words[language]);
    else
        quota_texts_size(out, used ? root->used : root->limit);
    return g_string_free(out, FALSE);
}

GArray *
quota_texts_values(const char *language, const struct quota_root *root)
{
    enum text_language words = texts_builtin(language);
    GArray *values = text_values_new();

    text_values_add(values, "{percent}", g_strdup_printf("%u", root->percent));
    text_values_add(values, "{used}", amount_text(words, root, TRUE));
    text_values_add(values, "{limit}", amount_text(words, root, FALSE));
    return values;
}
