/* warning.c: see warning.h. */
#include "policyd/rates/warning.h"
#include "policyd/state/marks.h"

/* ---- whether ---- */

/* The level has been below the share for long, and the mail was long ago. What was noted by a clock that went ahead has to be over first. */
static gboolean
is_below(const struct mark *mark, guint32 seconds, guint32 now_s)
{
    return mark->last_s < now_s && now_s - mark->last_s >= seconds / 4;
}

static gboolean
is_over(const struct mark *mark, guint32 seconds, guint32 now_s)
{
    return mark->first_s < now_s && now_s - mark->first_s >= seconds;
}

static char *
mark_text(const struct rate_warning *warning)
{
    return g_strdup_printf("rate %s %s %u %s", warning->title, rate_counted_names[warning->counted], warning->seconds, warning->subject);
}

gboolean
rate_warning_is_due(struct state *state, const struct rate_warning *warning, gint64 now_ms)
{
    g_autofree char *text = mark_text(warning);
    guint32 now_s = (guint32)(now_ms / 1000);
    struct mark mark;

    if (warning->seconds < RATE_WARNING_SECONDS_MIN || !state_is_loaded(state))
        return FALSE;
    /* Too early, but it is new that the level is there: it stays new until the window is over. */
    if (marks_get(state, MARK_WARNED, text, now_s, &mark) && is_below(&mark, warning->seconds, now_s) && !is_over(&mark, warning->seconds, now_s))
        return FALSE;
    if (marks_touch(state, MARK_WARNED, text, now_s, 1, &mark))
        return TRUE;
    if (!is_below(&mark, warning->seconds, now_s) || !is_over(&mark, warning->seconds, now_s))
        return FALSE;
    marks_forget(state, MARK_WARNED, text, now_s);
    return marks_touch(state, MARK_WARNED, text, now_s, 1, NULL);
}

/* ---- what ---- */

const struct text_kind rate_warning_text = {
    "rate",
    {[TEXT_EN] =
         "Subject: {percent} % of your sending limit is used\n\n"
         "For mail from {who}\nthere is a limit of {limit} {counted} in {window}. {used} of them are used\n({percent} %).\n\n"
         "When the limit is reached, the server refuses further mail from you until\nthere is room again. Your mail program will tell you so; please send it\n"
         "again later. Room comes back evenly, for one more about every {every};\nif you send nothing, all of it is back in {rest}.\n\n"
         "If it was not you who sent so much, somebody else may know your password:\nplease ask your postmaster at once, and change your password.\n\n"
         "This message was sent automatically by the mail system of {domain}.\n",
     [TEXT_ZH_TW] =
         "Subject: 您的寄信量已達上限的 {percent}%\n\n"
         "您好：\n\n{who} {window}的寄信上限為 {limit} {counted}，目前已使用 {used}（{percent}%）。\n\n"
         "達到上限後，伺服器會暫時拒絕您寄出的信件，直到額度恢復為止；\n屆時您的郵件軟體會顯示錯誤訊息，請稍後再重新寄出。\n"
         "額度會平均恢復，約每 {every}恢復 1 {counted}的額度；若不再寄信，約 {rest}後完全恢復。\n\n"
         "如果這些信件不是您寄的，可能有人知道您的密碼：\n請立即聯絡郵件管理員，並變更您的密碼。\n\n"
         "本信由 {domain} 郵件系統自動寄出，請勿直接回覆。\n"}};

static const char *const counted_words[TEXT_LANGUAGES][RATE_COUNTED] = {[TEXT_EN] = {"messages", "recipients"}, [TEXT_ZH_TW] = {"封郵件", "位收件人"}};
static const char *const window_words[TEXT_LANGUAGES][2] = {[TEXT_EN] = {"an hour", "a day"}, [TEXT_ZH_TW] = {"每小時", "每天"}};

/* A time for people, rounded up: "1 second", "5 minutes", "20 hours". Caller frees. */
static char *
time_text(enum text_language language, double seconds)
{
    static const struct {
        guint seconds;
        const char *many[TEXT_LANGUAGES];
    } units[] = {{1, {[TEXT_EN] = "seconds", [TEXT_ZH_TW] = "秒"}}, {60, {[TEXT_EN] = "minutes", [TEXT_ZH_TW] = "分鐘"}},
                 {3600, {[TEXT_EN] = "hours", [TEXT_ZH_TW] = "小時"}}};
    guint unit = seconds <= 90 ? 0 : seconds <= 90 * 60 ? 1 : 2, n = (guint)(seconds / units[unit].seconds + 0.999);

    if (n <= 1) /* never a minute or an hour */
        return g_strdup(language == TEXT_EN ? "1 second" : "1 秒");
    return g_strdup_printf("%u %s", n, units[unit].many[language]);
}

GArray *
rate_warning_values(const char *language, const struct rate_warning *warning)
{
    enum text_language words = texts_builtin(language);
    double share = warning->level / MAX(warning->limit, 1);
    GArray *values = text_values_new();

    text_values_add(values, "{who}", g_strdup(warning->subject));
    text_values_add(values, "{percent}", g_strdup_printf("%.0f", share * 100));
    text_values_add(values, "{used}", g_strdup_printf("%.0f", warning->level));
    text_values_add(values, "{limit}", g_strdup_printf("%u", warning->limit));
    text_values_add(values, "{counted}", g_strdup(counted_words[words][warning->counted]));
    text_values_add(values, "{window}", g_strdup(window_words[words][warning->seconds > RATE_WARNING_SECONDS_MIN]));
    text_values_add(values, "{every}", time_text(words, (double)warning->seconds / MAX(warning->limit, 1)));
    text_values_add(values, "{rest}", time_text(words, share * warning->seconds));
    return values;
}

gboolean
rate_warning_tell(struct state *state, struct mailer *mailer, struct config *config, const char *user, const struct rate_warning *warning, gint64 now_ms)
{
    g_autofree char *text = mark_text(warning);

    if (tell_user(mailer, config, user, &rate_warning_text, rate_warning_values(tell_language(&config->quota, user), warning), now_ms))
        return TRUE;
    marks_forget(state, MARK_WARNED, text, (guint32)(now_ms / 1000));
    return FALSE;
}
