/* fuzz_policy_keys.c: any text as an entry of a list, a subject, a login, a sender, an address and a client: keys keep their bounds, and
 * an entry is among the keys of what it should hold. */
#include "lib/base/networks.h"
#include "lib/mail/address.h"
#include "policyd/accounts/policy_keys.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static gboolean
has(GPtrArray *keys, const char *key)
{
    for (guint i = 0; i < keys->len; i++)
        if (strcmp(g_ptr_array_index(keys, i), key) == 0)
            return TRUE;
    return FALSE;
}

/* Frees keys. */
static void
check_keys(GPtrArray *keys, guint max, const char *must_have, const char *of)
{
    if (keys->len > max)
        g_error("%u keys of %s", keys->len, of);
    for (guint i = 0; i < keys->len; i++)
        if (strlen(g_ptr_array_index(keys, i)) > POLICY_ADDRESS_MAX || *(const char *)g_ptr_array_index(keys, i) == '\0')
            g_error("a key of %s is empty or too long", of);
    if (must_have != NULL && !has(keys, must_have))
        g_error("%s is not among the keys of %s", must_have, of);
    g_ptr_array_unref(keys);
}

static void
check_client(const char *client)
{
    GPtrArray *keys = policy_keys_client(client);

    for (guint i = 0; i < keys->len; i++) {
        char *list[] = {g_ptr_array_index(keys, i), NULL};
        g_autofree char *entry = policy_entry_normalise(list[0], NULL);
        struct networks *networks = networks_new(list, NULL);

        if (networks == NULL || !networks_contain(networks, client))
            g_error("%s does not hold %s", list[0], client);
        networks_free(&networks);
        if (i != 1 && g_strcmp0(entry, list[0]) != 0) /* the second is the first with its length */
            g_error("%s would not be found as it is", list[0]);
    }
    check_keys(keys, POLICY_CLIENT_KEYS, NULL, client);
}

/* An entry in its form is found for what it says. */
static void
check_entry(const char *entry)
{
    g_autofree char *again = policy_entry_normalise(entry, NULL);
    g_autofree char *in = g_strconcat("x", entry, NULL), *at = g_strconcat("x@", entry + 1, NULL);
    g_autofree char *below = g_strconcat("x@below", entry, NULL);
    g_autofree char *address = g_strndup(entry, strcspn(entry, "/"));
    guint8 octets[16];

    if (g_strcmp0(again, entry) != 0)
        g_error("%s becomes %s", entry, again);
    if (*entry == '@')
        check_keys(policy_keys_address(in, "+"), POLICY_ADDRESS_KEYS, entry, in);
    else if (*entry == '.') {
        check_keys(policy_keys_address(at, "+"), POLICY_ADDRESS_KEYS, entry, at);
        check_keys(policy_keys_address(below, "+"), POLICY_ADDRESS_KEYS, entry, below);
    } else if (strcmp(entry, "<>") == 0)
        check_keys(policy_keys_address("", "+"), POLICY_ADDRESS_KEYS, entry, "");
    else if (strchr(entry, '@') == NULL && network_address(address, octets) > 0)
        check_keys(policy_keys_client(address), POLICY_CLIENT_KEYS, entry, address);
    else {
        check_keys(policy_keys_address(entry, "+"), POLICY_ADDRESS_KEYS, entry, entry);
        check_keys(policy_keys_subject(entry, "+"), POLICY_SUBJECT_KEYS, entry, entry);
    }
}

/* What is taken is taken as it is from then on. *form_r: that, or NULL. */
static void
check_form(char *(*normalise)(const char *text, GError **error), const char *text, char **form_r)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *again = NULL;

    *form_r = normalise(text, &error);
    if ((*form_r == NULL) != (error != NULL))
        g_error("neither taken nor an error");
    if (error != NULL && !g_utf8_validate(error->message, -1, NULL))
        g_error("no UTF-8: %s", error->message);
    if (*form_r == NULL)
        return;
    again = normalise(*form_r, NULL);
    if (g_strcmp0(again, *form_r) != 0 || strlen(*form_r) > POLICY_ADDRESS_MAX)
        g_error("%s becomes %s", *form_r, again);
}

/* A limit's subject is found for whom it says; so is a sender, by its address or its domain. */
static void
check_tables(const char *text)
{
    g_autofree char *subject = NULL, *login = NULL, *sender = NULL;

    check_form(policy_subject_normalise, text, &subject);
    check_form(policy_login_normalise, text, &login);
    check_form(policy_sender_normalise, text, &sender);
    if (subject != NULL)
        check_keys(policy_keys_subject(strcmp(subject, "*") == 0 ? "" : subject, "+"), POLICY_SUBJECT_KEYS, subject, subject);
    if (sender != NULL && address_domain(sender) == NULL)
        g_error("%s has no domain", sender);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *normal = address_normalise(text);
    g_autoptr(GError) error = NULL;
    g_autofree char *entry = policy_entry_normalise(text, &error);

    if ((entry == NULL) != (error != NULL))
        g_error("neither an entry nor an error");
    if (error != NULL && !g_utf8_validate(error->message, -1, NULL))
        g_error("no UTF-8: %s", error->message);
    check_keys(policy_keys_address(text, "+-"), POLICY_ADDRESS_KEYS, NULL, text);
    check_keys(policy_keys_address(normal, "+-"), POLICY_ADDRESS_KEYS, NULL, normal);
    check_keys(policy_keys_subject(text, "+-"), POLICY_SUBJECT_KEYS, "*", text);
    check_client(text);
    if (entry != NULL)
        check_entry(entry);
    check_tables(text);
    return 0;
}
