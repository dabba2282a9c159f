/* spam_net_driver.c: the network rules of messages, for the parity suite: paths on stdin, {"asked": ["A/name", ..], "hits": {rule: times}}
 * for each.
 *
 * Arguments: a folder with rule files (rules, site), and the port of a DNS server on 127.0.0.1; "find": DKIM, SPF and DMARC are
 * verified; "scan": all rules run, not those of the network alone. Without "find" their results are those that spam_net.pl has, of the message's X-Test- fields. */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/dns_rdata.h"
#include "lib/mail/auth/spf_task.h"
#include "lib/spam/net/auth_eval.h"
#include "lib/spam/net/net.h"
#include "lib/spam/scan/message_view.h"
#include "lib/spam/scan/scanner.h"

struct client {
    GMutex lock; /* SPF asks from a thread of its own */
    int socket;
    GPtrArray *asked; /* char * */
};

static void
append_name(GByteArray *packet, const char *name)
{
    g_auto(GStrv) labels = g_strsplit(name, ".", -1);

    for (char **label = labels; *label != NULL; label++) {
        guint8 length = (guint8)strlen(*label);
        g_byte_array_append(packet, &length, 1);
        g_byte_array_append(packet, (const guint8 *)*label, length);
    }
    g_byte_array_append(packet, (const guint8 *)"", 1);
}

static void
ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    struct client *client = data;
    g_autoptr(GByteArray) packet = g_byte_array_new();
    const guint8 tail[4] = {0, (guint8)type, 0, 1};
    g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&client->lock);
    guint8 reply[65536];

    g_byte_array_append(packet, (const guint8 *)"\0\1\1\0\0\1\0\0\0\0\0\0", 12);
    append_name(packet, name);
    g_byte_array_append(packet, tail, sizeof tail);
    if (send(client->socket, packet->data, packet->len, 0) < 0)
        g_error("send: %m");
    ssize_t length = recv(client->socket, reply, sizeof reply, 0);
    if (length < 0)
        g_error("recv: %m");
    dns_complete(lookup, dns_rdata_answer(reply, (gsize)length, name, type));
    const char *kind = type == DNS_A ? "A" : type == DNS_NS ? "NS" : type == DNS_TXT ? "TXT" : type == DNS_MX ? "MX"
                       : type == DNS_PTR ? "PTR" : type == DNS_SOA ? "SOA" : "AAAA";
    g_ptr_array_add(client->asked, g_strdup_printf("%s/%s", kind, name));
}

static const struct dns_source source = {ask, NULL};

static void
add_hit(gpointer data, const struct spam_rule *rule, guint times)
{
    json_object_set_new(data, rule->name, json_integer(times));
}

/* ---- results of X-Test- fields ---- */

static enum auth_result
result_named(const char *word)
{
    static const struct {
        const char *word;
        enum auth_result result;
    } words[] = {{"pass", AUTH_PASS}, {"fail", AUTH_FAIL}, {"softfail", AUTH_SOFTFAIL}, {"neutral", AUTH_NEUTRAL},
                 {"temperror", AUTH_TEMPERROR}, {"timed", AUTH_TEMPERROR}, {"permerror", AUTH_PERMERROR}};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_str_has_prefix(word, words[i].word))
            return words[i].result;
    return AUTH_NONE;
}

/* "d=x.example i=@x.example r=pass bits=1024"; what it points to is kept. */
static struct auth_signature
signature_of(const char *line, GPtrArray *kept)
{
    struct auth_signature signature = {.selector = "sel", .key_bits = 2048};
    char **words = g_strsplit(line, " ", -1);

    for (char **word = words; *word != NULL; word++) {
        char *value = strchr(*word, '=');
        if (value == NULL)
            continue;
        *value++ = '\0';
        if (strcmp(*word, "d") == 0)
            signature.domain = value;
        else if (strcmp(*word, "i") == 0)
            signature.identity = value;
        else if (strcmp(*word, "s") == 0)
            signature.selector = value;
        else if (strcmp(*word, "r") == 0)
            signature.result = result_named(value);
        else if (strcmp(*word, "bits") == 0)
            signature.key_bits = (guint)atoi(value);
        else if (strcmp(*word, "expired") == 0 && signature.result == AUTH_PASS)
            signature.result = AUTH_FAIL;
    }
    g_ptr_array_add(kept, words);
    return signature;
}

static void
read_known(const char *message, struct auth_known *known, GArray *signatures, GPtrArray *kept)
{
    char **lines = g_strsplit(message, "\n", -1);

    for (char **line = lines; *line != NULL && **line != '\0'; line++) {
        if (g_str_has_prefix(*line, "X-Test-SPF: ")) {
            known->has_spf = TRUE;
            known->spf = result_named(*line + 12);
        } else if (g_str_has_prefix(*line, "X-Test-SPF-Helo: ")) {
            known->has_spf_helo = TRUE;
            known->spf_helo = result_named(*line + 17);
        } else if (g_str_has_prefix(*line, "X-Test-DKIM: ")) {
            struct auth_signature signature = signature_of(*line + 13, kept);
            known->has_dkim = TRUE;
            g_array_append_val(signatures, signature);
        } else if (g_str_has_prefix(*line, "X-Test-ARC: ")) {
            known->arc_signed = TRUE;
            known->arc_valid = known->arc_valid || strstr(*line, "r=pass") != NULL;
        }
    }
    known->signatures = (const struct auth_signature *)signatures->data;
    known->n_signatures = signatures->len;
    g_ptr_array_add(kept, lines);
}

static const GPtrArray *
tag_of(gpointer data, const char *name)
{
    return auth_eval_tag(data, name);
}

/* Adds the rules on authentication that hit. */
static void
run_auth(struct auth_eval *eval, const struct spam_ruleset *ruleset, json_t *hits)
{
    for (guint i = 0; i < ruleset->rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(ruleset->rules, i);
        auth_eval_function function = rule->function != NULL ? auth_eval_find(rule->function) : NULL;
        if (function != NULL && rule->function_known && rule->scores[1] != 0 &&
            function(eval, (const char *const *)rule->arguments->pdata, rule->arguments->len))
            json_object_set_new(hits, rule->name, json_integer(1));
    }
}

/* {"asked", "hits"} as a line. */
static void
print(struct client *client, json_t *hits)
{
    json_t *asked = json_array();

    for (guint i = 0; i < client->asked->len; i++)
        json_array_append_new(asked, json_stringn_nocheck(g_ptr_array_index(client->asked, i), strlen(g_ptr_array_index(client->asked, i))));
    g_ptr_array_set_size(client->asked, 0);
    json_t *line = json_pack("{so so}", "asked", asked, "hits", hits);
    json_dumpf(line, stdout, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(line);
}

static void
answer(struct net_rules *rules, const struct view_settings *settings, struct client *client, struct dns *dns, struct spf_pool *spf,
       const char *path)
{
    g_autofree char *bytes = NULL;
    gsize length, n_texts;
    json_t *hits = json_object();

    if (!g_file_get_contents(path, &bytes, &length, NULL))
        g_error("%s: can't be read", path);
    struct message_view *view = message_view_new(settings, bytes, length);
    struct net_message message = {.headers = message_view_headers(view), .relays = message_view_relays(view),
                                  .uris = message_view_uris(view), .registry = settings->registry};
    message.texts = message_view_body_texts(view, &n_texts);
    message.n_texts = n_texts;
    message.tree = message_view_tree(view);
    struct auth_known known = {0};
    g_autoptr(GArray) signatures = g_array_new(FALSE, FALSE, sizeof(struct auth_signature));
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    read_known(bytes, &known, signatures, kept);
    struct auth_eval_options options = {.ruleset = settings->ruleset, .headers = message.headers, .relays = message.relays,
                                        .known = &known, .parts = G_MAXUINT, .dns = dns, .deadline_us = G_MAXINT64,
                                        .spf = spf, .message = spf != NULL ? bytes : NULL, .length = length,
                                        .now = g_get_real_time() / G_USEC_PER_SEC};
    struct auth_eval *eval = auth_eval_new(&options);
    message.tag = tag_of;
    message.tag_data = eval;
    g_ptr_array_set_size(client->asked, 0); /* ADSP's are asked otherwise by SpamAssassin */
    run_auth(eval, settings->ruleset, hits);
    struct net_check *check = net_check_start(rules, 1, &message, dns, g_get_monotonic_time() + 60 * G_USEC_PER_SEC);
    net_check_finish(check);
    net_check_each_hit(check, add_hit, hits);
    print(client, hits);
    net_check_free(&check);
    auth_eval_free(&eval);
    message_view_free(&view);
}

static void
scan(struct scanner *scanner, struct client *client, struct dns *dns, const char *path)
{
    g_autofree char *bytes = NULL;
    gsize length;
    json_t *hits = json_object();
    struct scan_result result;

    if (!g_file_get_contents(path, &bytes, &length, NULL))
        g_error("%s: can't be read", path);
    scanner_scan(scanner, &(struct scan_request){.message = bytes, .length = length, .dns = dns}, &result);
    for (guint i = 0; i < scanner_ruleset(scanner)->rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(scanner_ruleset(scanner)->rules, i);
        if (result.engine.values[rule->index] != 0)
            json_object_set_new(hits, rule->name, json_integer((json_int_t)result.engine.values[rule->index]));
    }
    print(client, hits);
    scan_result_clear(&result);
}

int
main(int argc, char **argv)
{
    g_autofree char *rules_folder = g_build_filename(argc > 2 ? argv[1] : ".", "rules", NULL);
    g_autofree char *site_folder = g_build_filename(argc > 2 ? argv[1] : ".", "site", NULL);
    struct rules_options options = {.default_rules = rules_folder, .site_rules = site_folder};
    struct spam_ruleset *ruleset = rules_load(&options, NULL);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((guint16)(argc > 2 ? atoi(argv[2]) : 0)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client client = {.socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .asked = g_ptr_array_new_with_free_func(g_free)};
    GPtrArray *warnings;
    char *path = NULL;
    size_t size = 0;

    if (argc < 3 || ruleset == NULL || connect(client.socket, (struct sockaddr *)&server, sizeof server) != 0)
        g_error("needs a folder of rules and a DNS server's port");
    struct view_settings *settings = view_settings_new(ruleset);
    struct net_rules *rules = net_rules_new(ruleset, &warnings);
    struct dns *dns = dns_new(&source, &client);
    gboolean whole = argc > 3 && strcmp(argv[3], "scan") == 0;
    struct scanner *scanner = whole ? scanner_new(&(struct scanner_options){.rules = options, .start = SCANNER_COMPILED}, NULL) : NULL;
    struct spf_pool *spf = argc > 3 && !whole ? spf_pool_new(dns, 1, "mx.inside.example", 60000) : NULL;
    for (guint i = 0; i < warnings->len; i++)
        fprintf(stderr, "%s\n", (const char *)g_ptr_array_index(warnings, i));
    while (getline(&path, &size, stdin) > 0) {
        path[strcspn(path, "\n")] = '\0';
        if (scanner != NULL)
            scan(scanner, &client, dns, path);
        else
            answer(rules, settings, &client, dns, spf, path);
    }
    free(path);
    g_ptr_array_unref(warnings);
    scanner_unref(scanner);
    spf_pool_free(&spf);
    dns_unref(dns);
    net_rules_free(&rules);
    view_settings_free(&settings);
    rules_free(&ruleset);
    g_ptr_array_unref(client.asked);
    close(client.socket);
    return 0;
}
