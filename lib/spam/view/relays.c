/* relays.c: see relays.h. */
#include "lib/spam/view/relays.h"
#include <string.h>
#include "lib/spam/view/ip_text.h"

/* The walk from the newest line to the oldest one. */
struct chain {
    struct spam_relays *relays;
    const struct relay_networks *trusted, *internal, *msa;
    gboolean guess; /* no networks are set */
    gboolean originating;
    gboolean in_trusted, in_internal, found_msa;
    gboolean allow_fetchers;
    char *scanner_envfrom; /* for the next hop */
};

static struct spam_relays *
relays_new(void)
{
    struct spam_relays *relays = g_new0(struct spam_relays, 1);

    relays->all = g_ptr_array_new_with_free_func((GDestroyNotify)spam_relay_free);
    relays->trusted = g_ptr_array_new();
    relays->untrusted = g_ptr_array_new();
    relays->internal = g_ptr_array_new();
    relays->external = g_ptr_array_new();
    relays->last_trusted_index = -1;
    relays->last_internal_index = -1;
    return relays;
}

void
spam_relays_free(struct spam_relays *relays)
{
    if (relays == NULL)
        return;
    GPtrArray *lists[] = {relays->trusted, relays->untrusted, relays->internal, relays->external,
                          relays->all};
    GString *texts[] = {relays->trusted_text, relays->untrusted_text, relays->internal_text,
                        relays->external_text};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        g_ptr_array_unref(lists[i]);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_string_free(texts[i], TRUE);
    g_free(relays);
}

/* Without settings a hop from a private network is taken for one of ours. */
static void
guess_trust(struct chain *c, const struct spam_relay *relay)
{
    if (!relay->ip_private && relay->auth->len == 0) {
        c->in_trusted = FALSE;
        c->in_internal = FALSE;
    }
}

static void
look_up_trust(struct chain *c, struct spam_relay *relay)
{
    gboolean authenticated = relay->auth->len > 0;

    if (!authenticated && !relay_networks_contain(c->trusted, relay->ip)) {
        /* A message that an own user submitted: what is before it is taken for a submission agent. */
        c->in_trusted = c->originating;
        c->found_msa = c->originating;
        c->in_internal = FALSE;
        return;
    }
    if (!authenticated && !relay_networks_contain(c->internal, relay->ip))
        c->in_internal = FALSE;
    if (relay_networks_contain(c->msa, relay->ip)) {
        c->found_msa = TRUE;
        relay->msa = TRUE;
    }
}

/* Sets the digit of " name=0 ", in its first place. */
static void
set_digit(GString *text, const char *name, gboolean value)
{
    gsize len = strlen(name);
    char *end = text->str + text->len, *found = text->str;

    while ((found = memmem(found, (gsize)(end - found), name, len)) != NULL) {
        found += len;
        if (end - found >= 2 && g_ascii_isdigit(found[0]) && found[1] == ' ') {
            found[0] = value ? '1' : '0';
            return;
        }
    }
}

static void
add_hop(struct chain *c, struct spam_relay *relay)
{
    struct spam_relays *relays = c->relays;

    g_ptr_array_add(relays->all, relay);
    if (c->in_trusted && !c->found_msa) {
        if (c->guess)
            guess_trust(c, relay);
        else
            look_up_trust(c, relay);
    }
    relay->internal = c->in_internal;
    set_digit(relay->as_string, " intl=", relay->internal);
    set_digit(relay->as_string, " msa=", relay->msa);
    g_ptr_array_add(c->in_trusted ? relays->trusted : relays->untrusted, relay);
    g_ptr_array_add(c->in_internal ? relays->internal : relays->external, relay);
    c->allow_fetchers = c->in_trusted;
    relays->last_trusted_index += c->in_trusted;
    relays->last_internal_index += c->in_internal;
}

/* What is above a mail fetcher's line happened in the mailbox, not on the way there: the walk begins anew. */
static void
restart(struct chain *c)
{
    if (!c->allow_fetchers)
        return;
    g_ptr_array_set_size(c->relays->trusted, 0);
    g_ptr_array_set_size(c->relays->internal, 0);
    g_ptr_array_set_size(c->relays->external, 0);
}

static void
walk_line(struct chain *c, const char *line, gsize len)
{
    g_autofree char *scanner_envfrom = g_steal_pointer(&c->scanner_envfrom);
    struct received_notes notes = {0};
    struct spam_relay *relay = NULL;
    enum received_result result = received_line_parse(line, len, &relay, &notes);

    c->scanner_envfrom = notes.scanner_envfrom;
    if (notes.fetched)
        restart(c);
    if (result != RECEIVED_HOP) {
        c->relays->unparseable += result == RECEIVED_UNPARSEABLE;
        c->relays->last_trusted_index += c->in_trusted;
        c->relays->last_internal_index += c->in_internal;
        return;
    }
    if (scanner_envfrom != NULL && scanner_envfrom[0] != '\0' && strcmp(scanner_envfrom, "0") != 0) {
        g_free(relay->envfrom);
        relay->envfrom = g_steal_pointer(&scanner_envfrom);
        spam_relay_describe(relay);
    }
    add_hop(c, relay);
}

/* X-Originating-IP and the like stand for the oldest hops. */
static void
walk_originating_ip(struct chain *c, const char *value, gsize len)
{
    g_autofree char *line = NULL;
    gsize start, end;

    if (!ip_text_find(value, len, &start, &end))
        return;
    line = g_strdup_printf("from X-Originating-IP: %.*s", (int)(end - start), value + start);
    walk_line(c, line, strlen(line));
}

static void
walk_all(struct chain *c, const GPtrArray *values, void (*walk)(struct chain *, const char *, gsize))
{
    for (guint i = 0; values != NULL && i < values->len; i++) {
        gsize len;
        const char *value = g_bytes_get_data(g_ptr_array_index(values, i), &len);
        if (value != NULL)
            walk(c, value, len);
    }
}

static GString *
joined(const GPtrArray *relays)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < relays->len; i++) {
        const struct spam_relay *relay = g_ptr_array_index(relays, i);
        if (i > 0)
            g_string_append_c(text, ' ');
        g_string_append_len(text, relay->as_string->str, (gssize)relay->as_string->len);
    }
    return text;
}

struct spam_relays *
relays_parse(const GPtrArray *received, const GPtrArray *originating_ips,
             const struct relays_options *options)
{
    struct chain c = {.relays = relays_new(),
                      .trusted = options->trusted_configured ? options->trusted : options->internal,
                      .internal = options->internal_configured ? options->internal : options->trusted,
                      .msa = options->msa,
                      .guess = !options->trusted_configured && !options->internal_configured,
                      .originating = options->originating_known && options->originating,
                      .in_trusted = TRUE,
                      .in_internal = TRUE,
                      .allow_fetchers = TRUE};

    walk_all(&c, received, walk_line);
    walk_all(&c, originating_ips, walk_originating_ip);
    g_free(c.scanner_envfrom);
    c.relays->trusted_text = joined(c.relays->trusted);
    c.relays->untrusted_text = joined(c.relays->untrusted);
    c.relays->internal_text = joined(c.relays->internal);
    c.relays->external_text = joined(c.relays->external);
    return c.relays;
}

/* ---- header ranges ---- */

static gboolean
is_received(GBytes *line)
{
    gsize len;
    const char *text = g_bytes_get_data(line, &len);

    return len >= 9 && g_ascii_strncasecmp(text, "Received:", 9) == 0;
}

GPtrArray *
relays_headers(const struct spam_relays *relays, enum relays_range range, const GPtrArray *lines)
{
    gboolean above = range == RELAYS_ALL_TRUSTED || range == RELAYS_ALL_INTERNAL;
    int border =
        1 + (range == RELAYS_ALL_TRUSTED || range == RELAYS_ALL_UNTRUSTED ? relays->last_trusted_index
                                                                          : relays->last_internal_index);
    GPtrArray *found = g_ptr_array_new();
    int at = -1;

    for (guint i = 0; i < lines->len; i++) {
        GBytes *line = g_ptr_array_index(lines, i);

        at += is_received(line);
        if (above ? at <= border : at >= border)
            g_ptr_array_add(found, line);
        if (above && at >= border)
            break;
    }
    return found;
}
