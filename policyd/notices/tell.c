/* tell.c: see tell.h. */
#include "policyd/notices/tell.h"
#include "lib/mail/address.h"
#include "lib/mail/notice.h"

struct order {
    struct config *config; /* a reference */
    char *user;
    const struct text_kind *kind;
    GArray *values;
    gint64 now_ms;
};

static void
order_free(gpointer data)
{
    struct order *order = data;

    config_unref(order->config);
    g_free(order->user);
    g_array_unref(order->values);
    g_free(order);
}

gboolean
tell_is_possible(const struct config_quota *config)
{
    return *config->from != '\0' && *config->lmtp != '\0';
}

static const char *
domain_of(const struct config_quota *config, const char *user)
{
    const char *domain = address_domain(user);

    if (domain == NULL)
        domain = address_domain(config->from);
    return domain != NULL ? domain : "";
}

const char *
tell_language(const struct config_quota *config, const char *user)
{
    return texts_language(config->languages, config->language, domain_of(config, user));
}

static GString *
write_letter(gpointer data)
{
    const struct order *order = data;
    const struct config_quota *config = &order->config->quota;
    const char *domain = domain_of(config, order->user);
    g_autofree char *to = address_domain(order->user) != NULL ? g_strdup(order->user) : g_strconcat(order->user, "@", domain, NULL);
    struct text text = {0};
    GString *letter;

    texts_make(config->templates, domain, tell_language(config, order->user), order->kind, order->values, &text);
    letter = notice_compose(&(struct notice){.from = config->from, .to = to, .subject = text.subject, .body = text.body, .now_ms = order->now_ms});
    text_clear(&text);
    return letter;
}

gboolean
tell_user(struct mailer *mailer, struct config *config, const char *user, const struct text_kind *kind, GArray *values, gint64 now_ms)
{
    struct order *order = g_new0(struct order, 1);

    *order = (struct order){.config = config_ref(config), .user = g_strdup(user), .kind = kind, .values = values, .now_ms = now_ms};
    text_values_add(values, "{user}", g_strdup(user));
    text_values_add(values, "{domain}", g_strdup(domain_of(&config->quota, user)));
    return mailer_add(mailer, config->quota.lmtp, user, write_letter, order, order_free);
}
