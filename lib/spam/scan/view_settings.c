/* view_settings.c: settings of a ruleset turned into what the view's parts take. */
#include "lib/spam/scan/view_settings.h"
#include <string.h>
#include "lib/base/log.h"

/* The names of a map, NULL at the end; container: g_ptr_array_unref. */
static GPtrArray *
names_of(const struct spam_ruleset *ruleset, const char *setting)
{
    GHashTable *map = rules_map(ruleset, setting);
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;

    if (map != NULL) {
        g_hash_table_iter_init(&iter, map);
        while (g_hash_table_iter_next(&iter, &name, NULL))
            g_ptr_array_add(names, name);
    }
    g_ptr_array_add(names, NULL);
    return names;
}

static struct registry *
registry_of(const struct spam_ruleset *ruleset)
{
    g_autoptr(GPtrArray) ones = names_of(ruleset, "util_rb_tld"), twos = names_of(ruleset, "util_rb_2tld");
    g_autoptr(GPtrArray) threes = names_of(ruleset, "util_rb_3tld");

    return registry_new((const char *const *)ones->pdata, (const char *const *)twos->pdata, (const char *const *)threes->pdata);
}

static struct uri_redirectors *
redirectors_of(const struct spam_ruleset *ruleset)
{
    const GPtrArray *list = rules_list(ruleset, "redirector_pattern");
    g_autoptr(GPtrArray) patterns = g_ptr_array_new();
    GPtrArray *errors = NULL;
    struct uri_redirectors *redirectors;

    for (guint i = 0; list != NULL && i < list->len; i++)
        g_ptr_array_add(patterns, list->pdata[i]);
    g_ptr_array_add(patterns, NULL);
    redirectors = uri_redirectors_new((const char *const *)patterns->pdata, &errors);
    for (guint i = 0; errors != NULL && i < errors->len; i++)
        log_text(LOG_SEV_WARNING, "rules", "redirector_pattern is left out: %s", (const char *)errors->pdata[i]);
    g_clear_pointer(&errors, g_ptr_array_unref);
    return redirectors;
}

static struct relay_networks *
networks_of(const struct spam_ruleset *ruleset, const char *name)
{
    const struct spam_setting *setting = rules_setting(ruleset, name);
    struct relay_networks *networks = relay_networks_new();

    for (guint i = 0; setting != NULL && setting->list != NULL && i < setting->list->len; i++) {
        g_autoptr(GError) error = NULL;
        if (!relay_networks_add(networks, setting->list->pdata[i], &error))
            log_text(LOG_SEV_WARNING, "rules", "%s: %s", name, error->message);
    }
    return networks;
}

static gboolean
is_given(const struct spam_ruleset *ruleset, const char *name)
{
    const struct spam_setting *setting = rules_setting(ruleset, name);

    return setting != NULL && setting->given;
}

/* NULL when all are ok. */
static char **
locales_of(const struct spam_ruleset *ruleset)
{
    static const char *const variables[] = {"LC_ALL", "LANGUAGE", "LC_MESSAGES", "LANG"};
    const char *text = rules_text(ruleset, "ok_locales"), *own = NULL;
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_auto(GStrv) words = g_strsplit_set(text != NULL ? text : "all", " \t", -1);

    if (g_strv_contains((const char *const *)words, "all"))
        return NULL;
    for (char **word = words; *word != NULL; word++)
        if (**word != '\0')
            g_strv_builder_add(builder, *word);
    for (guint i = 0; own == NULL && i < G_N_ELEMENTS(variables); i++)
        own = g_getenv(variables[i]);
    if (own != NULL)
        g_strv_builder_add(builder, own);
    return g_strv_builder_end(builder);
}

/* What relays, eval functions and the search for addresses ask of most messages. Whatever is missing here is answered, too, but read anew. */
static const char *const usual_headers[] = {
    "ALL", "Apparently-To", "Bcc:addr", "Disposition-Notification-To:addr", "Envelope-Sender:addr", "Envelope-Sender:first:addr",
    "EnvelopeFrom:addr", "EnvelopeFrom:first:addr:host", "From:addr:host", "Mail-Reply-To:addr", "Received", "Reply-To:addr:addr",
    "Resent-Date", "Resent-From:first:addr", "Resent-Sender:addr", "Return-Path:first:addr", "X-Envelope-From:first:addr",
    "X-Gm-Message-State", "X-Google-Smtp-Source", "X-MS-Exchange-CrossTenant-OriginalAttributedTenantConnectingIp", "X-OriginatorOrg",
    "X-Originating-Ip", "X-Received", "X-Sender:first:addr"};

static struct header_requests *
headers_of(const struct spam_ruleset *ruleset)
{
    struct header_requests *set = header_requests_new();
    const GPtrArray *originating = rules_list(ruleset, "originating_ip_headers");

    for (guint i = 0; i < G_N_ELEMENTS(usual_headers); i++)
        header_requests_add(set, usual_headers[i]);
    for (guint i = 0; originating != NULL && i < originating->len; i++)
        header_requests_add_lasting(set, originating->pdata[i]);
    for (guint i = 0; i < ruleset->rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(ruleset->rules, i);
        if (rule->header != NULL)
            header_requests_add_lasting(set, rule->header);
    }
    return set;
}

struct view_settings *
view_settings_new(const struct spam_ruleset *ruleset)
{
    struct view_settings *self = g_new0(struct view_settings, 1);

    self->ruleset = ruleset;
    self->registry = registry_of(ruleset);
    self->redirectors = redirectors_of(ruleset);
    self->uris = (struct uris_settings){self->registry, self->redirectors};
    self->trusted = networks_of(ruleset, "trusted_networks");
    self->internal = networks_of(ruleset, "internal_networks");
    self->msa = networks_of(ruleset, "msa_networks");
    self->relays = (struct relays_options){.trusted = self->trusted, .internal = self->internal, .msa = self->msa,
                                           .trusted_configured = is_given(ruleset, "trusted_networks"),
                                           .internal_configured = is_given(ruleset, "internal_networks")};
    self->originating_headers = rules_list(ruleset, "originating_ip_headers");
    self->sender_header = rules_text(ruleset, "envelope_sender_header");
    self->texts = (struct texts_options){(gsize)MAX(0, rules_number(ruleset, "body_part_scan_size")),
                                         (gsize)MAX(0, rules_number(ruleset, "rawbody_part_scan_size"))};
    self->as_it_is = rules_number(ruleset, "normalize_charset") == 0;
    self->reads_pdf = rules_plugin_loaded(ruleset, "PDFInfo");
    self->headers = headers_of(ruleset);
    self->locales = locales_of(ruleset);
    return self;
}

void
view_settings_free(struct view_settings **settings)
{
    struct view_settings *self = g_steal_pointer(settings);

    if (self == NULL)
        return;
    registry_free(&self->registry);
    uri_redirectors_free(&self->redirectors);
    relay_networks_free(self->trusted);
    relay_networks_free(self->internal);
    relay_networks_free(self->msa);
    header_requests_free(&self->headers);
    g_strfreev(self->locales);
    g_free(self);
}
