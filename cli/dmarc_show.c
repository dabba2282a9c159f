/* dmarc_show.c: `postern dmarc show`: who sends in a domain's name, by the reports of others. */
#include "cli/dmarc.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "cli/table.h"
#include "lib/base/networks.h"
#include "lib/mail/auth/dmarc_received.h"
#include "lib/mail/auth/psl.h"
#include "lib/mail/resolver.h"

#define ROWS_MAX 500u /* of each table */
#define DAYS_DEFAULT 30
#define DAYS_MAX 3660

struct show {
    dmarc_cli *cli;
    gboolean json, names;
    struct dmarc_received_query query;
    gint64 reports, messages;
    guint reporters;
    struct table *table;
    struct dns *dns;     /* --names */
    GHashTable *lookups; /* address -> struct dns_lookup * */
    gint64 deadline;
};

static void
print_json(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    if (text != NULL)
        puts(text);
    free(text);
    json_decref(object);
}

static char *
number(gint64 n)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, n);
}

/* Rounded down, so that 100% is all of them. */
static char *
percent(gint64 part, gint64 whole)
{
    if (whole <= 0)
        return g_strdup("-");
    return g_strdup_printf("%d%%", part >= whole ? 100 : (int)(100.0 * (gdouble)part / (gdouble)whole));
}

/* ---- names of addresses ---- */

static void
lookup_free(gpointer data)
{
    struct dns_lookup *lookup = data;

    dns_lookup_free(&lookup);
}

static void
ask_name(const struct dmarc_received_source *source, gpointer data)
{
    struct show *show = data;
    g_autoptr(GString) name = g_string_new(NULL);
    guint8 octets[16];
    gsize length = network_address(source->ip, octets);

    if (length == 0)
        return;
    dns_reverse_name(octets, length, NULL, name);
    g_hash_table_insert(show->lookups, g_strdup(source->ip), dns_start(show->dns, name->str, DNS_PTR));
}

/* The address's name as its owner gives it, "" without one. Borrowed. */
static const char *
name_of(struct show *show, const char *ip)
{
    struct dns_lookup *lookup = show->lookups != NULL ? g_hash_table_lookup(show->lookups, ip) : NULL;
    const struct dns_answer *answer = lookup != NULL ? dns_wait(lookup, show->deadline) : NULL;

    if (answer == NULL || answer->records->len == 0)
        return answer != NULL && answer->outcome == DNS_FAILED ? "?" : "";
    return (const char *)g_array_index(answer->records, struct dns_record, 0).data;
}

static gboolean
start_names(struct show *show, GError **error)
{
    if (!show->names)
        return TRUE;
    show->dns = resolver_open(&show->cli->config->dns, error);
    if (show->dns == NULL)
        return FALSE;
    show->lookups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, lookup_free);
    if (!dmarc_received_sources(show->cli->sql, &show->query, ask_name, show, error))
        return FALSE;
    show->deadline = g_get_monotonic_time() + show->cli->config->dns.timeout * 1000;
    return TRUE;
}

/* ---- the three answers ---- */

static void
add_reporter(const struct dmarc_received_reporter *reporter, gpointer data)
{
    struct show *show = data;
    g_autofree char *reports = number(reporter->reports), *messages = number(reporter->messages);
    g_autofree char *newest = dmarc_date(reporter->newest_s);

    show->reports += reporter->reports;
    show->messages += reporter->messages;
    show->reporters++;
    if (show->json)
        print_json(json_pack("{s:s, s:s, s:I, s:I, s:s}", "type", "reporter", "reporter", reporter->name,
                             "reports", (json_int_t)reporter->reports, "messages",
                             (json_int_t)reporter->messages, "newest", newest));
    else
        table_add(show->table, (const char *[]){reporter->name, reports, messages, newest});
}

static void
add_source(const struct dmarc_received_source *source, gpointer data)
{
    struct show *show = data;
    const char *name = name_of(show, source->ip);
    g_autofree char *messages = number(source->messages), *dkim = percent(source->dkim, source->messages);
    g_autofree char *spf = percent(source->spf, source->messages),
                    *either = percent(source->either, source->messages);
    g_autofree char *quarantined = number(source->quarantined), *rejected = number(source->rejected);
    g_autofree char *reporters = number(source->reporters);

    if (show->json)
        print_json(json_pack("{s:s, s:s, s:s*, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "type", "source",
                             "source", source->ip, "name", show->names ? name : NULL, "messages",
                             (json_int_t)source->messages, "dkim_aligned", (json_int_t)source->dkim,
                             "spf_aligned", (json_int_t)source->spf, "aligned", (json_int_t)source->either,
                             "quarantined", (json_int_t)source->quarantined, "rejected",
                             (json_int_t)source->rejected, "reporters", (json_int_t)source->reporters));
    else if (show->names)
        table_add(show->table, (const char *[]){source->ip, name, messages, dkim, spf, either, quarantined,
                                                rejected, reporters});
    else
        table_add(show->table, (const char *[]){source->ip, messages, dkim, spf, either, quarantined,
                                                rejected, reporters});
}

static void
add_failure(const struct dmarc_received_failure *failure, gpointer data)
{
    struct show *show = data;
    g_autofree char *messages = number(failure->messages);

    if (show->json)
        print_json(json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s}", "type", "failure", "source",
                             failure->ip, "from", failure->header_from, "messages",
                             (json_int_t)failure->messages, "disposition", failure->disposition, "reason",
                             failure->reason, "dkim", failure->dkim, "spf", failure->spf));
    else
        table_add(show->table,
                  (const char *[]){failure->ip, failure->header_from, messages, failure->disposition,
                                   failure->dkim, failure->spf, failure->reason});
}

static void
print_table(struct show *show, const char *title)
{
    if (table_rows(show->table) > 0)
        printf("\n%s%s\n", title, table_rows(show->table) >= ROWS_MAX ? " (the most frequent)" : "");
    table_print(&show->table);
}

static void
print_summary(const struct show *show)
{
    g_autofree char *begin = dmarc_date(show->query.begin_s), *end = dmarc_date(show->query.end_s);

    dmarc_say("%s, %s to %s: %" G_GINT64_FORMAT " messages in %" G_GINT64_FORMAT
              " reports of %u organisations",
              show->query.domain, begin, end, show->messages, show->reports, show->reporters);
}

static gboolean
show_all(struct show *show, GError **error)
{
    static const char *const reporters[] = {"REPORTER", ">REPORTS", ">MESSAGES", "NEWEST", NULL};
    static const char *const sources[] = {"SOURCE",  ">MESSAGES", ">DKIM",      ">SPF", ">DMARC",
                                          ">JUNKED", ">REFUSED",  ">REPORTERS", NULL};
    static const char *const named[] = {"SOURCE", "NAME",    ">MESSAGES", ">DKIM",      ">SPF",
                                        ">DMARC", ">JUNKED", ">REFUSED",  ">REPORTERS", NULL};
    static const char *const failures[] = {"SOURCE", "FROM", ">MESSAGES", "DONE",
                                           "DKIM",   "SPF",  "REASON",    NULL};
    gboolean done;

    show->table = table_new(reporters);
    done = dmarc_received_reporters(show->cli->sql, &show->query, add_reporter, show, error);
    if (done && !show->json)
        print_summary(show);
    print_table(show, "Who reports:");
    if (!done || !start_names(show, error))
        return FALSE;
    show->table = table_new(show->names ? named : sources);
    done = dmarc_received_sources(show->cli->sql, &show->query, add_source, show, error);
    print_table(show, "Who sends, and how much of it is aligned:");
    if (!done)
        return FALSE;
    show->table = table_new(failures);
    done = dmarc_received_failures(show->cli->sql, &show->query, add_failure, show, error);
    print_table(show, "What is not aligned by DKIM or SPF, and what was done with it:");
    return done;
}

static int
show_domain(struct show *show)
{
    g_autoptr(GError) error = NULL;
    gboolean done = show_all(show, &error);

    g_clear_pointer(&show->lookups, g_hash_table_unref);
    dns_unref(show->dns);
    if (!done) {
        dmarc_complain("%s", error->message);
        return CLI_FAILED;
    }
    return show->reports > 0 ? CLI_OK : CLI_FAILED;
}

int
dmarc_show(int argc, char **argv, const char *config_path)
{
    g_auto(dmarc_cli) cli = {0};
    struct show show = {.cli = &cli};
    gint days = DAYS_DEFAULT;
    g_autofree char *domain = NULL;
    const GOptionEntry options[] = {
        {"days", 0, 0, G_OPTION_ARG_INT, &days, "Look at reports about the last N days (30)", "N"},
        {"names", 0, 0, G_OPTION_ARG_NONE, &show.names, "Look up the names of addresses", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &show.json, "One JSON object per line on standard output", NULL},
        G_OPTION_ENTRY_NULL};
    int code = cli_parse(&argc, &argv, "DOMAIN",
                         "Shows who sends mail in the name of a domain and of those below it, by the reports "
                         "of others: how much of it "
                         "is aligned by DKIM and by SPF, and what became of what is not. Exit status 1 when "
                         "there are no reports.",
                         options, 1, 1);

    if (code >= 0)
        return code;
    domain = psl_dns_name(argv[1], -1);
    if (domain == NULL || days < 1 || days > DAYS_MAX) {
        if (domain == NULL)
            dmarc_complain("\"%s\" is no domain name", argv[1]);
        else
            dmarc_complain("--days is a number from 1 to %d", DAYS_MAX);
        return CLI_USAGE;
    }
    if (!dmarc_cli_open(&cli, config_path))
        return CLI_FAILED;
    show.query.domain = domain;
    show.query.end_s = g_get_real_time() / G_USEC_PER_SEC;
    show.query.begin_s = show.query.end_s - (gint64)days * DMARC_STORE_DAY_S;
    show.query.max = ROWS_MAX;
    return show_domain(&show);
}
