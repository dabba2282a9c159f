/* fuzz_auth_results.c: any bytes as an Authentication-Results value: what is read from it, rendered and read again, is the
 * same, and nothing that is rendered can be taken for more. The bytes as values of our own: one result comes back. */
#include "lib/mail/auth/auth_results.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void
check_text(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL))
        g_error("not UTF-8");
    for (const char *c = text; *c != '\0'; c++)
        if ((guchar)*c == 0x7f ||
            ((guchar)*c < ' ' && (*c != '\n' || c[1] != '\t') && (*c != '\t' || c == text || c[-1] != '\n')))
            g_error("a control character");
}

static void
check_again(const char *value, size_t size)
{
    struct auth_results *read = auth_results_parse(value, size);

    if (read == NULL)
        return;
    g_autofree char *text = auth_results_render(read);
    check_text(text);
    struct auth_results *again = auth_results_parse(text, strlen(text));
    /* A field of 64 results of 32 long properties may grow past what is read. */
    if (again == NULL && strlen(text) <= AUTH_RESULTS_FIELD_MAX && read->authserv_id[0] != '\0')
        g_error("what was rendered can't be read: %s", text);
    if (again != NULL) {
        g_autofree char *twice = auth_results_render(again);
        if (again->results->len != read->results->len || strcmp(text, twice) != 0)
            g_error("%s\nis read as\n%s", text, twice);
    }
    auth_results_free(&read);
    auth_results_free(&again);
}

static void
check_own(const char *value)
{
    struct auth_results *own = auth_results_new("mx.test");

    auth_results_add(own, "spf", AUTH_FAIL, value, "smtp.mailfrom", value, NULL);
    g_autofree char *text = auth_results_render(own);
    check_text(text);
    struct auth_results *read = auth_results_parse(text, strlen(text));
    if (read == NULL || read->broken || read->results->len != 1)
        g_error("a value left its result: %s", text);
    const struct auth_method_result *result = g_ptr_array_index(read->results, 0);
    if (result->result != AUTH_FAIL || result->properties->len != 1)
        g_error("a value changed its result: %s", text);
    auth_results_free(&read);
    auth_results_free(&own);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GString) raw = g_string_new("Authentication-Results:");
    const struct auth_field field = {.name_length = 22};

    check_again((const char *)data, size);
    check_own(text);
    g_string_append_len(raw, (const char *)data, (gssize)size);
    struct auth_field whole = field;
    whole.name = whole.raw = raw->str;
    whole.length = raw->len;
    g_autofree char *id = auth_results_authserv_id((const char *)data, MIN(size, AUTH_RESULTS_HEAD_MAX));
    if (!auth_results_claims(&whole, id != NULL ? id : "other.test"))
        g_error("a field without another's authserv-id does not claim");
    return 0;
}
