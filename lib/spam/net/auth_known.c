/* auth_known.c: see auth_known.h. */
#include "lib/spam/net/auth_known.h"
#include <string.h>

void
auth_known_take_dkim(struct auth_known *known, GArray *signatures, const struct dkim_verification *verification)
{
    known->has_dkim = TRUE;
    for (guint i = 0; i < dkim_verify_count(verification); i++) {
        const struct dkim_signature *found = dkim_verify_get(verification, i);
        struct auth_signature signature = {.result = found->result, .domain = found->domain, .identity = found->identity,
                                           .selector = found->selector};
        if (g_strcmp0(found->algorithm, "ed25519-sha256") != 0) /* the least size is one of RSA keys */
            signature.key_bits = found->key_bits;
        g_array_append_val(signatures, signature);
    }
    known->signatures = (const struct auth_signature *)(gconstpointer)signatures->data;
    known->n_signatures = signatures->len;
}

/* Results alone are no signature. */
static gboolean
has_arc_signature(const struct auth_message *message)
{
    static const char *const names[] = {"ARC-Seal", "ARC-Message-Signature"};

    for (guint i = 0; i < message->fields->len; i++) {
        const struct auth_field *field = &g_array_index(message->fields, struct auth_field, i);
        for (guint n = 0; n < G_N_ELEMENTS(names); n++)
            if (field->name_length == strlen(names[n]) && g_ascii_strncasecmp(field->name, names[n], field->name_length) == 0)
                return TRUE;
    }
    return FALSE;
}

void
auth_known_take_arc(struct auth_known *known, const struct auth_message *message, const struct arc_verification *verification)
{
    known->arc_signed = has_arc_signature(message);
    for (guint i = 0; i < arc_verify_count(verification); i++) {
        const struct arc_instance *instance = arc_verify_get(verification, i);
        known->arc_valid = known->arc_valid || instance->seal == AUTH_PASS || instance->signature == AUTH_PASS;
    }
}
