/* fuzz_uris.c: any bytes as a message's text, as URIs in HTML and as a DKIM signature: what is found keeps the limits, and all
 * that is said of a URI holds together. */
#include <string.h>
#include "lib/spam/view/uris.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static const char *const tlds[] = {"com", "uk", "org", "us", NULL}, *const twos[] = {"co.uk", NULL},
                         *const threes[] = {"a.co.uk", NULL};
static const char *const patterns[] = {"(?i)^http.*?/redirect\\.php\\?.*(?<=[?&])goto=(.*?)(?:$|[&#])",
                                       "(?i)^https?://r\\.com/(.*)$", NULL};

static void
check_text(const struct uri_text *text)
{
    if (text->bytes[text->length] != '\0')
        g_error("not terminated");
    if (text->is_chars && perl_text_is_ascii(uri_text_view(text)))
        g_error("characters without need");
}

static void
check_detail(const struct uris *uris, const struct uri_detail *detail, const struct registry *registry)
{
    (void)uris;
    check_text(detail->raw);
    for (guint i = 0; detail->cleaned != NULL && i < detail->cleaned->len; i++) {
        const struct uri_text *reading = g_ptr_array_index(detail->cleaned, i);

        check_text(reading);
        if (perl_text_count(uri_text_view(reading)) > URIS_LENGTH_MAX)
            g_error("too long");
    }
    for (guint i = 0; i < detail->hosts->len; i++) {
        const struct uri_host *host = g_ptr_array_index(detail->hosts, i);

        if (!registry_is_ip(host->host, strlen(host->host)) &&
            (!registry_host_is_valid(host->host, strlen(host->host)) ||
             !registry_domain_is_valid(registry, host->host, strlen(host->host)) || !g_str_has_suffix(host->host, host->domain)))
            g_error("%s is no host in %s", host->host, host->domain);
    }
    if ((detail->hosts->len == 0) != (detail->domains->len == 0))
        g_error("hosts without domains");
}

/* Each line as a URI; the first byte says whether it is of characters. */
static void
add_lines(struct uris *uris, const struct uris_settings *settings, struct perl_text text)
{
    static const char *const types[] = {"a", NULL};

    while (text.length > 0) {
        const char *next = memchr(text.at, '\n', text.length);
        gsize length = next != NULL ? (gsize)(next - text.at) : text.length;

        uris_add(uris, settings, (struct perl_text){text.at, length, text.is_chars}, types, FALSE);
        length += next != NULL;
        text.at += length;
        text.length -= length;
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static struct registry *registry;
    static struct uri_redirectors *redirectors;
    struct uris *uris = uris_new();

    if (registry == NULL) {
        registry = registry_new(tlds, twos, threes);
        redirectors = uri_redirectors_new(patterns, NULL);
    }
    if (size == 0)
        data = (const guint8 *)"";
    char *copy = g_memdup2(data, size); /* so that reading behind it is found */
    const struct uris_settings settings = {registry, redirectors};
    const struct perl_text text = {size > 0 ? copy : "", size, FALSE};
    uris_add_texts(uris, &settings, &text, 1);
    add_lines(uris, &settings, (struct perl_text){text.at, size, size > 0 && (data[0] & 1) != 0});
    uris_add_dkim(uris, &settings, text);
    for (guint i = 0; i < uris->details->len; i++)
        check_detail(uris, g_ptr_array_index(uris->details, i), registry);
    g_autoptr(GPtrArray) all = uris_all(uris);
    if (uris->details->len > URIS_MAX || uris->bytes > (gsize)URIS_BYTES_MAX + URI_READINGS_MAX)
        g_error("too many: %u", all->len);
    uris_free(&uris);
    g_free(copy);
    return 0;
}
