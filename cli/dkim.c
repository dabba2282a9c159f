/* dkim.c: `postern dkim keygen|dns|test|rotate`: signing keys from their making to their end.
 *
 * Keys are files (dkim_files.h). Nothing here changes what a running milter signs with before its next reload, so that a
 * record can be published first. */
#include <stdio.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/dkim_files.h"
#include "lib/base/dns.h"
#include "lib/mail/auth/sign_source.h"
#include "lib/mail/databases.h"
#include "lib/mail/resolver.h"

#define TXT_PIECE 255u             /* RFC 1035 3.3: bytes of one character-string */
#define OVERLAP_S (7 * 86400)      /* how long an old record stays: mail queues give up after 5 days (RFC 5321 4.5.4.1) */

/* ---- what is asked for ---- */

struct dkim_cli {
    struct config *config;
    char *domain; /* lower case, no final dot */
};

/* Loads the configuration, takes the domain from argv[1]. */
static gboolean
begin(struct dkim_cli *cli, const char *config_path, const char *domain, gboolean files_only)
{
    gsize length = strlen(domain);

    if (!dns_name_is_valid(domain) || strchr(domain, '/') != NULL) {
        cli_error("\"%s\" is no domain name", domain);
        return FALSE;
    }
    cli->config = cli_load_config(config_path);
    if (cli->config == NULL)
        return FALSE;
    if (files_only && cli->config->sign.source != CONFIG_SIGN_DIRECTORY) {
        cli_error("keys come from %s (sign.source); this command works on a directory of keys",
                  cli->config->sign.source == CONFIG_SIGN_SQL ? "SQL" : "OpenDKIM's tables");
        config_unref(cli->config);
        return FALSE;
    }
    cli->domain = g_ascii_strdown(domain, (gssize)(domain[length - 1] == '.' ? length - 1 : length));
    return TRUE;
}

static void
end(struct dkim_cli *cli)
{
    config_unref(cli->config);
    g_free(cli->domain);
}

static int
failed(GError *error)
{
    cli_error("%s", error->message);
    return CLI_FAILED;
}

/* ---- the record ---- */

/* One resource record in the form of a zone file, the text in pieces that fit. */
static void
print_record(const char *domain, const char *selector, const struct dkim_key *key)
{
    g_autofree char *record = dkim_key_record(key);
    gsize length = strlen(record);

    printf("%s._domainkey.%s. IN TXT", selector, domain);
    if (length <= TXT_PIECE) {
        printf(" \"%s\"\n", record);
        return;
    }
    printf(" (");
    for (gsize at = 0; at < length; at += TXT_PIECE)
        printf("\n    \"%.*s\"", (int)MIN(TXT_PIECE, length - at), record + at);
    printf(" )\n");
}

/* ---- keygen ---- */

/* The selector of a new key: type and month, with a letter more when that is in use. */
static char *
new_selector(const GPtrArray *files, enum dkim_key_type type)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *month = g_date_time_format(now, "%Y%m");
    char *selector = g_strconcat(dkim_key_type_name(type), "-", month, NULL);

    for (char letter = 'b'; letter <= 'z'; letter++) {
        gboolean used = FALSE;

        for (guint i = 0; i < files->len; i++)
            used |= strcmp(((const struct dkim_file *)g_ptr_array_index(files, i))->selector, selector) == 0;
        if (!used)
            break;
        g_free(selector);
        selector = g_strdup_printf("%s-%s%c", dkim_key_type_name(type), month, letter);
    }
    return selector;
}

/* Makes one key and prints its record. */
static gboolean
make_key(const struct dkim_cli *cli, GPtrArray *files, const char *selector, enum dkim_state state,
         enum dkim_key_type type, guint bits, GError **error)
{
    g_autofree char *name = selector != NULL ? g_strdup(selector) : new_selector(files, type);
    struct dkim_file *file = dkim_file_create(cli->config->sign.directory, cli->domain, name, state, type, bits,
                                              cli->config->milter.user, error);

    if (file == NULL)
        return FALSE;
    fprintf(stderr, "made %s (%s, %u bits)\n", file->path, dkim_key_type_name(type), dkim_key_bits(file->key));
    print_record(cli->domain, file->selector, file->key);
    g_ptr_array_add(files, file);
    return TRUE;
}

/* "rsa", "ed25519" or "both" */
static gboolean
wanted_types(const char *text, gboolean types_r[2])
{
    gboolean both = text == NULL || strcmp(text, "both") == 0;

    types_r[DKIM_RSA] = both || strcmp(text, "rsa") == 0;
    types_r[DKIM_ED25519] = both || strcmp(text, "ed25519") == 0;
    return types_r[DKIM_RSA] || types_r[DKIM_ED25519];
}

static int
make_keys(const struct dkim_cli *cli, const char *selector, const gboolean types[2], guint bits)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *files = dkim_files_read(cli->config->sign.directory, cli->domain, &error);
    gboolean good = files != NULL;

    if (good && dkim_files_count(files, DKIM_ACTIVE) > 0 && selector == NULL) {
        cli_error("%s has keys that are in use; `postern dkim rotate %s` replaces them, -s SELECTOR adds another", cli->domain,
                  cli->domain);
        g_ptr_array_unref(files);
        return CLI_FAILED;
    }
    for (guint type = DKIM_RSA; type <= DKIM_ED25519 && good; type++)
        if (types[type])
            good = make_key(cli, files, selector, DKIM_ACTIVE, (enum dkim_key_type)type, bits, &error);
    g_clear_pointer(&files, g_ptr_array_unref);
    if (!good)
        return failed(error);
    fprintf(stderr, "Publish the record%s above, look with `postern dkim test %s` whether the DNS has %s, then\n"
            "`postern reload milter`: from that moment mail is signed.\n", types[0] && types[1] ? "s" : "", cli->domain,
            types[0] && types[1] ? "them" : "it");
    return CLI_OK;
}

static int
dkim_keygen(int argc, char **argv, const char *config_path)
{
    g_autofree char *selector = NULL, *type = NULL;
    gint bits = 2048;
    const GOptionEntry options[] = {
        {"selector", 's', 0, G_OPTION_ARG_STRING, &selector, "Name of the key in the DNS (default: type and month)",
         "SELECTOR"},
        {"type", 't', 0, G_OPTION_ARG_STRING, &type, "rsa, ed25519 or both (default: both)", "TYPE"},
        {"bits", 'b', 0, G_OPTION_ARG_INT, &bits, "Size of an RSA key: 2048 (default), 3072 or 4096", "BITS"},
        G_OPTION_ENTRY_NULL};
    struct dkim_cli cli;
    gboolean types[2];
    int done = cli_parse(&argc, &argv, "DOMAIN",
                         "Makes signing keys for a domain (files of mode 0600 under sign.directory) and prints the records\n"
                         "to publish, as lines of a zone file. Not every receiver knows Ed25519 yet, so both kinds sign side\n"
                         "by side.", options, 1, 1);

    if (done >= 0)
        return done;
    if (!wanted_types(type, types) || (bits != 2048 && bits != 3072 && bits != 4096)) {
        cli_error("the type is rsa, ed25519 or both, and an RSA key has 2048, 3072 or 4096 bits");
        return CLI_USAGE;
    }
    if (selector != NULL && (!dns_name_is_valid(selector) || strchr(selector, '/') != NULL || (types[0] && types[1]))) {
        cli_error(types[0] && types[1] ? "a selector names one key: say its type too (-t rsa or -t ed25519)"
                                       : "a selector is a domain name's label, as mail2026");
        return CLI_USAGE;
    }
    if (!begin(&cli, config_path, argv[1], TRUE))
        return CLI_FAILED;
    done = make_keys(&cli, selector, types, (guint)bits);
    end(&cli);
    return done;
}

/* ---- dns ---- */

static int
print_records(const struct dkim_cli *cli)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *files = dkim_files_read(cli->config->sign.directory, cli->domain, &error);

    if (files == NULL)
        return failed(error);
    for (guint i = 0; i < files->len; i++) {
        const struct dkim_file *file = g_ptr_array_index(files, i);

        printf("; %s, %s\n", dkim_state_names[file->state],
               file->state == DKIM_OLD ? "has to stay until its mail is delivered" :
               file->state == DKIM_NEXT ? "to be published before it signs" : "signs");
        print_record(cli->domain, file->selector, file->key);
    }
    guint n = files->len;
    g_ptr_array_unref(files);
    if (n > 0)
        return CLI_OK;
    cli_error("%s has no keys under %s; make them by `postern dkim keygen %s`", cli->domain, cli->config->sign.directory,
              cli->domain);
    return CLI_FAILED;
}

static int
dkim_dns(int argc, char **argv, const char *config_path)
{
    struct dkim_cli cli;
    int done = cli_parse(&argc, &argv, "DOMAIN",
                         "Prints the records of a domain's keys, as lines of a zone file. Records longer than 255 bytes are\n"
                         "in several strings; a web form for DNS records wants them put together.", NULL, 1, 1);

    if (done >= 0)
        return done;
    if (!begin(&cli, config_path, argv[1], TRUE))
        return CLI_FAILED;
    done = print_records(&cli);
    end(&cli);
    return done;
}

/* ---- test ---- */

/* Why an answer is no record of the key, or NULL when one is. Free. */
static char *
compare_answer(const struct dns_answer *answer, const struct dkim_key *key)
{
    guint8 digest[DKIM_DIGEST_BYTES] = {0};
    const char *why = NULL;

    if (answer->outcome == DNS_FAILED)
        return g_strdup_printf("the DNS does not answer: %s", answer->why);
    if (answer->outcome != DNS_FOUND)
        return g_strdup("there is no such record");
    if (answer->records->len > 1)
        return g_strdup_printf("there are %u TXT records, there must be one", answer->records->len);
    const struct dns_record *record = &g_array_index(answer->records, struct dns_record, 0);
    struct dkim_public_key *public = dkim_public_key_new((const char *)record->data, record->length, &why);
    if (public == NULL)
        return g_strdup_printf("the record is not good: %s", why);
    g_autofree char *base64 = dkim_key_sign(key, digest, NULL);
    gsize length = 0;
    g_autofree guchar *signature = base64 != NULL ? g_base64_decode(base64, &length) : NULL;
    gboolean good = dkim_public_key_type(public) == dkim_key_type(key) && signature != NULL &&
                    dkim_public_key_verify(public, digest, signature, length);
    gboolean testing = dkim_public_key_is_testing(public);
    dkim_public_key_free(&public);
    if (!good)
        return g_strdup("the record is of another key");
    return testing ? g_strdup("the record is right, but has t=y: receivers are told to take it as a test") : NULL;
}

/* Asks for one key's record and tells; FALSE when it is not right. */
static gboolean
test_key(struct dns *dns, const char *domain, const char *selector, const struct dkim_key *key, gint64 timeout_ms)
{
    g_autofree char *name = g_strdup_printf("%s._domainkey.%s", selector, domain);
    struct dns_lookup *lookup = dns_start(dns, name, DNS_TXT);
    const struct dns_answer *answer = dns_wait(lookup, g_get_monotonic_time() + timeout_ms * 1000);
    g_autofree char *why = compare_answer(answer, key);

    if (why == NULL)
        printf("good  %s (%s, %u bits%s)\n", name, dkim_key_type_name(dkim_key_type(key)), dkim_key_bits(key),
               answer->secure ? ", DNSSEC" : "");
    else
        printf("bad   %s: %s\n", name, why);
    dns_lookup_free(&lookup);
    return why == NULL;
}

/* The keys that sign for the domain, wherever they are kept. */
static GPtrArray *
signing_keys(const struct dkim_cli *cli, GError **error)
{
    struct sql_options options;
    struct sql_pool *pool = databases_accounts(&cli->config->accounts, &options) ? sql_pool_new(&options, 1) : NULL;
    struct sign_source *source = sign_source_open(&cli->config->sign, pool, error);
    g_autofree char *address = g_strconcat("postmaster@", cli->domain, NULL);
    GPtrArray *keys = g_ptr_array_new_with_free_func((GDestroyNotify)sign_key_free);

    if (source == NULL || !sign_source_find(source, address, keys, error))
        g_clear_pointer(&keys, g_ptr_array_unref);
    sign_source_free(&source);
    sql_pool_free(&pool);
    return keys;
}

static int
test_keys(const struct dkim_cli *cli)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *keys = signing_keys(cli, &error);
    struct dns *dns = keys != NULL && keys->len > 0 ? resolver_open(&cli->config->dns, &error) : NULL;
    int result = CLI_OK;

    if (error != NULL) {
        result = failed(error);
    } else if (keys->len == 0) {
        cli_error("no key signs for %s; make one by `postern dkim keygen %s`", cli->domain, cli->domain);
        result = CLI_FAILED;
    }
    for (guint i = 0; dns != NULL && i < keys->len; i++) {
        const struct sign_key *key = g_ptr_array_index(keys, i);
        if (!test_key(dns, key->domain, key->selector, key->key, cli->config->dns.timeout))
            result = CLI_FAILED;
    }
    dns_unref(dns);
    g_clear_pointer(&keys, g_ptr_array_unref);
    return result;
}

static int
dkim_test(int argc, char **argv, const char *config_path)
{
    struct dkim_cli cli;
    int done = cli_parse(&argc, &argv, "DOMAIN",
                         "Asks the DNS for the records of all keys that sign for a domain, and whether they are these keys'.\n"
                         "Exit status 1 when one is not. A resolver may keep an older answer for as long as that may live.",
                         NULL, 1, 1);

    if (done >= 0)
        return done;
    if (!begin(&cli, config_path, argv[1], FALSE))
        return CLI_FAILED;
    done = test_keys(&cli);
    end(&cli);
    return done;
}

/* ---- rotate ---- */

/* First step: a new key for each kind that is in use. */
static int
rotate_begin(const struct dkim_cli *cli, GPtrArray *files)
{
    g_autoptr(GError) error = NULL;
    gboolean types[2] = {FALSE, FALSE};
    guint bits = 2048;

    for (guint i = 0; i < files->len; i++) {
        const struct dkim_file *file = g_ptr_array_index(files, i);
        if (file->state != DKIM_ACTIVE)
            continue;
        types[dkim_key_type(file->key)] = TRUE;
        if (dkim_key_type(file->key) == DKIM_RSA)
            bits = MAX(bits, dkim_key_bits(file->key) > 3072 ? 4096 : dkim_key_bits(file->key) > 2048 ? 3072 : 2048);
    }
    for (guint type = DKIM_RSA; type <= DKIM_ED25519; type++)
        if (types[type] && !make_key(cli, files, NULL, DKIM_NEXT, (enum dkim_key_type)type, bits, &error))
            return failed(error);
    fprintf(stderr, "Publish what is above beside the records that are there, then run `postern dkim rotate %s` again.\n",
            cli->domain);
    return CLI_OK;
}

/* Whether the DNS has the records of all keys that wait. */
static gboolean
next_is_published(const struct dkim_cli *cli, const GPtrArray *files, GError **error)
{
    struct dns *dns = resolver_open(&cli->config->dns, error);
    gboolean good = dns != NULL;

    for (guint i = 0; dns != NULL && i < files->len; i++) {
        const struct dkim_file *file = g_ptr_array_index(files, i);
        if (file->state == DKIM_NEXT)
            good &= test_key(dns, file->domain, file->selector, file->key, cli->config->dns.timeout);
    }
    dns_unref(dns);
    return good;
}

/* Second step: the new keys sign instead of the old ones. */
static int
rotate_switch(const struct dkim_cli *cli, GPtrArray *files, gboolean force)
{
    g_autoptr(GError) error = NULL;

    if (!force && !next_is_published(cli, files, &error)) {
        if (error != NULL)
            return failed(error);
        cli_error("the new keys don't sign yet: publish the records (`postern dkim dns %s` shows them) and try again",
                  cli->domain);
        return CLI_FAILED;
    }
    g_autoptr(GPtrArray) old = g_ptr_array_new();
    for (guint i = 0; i < files->len; i++)
        if (((const struct dkim_file *)g_ptr_array_index(files, i))->state == DKIM_ACTIVE)
            g_ptr_array_add(old, g_ptr_array_index(files, i));
    /* The new ones first: with a crash in between both sign, which harms nobody. */
    for (guint i = 0; i < files->len; i++) {
        struct dkim_file *file = g_ptr_array_index(files, i);
        if (file->state == DKIM_NEXT && !dkim_file_move(file, DKIM_ACTIVE, &error))
            return failed(error);
    }
    for (guint i = 0; i < old->len; i++)
        if (!dkim_file_move(g_ptr_array_index(old, i), DKIM_OLD, &error))
            return failed(error);
    printf("The new keys sign from the next `postern reload milter` on. Leave the old records in the DNS; run\n"
           "`postern dkim rotate %s` again in a week to end them.\n", cli->domain);
    return CLI_OK;
}

/* Third step: when all that they signed is delivered, old keys are deleted. */
static int
rotate_end(const struct dkim_cli *cli, GPtrArray *files)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    for (guint i = 0; i < files->len; i++) {
        const struct dkim_file *file = g_ptr_array_index(files, i);

        if (file->state != DKIM_OLD)
            continue;
        if (now - file->since < OVERLAP_S) {
            g_autoptr(GDateTime) until = g_date_time_new_from_unix_local(file->since + OVERLAP_S);
            g_autofree char *date = g_date_time_format(until, "%Y-%m-%d %H:%M");

            cli_error("%s signed until a short time ago: mail that it signed may still be under way. Run this again after %s; "
                      "--new begins another rotation now", file->selector, date);
            return CLI_FAILED;
        }
        if (remove(file->path) != 0) {
            cli_error("can't delete %s", file->path);
            return CLI_FAILED;
        }
        printf("deleted %s; remove %s._domainkey.%s from the DNS now\n", file->path, file->selector, cli->domain);
    }
    return CLI_OK;
}

static int
rotate(const struct dkim_cli *cli, gboolean force, gboolean anew)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *files = dkim_files_read(cli->config->sign.directory, cli->domain, &error);
    int result = CLI_FAILED;

    if (files == NULL)
        return failed(error);
    if (dkim_files_count(files, DKIM_NEXT) > 0)
        result = rotate_switch(cli, files, force);
    else if (dkim_files_count(files, DKIM_OLD) > 0 && !anew)
        result = rotate_end(cli, files);
    else if (dkim_files_count(files, DKIM_ACTIVE) > 0)
        result = rotate_begin(cli, files);
    else
        cli_error("%s has no key to replace; make one by `postern dkim keygen %s`", cli->domain, cli->domain);
    g_ptr_array_unref(files);
    return result;
}

static int
dkim_rotate(int argc, char **argv, const char *config_path)
{
    gboolean force = FALSE, anew = FALSE;
    const GOptionEntry options[] = {
        {"force", 'f', 0, G_OPTION_ARG_NONE, &force, "Don't ask the DNS whether the new records are there", NULL},
        {"new", 'n', 0, G_OPTION_ARG_NONE, &anew, "Begin another rotation while old keys still wait for their end", NULL},
        G_OPTION_ENTRY_NULL};
    struct dkim_cli cli;
    int done = cli_parse(&argc, &argv, "DOMAIN",
                         "Replaces the keys of a domain in three steps, one each time it is run: makes new keys to publish;\n"
                         "when the DNS has them, lets them sign instead of the old ones; a week later, deletes the old ones.",
                         options, 1, 1);

    if (done >= 0)
        return done;
    if (!begin(&cli, config_path, argv[1], TRUE))
        return CLI_FAILED;
    done = rotate(&cli, force, anew);
    end(&cli);
    return done;
}

const struct cli_command cli_dkim_commands[] = {
    {"keygen", "make signing keys for a domain", dkim_keygen, NULL},
    {"dns", "print the records of a domain's keys", dkim_dns, NULL},
    {"test", "check that the DNS serves the keys that sign", dkim_test, NULL},
    {"rotate", "replace the keys of a domain, step by step", dkim_rotate, NULL},
    {NULL, NULL, NULL, NULL}};
