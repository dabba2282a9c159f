/* fuzz_dkim.h: what fuzz_dkim and fuzz_arc share: a DNS that answers everything with one record, and a key of our own. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/auth/auth.h"
#include "lib/mail/auth/dkim_key.h"
#include <string.h>

#define OWN_SELECTOR "own"
#define OWN_DOMAIN "fuzz.example"

struct fuzz_dns {
    const char *record; /* for all names but our own key's */
    gsize length;
    char *own;
};

static void
fuzz_dns_ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    const struct fuzz_dns *dns = data;
    struct dns_answer *answer = dns_answer_new(DNS_FOUND);

    if (type != DNS_TXT || !dns_name_is_valid(name))
        g_error("asked for what is no key");
    if (strcmp(name, OWN_SELECTOR "._domainkey." OWN_DOMAIN) == 0)
        dns_answer_add(answer, 0, dns->own, strlen(dns->own));
    else
        dns_answer_add(answer, 0, dns->record, dns->length);
    dns_complete(lookup, answer);
}

static const struct dns_source fuzz_dns_source = {.ask = fuzz_dns_ask};

/* Made once. */
static inline struct dkim_key *
fuzz_key(void)
{
    static struct dkim_key *key;

    if (key == NULL)
        key = dkim_key_generate(DKIM_ED25519, 0, NULL);
    return key;
}

/* The message after the edits (may be NULL); NULL when it passes a cap. */
static inline struct auth_message *
fuzz_message(const guint8 *data, size_t size, const GPtrArray *edits)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    struct message *message = message_new(bytes, NULL);
    struct auth_message *m = auth_message_new(message, edits);

    message_free(&message);
    return m;
}

/* What may go into a log line or a header. */
static inline void
check_text(const char *text)
{
    if (text == NULL)
        return;
    if (!g_utf8_validate(text, -1, NULL))
        g_error("not UTF-8");
    for (; *text != '\0'; text = g_utf8_next_char(text))
        if (g_unichar_iscntrl(g_utf8_get_char(text)))
            g_error("a control character in a result");
}
