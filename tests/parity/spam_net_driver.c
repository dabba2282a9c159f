/* spam_net_driver.c: the network rules of messages, for the parity suite: paths on stdin, {"asked": ["A/name", ..], "hits": {rule: times}}
 * for each.
 *
 * Arguments: a folder with rule files (rules, site), and the port of a DNS server on 127.0.0.1. Results of DKIM and SPF are those
 * that spam_net.pl has, of the message's X-Test- fields. */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/dns_rdata.h"
#include "lib/spam/net/net.h"
#include "lib/spam/scan/message_view.h"

struct client {
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

static void
answer(struct net_rules *rules, const struct view_settings *settings, struct client *client, struct dns *dns, const char *path)
{
    g_autofree char *bytes = NULL;
    gsize length, n_texts;
    json_t *hits = json_object(), *asked = json_array();

    if (!g_file_get_contents(path, &bytes, &length, NULL))
        g_error("%s: can't be read", path);
    struct message_view *view = message_view_new(settings, bytes, length);
    struct net_message message = {.headers = message_view_headers(view), .relays = message_view_relays(view),
                                  .uris = message_view_uris(view), .registry = settings->registry};
    message.texts = message_view_body_texts(view, &n_texts);
    message.n_texts = n_texts;
    message.tree = message_view_tree(view);
    struct net_check *check = net_check_start(rules, 1, &message, dns, g_get_monotonic_time() + 60 * G_USEC_PER_SEC);
    net_check_finish(check);
    net_check_each_hit(check, add_hit, hits);
    for (guint i = 0; i < client->asked->len; i++)
        json_array_append_new(asked, json_stringn_nocheck(g_ptr_array_index(client->asked, i), strlen(g_ptr_array_index(client->asked, i))));
    g_ptr_array_set_size(client->asked, 0);
    json_t *line = json_pack("{so so}", "asked", asked, "hits", hits);
    json_dumpf(line, stdout, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(line);
    net_check_free(&check);
    message_view_free(&view);
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
    struct client client = {socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), g_ptr_array_new_with_free_func(g_free)};
    GPtrArray *warnings;
    char *path = NULL;
    size_t size = 0;

    if (argc < 3 || ruleset == NULL || connect(client.socket, (struct sockaddr *)&server, sizeof server) != 0)
        g_error("needs a folder of rules and a DNS server's port");
    struct view_settings *settings = view_settings_new(ruleset);
    struct net_rules *rules = net_rules_new(ruleset, &warnings);
    struct dns *dns = dns_new(&source, &client);
    for (guint i = 0; i < warnings->len; i++)
        fprintf(stderr, "%s\n", (const char *)g_ptr_array_index(warnings, i));
    while (getline(&path, &size, stdin) > 0) {
        path[strcspn(path, "\n")] = '\0';
        answer(rules, settings, &client, dns, path);
    }
    free(path);
    g_ptr_array_unref(warnings);
    dns_unref(dns);
    net_rules_free(&rules);
    view_settings_free(&settings);
    rules_free(&ruleset);
    g_ptr_array_unref(client.asked);
    close(client.socket);
    return 0;
}
