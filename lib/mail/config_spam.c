/* config_spam.c: the table of the section spam: which rules judge, and what follows from how many points. */
#include "lib/mail/config_private.h"

#define K (G_GINT64_CONSTANT(1) << 10)
#define M (G_GINT64_CONSTANT(1) << 20)
#define S G_GINT64_CONSTANT(1000)
#define POINTS_MAX G_GINT64_CONSTANT(1000000)

static const char *const own_choices[] = {"skip", "score", "tag", NULL};            /* enum config_spam_own */
static const char *const kill_choices[] = {"reject", "quarantine", "discard", NULL}; /* enum config_spam_kill */

const struct setting spam_settings[] = {
    ROW(config_spam, rules, SETTING_PATH, "",
        .doc = "Directory of the default rules; empty for what sa-update keeps in /var/lib/spamassassin, or else "
               "/usr/share/spamassassin. `postern reload` reads changed rules; with errors in them it keeps the former ones."),
    ROW(config_spam, site, SETTING_PATH, "/etc/spamassassin", .min = 1, .doc = "Directory of the site's own *.pre and *.cf files."),
    ROW(config_spam, cache, SETTING_PATH, "/var/cache/postern",
        .doc = "Directory for compiled patterns: with it a start takes a second instead of half a minute; empty for none."),
    ROW(config_spam, tag_level, SETTING_POINTS, "-999", .min = -POINTS_MAX, .max = POINTS_MAX,
        .doc = "Points from which mail gets X-Spam fields that tell the score; -999 for all mail. X-Spam fields that came with a "
               "message are taken out always."),
    ROW(config_spam, tag2_level, SETTING_POINTS, "0", .min = 0, .max = POINTS_MAX,
        .doc = "Points from which mail is spam: X-Spam-Flag: YES and the subject tag. 0 for required_score of the rules."),
    ROW(config_spam, kill_level, SETTING_POINTS, "0", .min = 0, .max = POINTS_MAX,
        .doc = "Points from which mail is not delivered; 0 for never."),
    ROW(config_spam, kill_action, SETTING_ENUM, "reject", .choices = kill_choices,
        .doc = "What happens from kill_level on: the client is refused (and tells its user), the message is held in the archive "
               "for release, or it is dropped without a word."),
    ROW(config_spam, subject_tag, SETTING_STRING, "", .max = 64,
        .doc = "Put before the subject of spam, as \"***SPAM***\"; empty for none."),
    ROW(config_spam, skip_networks, SETTING_LIST, "",
        .doc = "Clients whose mail is not judged, beside filters and relays of your own that have done so."),
    ROW(config_spam, own_mail, SETTING_ENUM, "score", .choices = own_choices,
        .doc = "Mail of users who signed in and of this machine: not judged, judged for the log only, or treated as all mail."),
    ROW(config_spam, max_size, SETTING_SIZE, "8M", .min = 64 * K, .max = 1024 * M,
        .doc = "How much of a message is looked at; what is beyond is delivered unseen."),
    ROW(config_spam, time_limit, SETTING_TIME, "20s", .min = 100, .max = 60 * S,
        .doc = "Longest time for one message; what is known by then decides, with a hit of TIME_LIMIT_EXCEEDED."),
    {.name = NULL}};

void
spam_check(const void *section, struct settings_report *report)
{
    const struct config_spam *spam = section;

    config_check_networks(report, "spam", "skip_networks", spam->skip_networks);
    if (spam->kill_level > 0 && spam->kill_level < spam->tag2_level)
        settings_complain(report, TRUE, "spam", "kill_level", "is below tag2_level: mail would be refused that is no spam");
    if (spam->tag2_level > 0 && spam->tag_level > spam->tag2_level)
        settings_complain(report, FALSE, "spam", "tag_level", "is above tag2_level: spam below it gets no X-Spam-Flag");
    if (spam->kill_level > 0 && spam->kill_action == CONFIG_SPAM_DISCARD)
        settings_complain(report, FALSE, "spam", "kill_action",
                          "discard loses good mail without a trace when a rule is wrong; reject tells the sender");
}
