/* dmarc_report.c: `postern dmarc report`: our reports about other domains, one a domain and day (UTC), to
 * those who want them.
 *
 * What is sent is written down before the next is sent, so a run that was ended anywhere is finished by the
 * next; the one mail that was under way then comes again with the same Message-ID and report id, by which its
 * reader knows it. A refusal is only believed once Postfix has taken some mail in this run: it refuses all when
 * it does not know us, and that must not cost a day's reports. One run at a time: the lock is in the database server, or a locked file beside SQLite's,
 * and goes when the run ends, however that is. */
#include "cli/dmarc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "cli/dmarc_mail.h"
#include "lib/mail/auth/dmarc_rua.h"
#include "lib/mail/auth/dmarc_store.h"
#include "lib/mail/resolver.h"

#define LATE_DAYS_MAX 3   /* days back that a run without --date looks for what was not sent */
#define DOMAINS_PAGE 500u /* policy domains asked for at a time */
#define FAILURES_MAX 5u   /* mails in a row that could not be handed over: then Postfix is away, and the run ends */
#define ASKED_AHEAD 100u  /* domains whose addresses the DNS is asked about at the same time */

struct run {
    dmarc_cli cli;
    struct dns *dns;
    struct dmarc_mailer *mailer;
    const char *dry_run; /* directory; NULL: send */
    const char *submitter;
    char *site; /* dmarc_store_site */
    char *date; /* of day */
    gint64 day;
    int lock;
    guint sent, unsent;
    guint failures, in_a_row; /* all; mails since one was taken or refused */
    GPtrArray *refused; /* struct refusal *, not believed yet */
    gboolean stop, is_broken; /* is_broken: the database fails */
};

struct refusal {
    gint64 day;
    gint part;
    char *domain, *uri, *why;
};

static void
refusal_free(gpointer data)
{
    struct refusal *refusal = data;

    g_free(refusal->domain);
    g_free(refusal->uri);
    g_free(refusal->why);
    g_free(refusal);
}

/* One report, and its files for one size. */
struct made {
    struct dmarc_report *report;
    GPtrArray *files;
    gsize room;
};

static void
fail(struct run *run, const char *what, const char *why)
{
    dmarc_complain("%s %s: %s", run->date, what, why);
    run->unsent++;
    run->failures++;
}

/* The database: nothing goes on without it. */
static void
fail_hard(struct run *run, const char *what, GError *error)
{
    fail(run, what, error->message);
    run->stop = run->is_broken = TRUE;
}

/* ---- one address ---- */

/* Writes down what became of it, and says so. */
static void
conclude(struct run *run, const struct dmarc_sent *sent)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *date = dmarc_date(sent->day * DMARC_STORE_DAY_S);

    dmarc_say("%s %s: %s: %s%s%s", date, sent->domain, sent->uri, sent->outcome,
              sent->detail != NULL ? ": " : "", sent->detail != NULL ? sent->detail : "");
    if (run->dry_run == NULL &&
        !dmarc_store_sent(run->cli.sql, sent, g_get_real_time() / G_USEC_PER_SEC, &error))
        fail_hard(run, sent->domain, error);
}

static void
not_sent(struct run *run, const struct dmarc_sent *sent, const char *why)
{
    g_autofree char *what = g_strdup_printf("%s: %s", sent->domain, sent->uri);

    fail(run, what, why);
}

/* Not about a recipient: whoever is next may fare the same. */
static void
count_failure(struct run *run)
{
    if (++run->in_a_row < FAILURES_MAX)
        return;
    dmarc_complain("%s takes no mail; the next run goes on here", run->cli.config->dmarc.smtp);
    run->stop = TRUE;
}

/* Keeps a refusal until Postfix takes a mail; until then it counts as not sent. */
static void
doubt(struct run *run, const struct dmarc_sent *sent, const char *why)
{
    struct refusal *refusal = g_new0(struct refusal, 1);

    *refusal = (struct refusal){sent->day, sent->part, g_strdup(sent->domain), g_strdup(sent->uri), g_strdup(why)};
    g_ptr_array_add(run->refused, refusal);
    not_sent(run, sent, why);
}

/* Postfix takes mail: what it refused before, it refused for good. */
static void
believe(struct run *run)
{
    for (guint i = 0; i < run->refused->len && !run->is_broken; i++) {
        const struct refusal *refusal = g_ptr_array_index(run->refused, i);
        const struct dmarc_sent sent = {.day = refusal->day,
                                        .domain = refusal->domain,
                                        .uri = refusal->uri,
                                        .part = refusal->part,
                                        .outcome = "refused",
                                        .detail = refusal->why};

        run->unsent--;
        conclude(run, &sent);
    }
    g_ptr_array_set_size(run->refused, 0);
}

static void
send_mail(struct run *run, const struct dmarc_mail *mail, struct dmarc_sent *sent)
{
    g_autoptr(GString) text = dmarc_mail_compose(mail);
    g_autofree char *why = NULL;
    enum dmarc_mail_outcome outcome = dmarc_mailer_send(run->mailer, mail->from, mail->to, text, &why);

    if (outcome == DMARC_MAIL_LATER || outcome == DMARC_MAIL_DEFERRED) {
        not_sent(run, sent, why);
        if (outcome == DMARC_MAIL_LATER)
            count_failure(run);
        return;
    }
    run->in_a_row = 0;
    if (outcome == DMARC_MAIL_REFUSED && run->sent == 0) {
        doubt(run, sent, why);
        return;
    }
    run->sent += outcome == DMARC_MAIL_SENT;
    sent->outcome = outcome == DMARC_MAIL_SENT ? "sent" : "refused";
    sent->detail = why;
    conclude(run, sent);
    believe(run);
}

/* The id of one file is that of its report and its rows, as dmarc_report_write gives it. */
static char *
file_report_id(const struct made *made, const struct dmarc_report_file *file)
{
    return file->rows == made->report->rows->len ? g_strdup(made->report->report_id)
                                                 : g_strdup_printf("%s.%u-%u", made->report->report_id,
                                                                   file->first + 1, file->first + file->rows);
}

static void
send_files(struct run *run, const struct made *made, const struct dmarc_rua *rua, struct dmarc_sent *sent)
{
    g_autofree char *begin = g_strdup_printf("%s 00:00 UTC", run->date),
                    *end = g_strdup_printf("%s 24:00 UTC", run->date);

    for (guint i = 0; i < made->files->len && !run->stop; i++) {
        const struct dmarc_report_file *file = g_ptr_array_index(made->files, i);
        g_autofree char *report_id = file_report_id(made, file);
        const struct dmarc_mail mail = {.from = run->cli.config->dmarc.from,
                                        .to = rua->address,
                                        .policy_domain = sent->domain,
                                        .submitter = run->submitter,
                                        .report_id = report_id,
                                        .begin = begin,
                                        .end = end,
                                        .file = file};
        g_autoptr(GError) error = NULL;
        gboolean is_sent;

        sent->part = (gint)i;
        if (!dmarc_store_is_sent(run->cli.sql, sent, &is_sent, &error))
            fail_hard(run, sent->domain, error);
        else if (!is_sent)
            send_mail(run, &mail, sent);
    }
}

/* The files that fit this address' limit; FALSE: none can. */
static gboolean
make_files(const struct run *run, struct made *made, guint64 max_bytes, const char **why_r)
{
    gsize room = dmarc_mail_room(max_bytes);

    if (made->files != NULL && made->room == room)
        return TRUE;
    *why_r = "its size limit is below that of any report";
    g_clear_pointer(&made->files, g_ptr_array_unref);
    made->room = room;
    if (room > 0)
        made->files = dmarc_report_write(made->report, run->submitter, room, why_r);
    if (made->files != NULL)
        *why_r = NULL;
    return made->files != NULL;
}

/* What is known of it from earlier runs: nothing goes there; something of this report went there. */
static gboolean
look_back(struct run *run, struct dmarc_sent *sent, gboolean *is_final_r, gboolean *is_begun_r)
{
    g_autoptr(GError) error = NULL;
    gboolean done;

    *is_final_r = *is_begun_r = FALSE;
    if (run->dry_run != NULL)
        return TRUE;
    sent->part = 0;
    done = dmarc_store_is_sent(run->cli.sql, sent, is_begun_r, &error);
    sent->part = DMARC_SENT_ALL;
    if (done && dmarc_store_is_sent(run->cli.sql, sent, is_final_r, &error))
        return TRUE;
    fail_hard(run, sent->domain, error);
    return FALSE;
}

static void
report_to(struct run *run, struct made *made, const struct dmarc_rua *rua)
{
    struct dmarc_sent sent = {.day = run->day, .domain = made->report->domain, .uri = rua->uri};
    const char *why = NULL;
    gboolean is_final, is_begun;

    if (!look_back(run, &sent, &is_final, &is_begun) || is_final)
        return;
    if (rua->state == DMARC_RUA_UNKNOWN && !is_begun) {
        g_autofree char *what = g_strdup_printf("%s: %s", sent.domain, rua->uri);

        fail(run, what, "whether it wants reports is not known now: the DNS does not answer");
        return;
    }
    if (rua->state == DMARC_RUA_UNUSABLE)
        sent.outcome = "no address";
    else if (rua->state == DMARC_RUA_UNVERIFIED)
        sent.outcome = "not verified";
    else if (!make_files(run, made, rua->max_bytes, &why))
        sent.outcome = "too big";
    else if (run->dry_run != NULL)
        sent.outcome = "would be sent";
    sent.detail = why;
    if (sent.outcome != NULL)
        conclude(run, &sent);
    else
        send_files(run, made, rua, &sent);
}

/* ---- one domain ---- */

static void
fill_metadata(const struct run *run, struct dmarc_report *report)
{
    const struct config_dmarc *config = &run->cli.config->dmarc;

    report->org_name = g_strdup(*config->organisation != '\0' ? config->organisation : run->submitter);
    report->email = g_strdup(config->contact);
    report->generator = g_strdup("postern " POSTERN_VERSION);
    report->report_id = g_strdup_printf("%s.%s.%s@%s", run->date, run->site, report->domain, run->submitter);
}

static void
write_files(struct run *run, const struct made *made)
{
    for (guint i = 0; made->files != NULL && i < made->files->len; i++) {
        const struct dmarc_report_file *file = g_ptr_array_index(made->files, i);
        g_autofree char *path = g_build_filename(run->dry_run, file->name, NULL);
        g_autoptr(GError) error = NULL;
        gsize size;
        const char *data = g_bytes_get_data(file->bytes, &size);

        if (!g_file_set_contents(path, data, (gssize)size, &error))
            fail(run, made->report->domain, error->message);
        else
            dmarc_say("%s %s: written to %s", run->date, made->report->domain, path);
    }
}

/* A domain whose addresses the DNS is asked about. */
struct asked {
    const char *domain;
    struct dmarc_record *record; /* NULL: none */
    struct dmarc_rua_search *search;
};

static void
asked_clear(gpointer data)
{
    struct asked *asked = data;

    dmarc_rua_search_free(&asked->search);
    dmarc_record_free(&asked->record);
}

static struct asked
ask_about(struct run *run, const char *domain)
{
    struct asked asked = {.domain = domain};
    g_autoptr(GError) error = NULL;

    if (!dmarc_store_policy(run->cli.sql, run->day, domain, &asked.record, &error))
        fail_hard(run, domain, error);
    else if (asked.record != NULL)
        asked.search = dmarc_rua_start(run->dns, domain, asked.record);
    return asked;
}

/* Sends to all who want it; its rows are only read when there is somebody. */
static void
report_to_all(struct run *run, const char *domain, const struct dmarc_record *record, const GPtrArray *targets)
{
    g_autoptr(GError) error = NULL;
    struct made made = {0};

    made.report = dmarc_store_report(run->cli.sql, run->day, domain, record, &error);
    if (made.report == NULL) {
        fail_hard(run, domain, error);
        return;
    }
    if (made.report->left_out)
        dmarc_complain("%s %s: only the %u most frequent rows are reported", run->date, domain,
                       DMARC_REPORT_ROWS_MAX);
    fill_metadata(run, made.report);
    for (guint i = 0; i < targets->len && !run->stop; i++)
        report_to(run, &made, g_ptr_array_index(targets, i));
    if (run->dry_run != NULL)
        write_files(run, &made);
    g_clear_pointer(&made.files, g_ptr_array_unref);
    dmarc_report_free(&made.report);
}

static void
report_domain(struct run *run, const struct asked *asked, gint64 deadline)
{
    guint failures = run->failures;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) targets = NULL;

    if (asked->search == NULL)
        return;
    targets = dmarc_rua_finish(asked->search, deadline);
    if (targets->len == 0)
        return;
    report_to_all(run, asked->domain, asked->record, targets);
    if (run->failures == failures && !run->stop && run->dry_run == NULL &&
        !dmarc_store_done(run->cli.sql, run->day, asked->domain, &error))
        fail_hard(run, asked->domain, error);
}

/* ---- one day ---- */

/* All of these questions wait for the DNS together: domains whose servers are silent must not add up. */
static void
report_some(struct run *run, char **domains, guint n)
{
    g_autoptr(GArray) asked = g_array_sized_new(FALSE, FALSE, sizeof(struct asked), n);
    gint64 deadline;

    g_array_set_clear_func(asked, asked_clear);
    for (guint i = 0; i < n && !run->stop; i++) {
        struct asked one = ask_about(run, domains[i]);

        g_array_append_val(asked, one);
    }
    deadline = g_get_monotonic_time() + run->cli.config->dns.timeout * 1000;
    for (guint i = 0; i < asked->len && !run->stop; i++)
        report_domain(run, &g_array_index(asked, struct asked, i), deadline);
}

static void
report_day(struct run *run, gint64 day)
{
    g_autofree char *after = g_strdup("");
    guint found = DOMAINS_PAGE;

    run->day = day;
    g_free(run->date);
    run->date = dmarc_date(day * DMARC_STORE_DAY_S);
    while (found == DOMAINS_PAGE && !run->stop) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) domains = dmarc_store_domains(run->cli.sql, day, after, run->dry_run != NULL, DOMAINS_PAGE, &error);

        if (domains == NULL) {
            fail_hard(run, "the list of domains", error);
            return;
        }
        found = domains->len;
        for (guint i = 0; i < found && !run->stop; i += ASKED_AHEAD)
            report_some(run, (char **)domains->pdata + i, MIN(found - i, ASKED_AHEAD));
        if (found > 0) {
            g_free(after);
            after = g_strdup(domains->pdata[found - 1]);
        }
    }
}

/* ---- the run ---- */

static gboolean
take_flag(const struct sql_row *row, gpointer data)
{
    *(gint64 *)data = sql_row_int(row, 0);
    return FALSE;
}

static gboolean
take_lock(struct run *run)
{
    g_autofree char *path = g_strconcat(run->cli.config->dmarc.path, ".sending", NULL);
    g_autoptr(GError) error = NULL;
    gint64 got = 0;

    if (sql_is_mariadb(run->cli.sql)) {
        if (!sql_run(run->cli.sql, "dmarc_send_lock", NULL, 0, take_flag, &got, NULL, &error))
            dmarc_complain("%s", error->message);
        else if (got != 1)
            dmarc_complain("another postern dmarc report is at work");
        return got == 1;
    }
    run->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (run->lock >= 0 && flock(run->lock, LOCK_EX | LOCK_NB) == 0)
        return TRUE;
    if (run->lock >= 0 && errno == EWOULDBLOCK)
        dmarc_complain("another postern dmarc report is at work");
    else
        dmarc_complain("%s: %s", path, g_strerror(errno));
    return FALSE;
}

static void
prune(struct run *run, gint64 today)
{
    gint64 day = today - run->cli.config->dmarc.keep / (DMARC_STORE_DAY_S * 1000);
    g_autoptr(GError) error = NULL;

    if (!dmarc_store_prune(run->cli.sql, day, &error)) {
        dmarc_complain("can't take away what is old: %s", error->message);
        run->unsent++;
    }
}

/* The day that --date names, finished; -1 and a message otherwise. */
static gint64
parse_day(const char *text, gint64 today)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autofree char *iso = g_strconcat(text, "T00:00:00Z", NULL);
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(iso, utc);
    gint64 day = time != NULL && strlen(text) == strlen("2026-11-24")
                     ? g_date_time_to_unix(time) / DMARC_STORE_DAY_S
                     : -1;

    if (day < 0)
        dmarc_complain("\"%s\" is no day; write it as 2026-11-24", text);
    else if (day >= today)
        dmarc_complain("%s is not over yet (by UTC)", text);
    return day < today ? day : -1;
}

static int
report_days(struct run *run, gint64 first, gint64 last, gint64 today)
{
    const struct config_dmarc *config = &run->cli.config->dmarc;
    const char *at = strrchr(config->from, '@');
    g_autoptr(GError) error = NULL;

    run->submitter = at != NULL ? at + 1 : g_get_host_name();
    if (!config->report && run->dry_run == NULL) {
        dmarc_say("dmarc.report is no: nothing is sent");
        prune(run, today);
        return run->unsent > 0 ? CLI_FAILED : CLI_OK;
    }
    if (run->dry_run == NULL && !take_lock(run))
        return CLI_FAILED;
    run->dns = resolver_open(&run->cli.config->dns, &error);
    run->site = run->dns != NULL ? dmarc_store_site(run->cli.sql, &error) : NULL;
    if (run->site == NULL) {
        dmarc_complain("%s", error->message);
        return CLI_FAILED;
    }
    run->mailer = dmarc_mailer_new(config->smtp);
    for (gint64 day = first; day <= last && !run->stop; day++)
        report_day(run, day);
    if (run->dry_run == NULL && !run->is_broken) /* also when Postfix takes nothing: for how long, nobody knows */
        prune(run, today);
    if (run->refused->len > 0)
        dmarc_complain("%s refuses every mail; may this host relay there? The next run tries again", config->smtp);
    dmarc_say("%u sent, %u not", run->sent, run->unsent);
    return run->unsent > 0 ? CLI_FAILED : CLI_OK;
}

int
dmarc_report(int argc, char **argv, const char *config_path)
{
    struct run run = {.lock = -1};
    gint64 today = g_get_real_time() / G_USEC_PER_SEC / DMARC_STORE_DAY_S, day = -1;
    g_autofree char *date = NULL, *dry_run = NULL;
    const GOptionEntry options[] = {{"date", 0, 0, G_OPTION_ARG_FILENAME, &date,
                                     "Report about this day (UTC), which must be over", "DAY"},
                                    {"dry-run", 0, 0, G_OPTION_ARG_FILENAME, &dry_run,
                                     "Write the reports to DIR and send nothing", "DIR"},
                                    G_OPTION_ENTRY_NULL};
    int code = cli_parse(
        &argc, &argv, NULL,
        "Sends the owners of domains what was found about mail in their name, one report a domain and day, when\n"
        "dmarc.report is yes; without --date about the last three days, as far as that was not done. Takes away\n"
        "what is older than dmarc.keep. Exit status 1 when something is left to be sent by the next run.",
        options, 0, 0);

    if (code >= 0)
        return code;
    if (date != NULL && (day = parse_day(date, today)) < 0)
        return CLI_USAGE;
    run.dry_run = dry_run;
    run.refused = g_ptr_array_new_with_free_func(refusal_free);
    code = dmarc_cli_open(&run.cli, config_path)
               ? report_days(&run, day >= 0 ? day : today - LATE_DAYS_MAX, day >= 0 ? day : today - 1, today)
               : CLI_FAILED;
    dmarc_mailer_free(&run.mailer);
    dns_unref(run.dns);
    if (run.lock >= 0)
        close(run.lock);
    g_free(run.date);
    g_free(run.site);
    g_ptr_array_unref(run.refused);
    dmarc_cli_clear(&run.cli);
    return code;
}
