/* phishing_feeds.c: see phishing_feeds.h. */
#include "lib/spam/eval/phishing_feeds.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "lib/base/log.h"
#include "lib/spam/view/bytes.h"

#define SLASHES_MIN 4 /* of a URI whose parameters don't count: shorter ones are redirectors and the like */

struct phishing_feeds {
    const struct registry *registry;
    GHashTable *uris; /* char * */
    gboolean no_parameters;
};

enum feed { OPENPHISH, PHISHTANK, PHISHSTATS };

static void
add(struct phishing_feeds *feeds, const char *uri, gsize length)
{
    char *domain = NULL;

    if (!registry_uri_domain(feeds->registry, (struct perl_text){uri, length, FALSE}, &domain, NULL))
        return;
    g_free(domain);
    if (feeds->no_parameters) {
        const char *parameters = memchr(uri, '?', length);
        length = parameters != NULL ? (gsize)(parameters - uri) : length;
    }
    g_hash_table_add(feeds->uris, g_strndup(uri, length));
}

/* A field of a line, without quotation marks; NULL when there are not so many. */
static GString *
field_of(const char *line, gsize length, guint n)
{
    const char *at = line, *end = line + length, *comma;
    GString *field;

    for (guint i = 0; i < n; i++) {
        comma = memchr(at, ',', (gsize)(end - at));
        if (comma == NULL)
            return NULL;
        at = comma + 1;
    }
    comma = memchr(at, ',', (gsize)(end - at));
    field = g_string_new(NULL);
    for (const char *p = at; p < (comma != NULL ? comma : end); p++)
        if (*p != '"')
            g_string_append_c(field, *p);
    return field;
}

static gboolean
is_comment(const char *line, gsize length)
{
    gsize at = 0;

    while (at < length && byte_is_space(line[at]))
        at++;
    return at < length && line[at] == '#';
}

static void
add_line(struct phishing_feeds *feeds, enum feed feed, double min_score, const char *line, gsize length)
{
    if (is_comment(line, length))
        return;
    if (feed == OPENPHISH) {
        add(feeds, line, length);
        return;
    }
    g_autoptr(GString) first = field_of(line, length, 1), second = feed == PHISHSTATS ? field_of(line, length, 2) : NULL;
    if (feed == PHISHTANK && first != NULL)
        add(feeds, first->str, first->len);
    if (second != NULL && g_ascii_strtod(first->str, NULL) > min_score)
        add(feeds, second->str, second->len);
}

static void
read_feed(struct phishing_feeds *feeds, const char *path, enum feed feed, double min_score)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    struct stat status;
    gsize length, line = 0;

    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > (off_t)PHISHING_FEED_MAX) {
        log_text(LOG_SEV_WARNING, "rules", "%s: not read: no file, or one of more than %u MB", path, PHISHING_FEED_MAX >> 20);
        return;
    }
    if (!g_file_get_contents(path, &text, &length, &error)) {
        log_text(LOG_SEV_WARNING, "rules", "%s", error->message);
        return;
    }
    for (gsize at = 0, end; at < length; at = end + 1, line++) {
        const char *newline = memchr(text + at, '\n', length - at);
        end = newline != NULL ? (gsize)(newline - text) : length;
        if (line > 0 || feed == OPENPHISH) /* the others have a line of titles */
            add_line(feeds, feed, min_score, text + at, end - at);
    }
}

struct phishing_feeds *
phishing_feeds_new(const struct spam_ruleset *ruleset, const struct registry *registry)
{
    static const char *const names[] = {
        [OPENPHISH] = "phishing_openphish_feed", [PHISHTANK] = "phishing_phishtank_feed", [PHISHSTATS] = "phishing_phishstats_feed"};
    struct phishing_feeds *feeds = NULL;

    for (guint feed = 0; feed < G_N_ELEMENTS(names); feed++) {
        const char *path = rules_text(ruleset, names[feed]);
        if (path == NULL || *path == '\0')
            continue;
        if (feeds == NULL) {
            feeds = g_new0(struct phishing_feeds, 1);
            feeds->registry = registry;
            feeds->uris = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
            feeds->no_parameters = rules_number(ruleset, "phishing_uri_noparam") != 0;
        }
        read_feed(feeds, path, (enum feed)feed, rules_number(ruleset, "phishing_phishstats_minscore"));
    }
    return feeds;
}

void
phishing_feeds_free(struct phishing_feeds *feeds)
{
    if (feeds == NULL)
        return;
    g_hash_table_unref(feeds->uris);
    g_free(feeds);
}

static gboolean
is_clicked(const struct uri_detail *detail)
{
    static const char mailto[] = "mailto:";

    if (g_ascii_strncasecmp(detail->raw->bytes, mailto, strlen(mailto)) == 0 || detail->hosts->len == 0 || detail->cleaned == NULL)
        return FALSE;
    for (guint i = 0; i < detail->types->len; i++)
        if (strcmp(detail->types->pdata[i], "a") == 0 || strcmp(detail->types->pdata[i], "parsed") == 0)
            return TRUE;
    return FALSE;
}

static gboolean
has_uri(const struct phishing_feeds *feeds, const char *uri)
{
    g_autofree char *plain = g_strdup(uri);
    guint slashes = 0;

    if (feeds->no_parameters) {
        plain[strcspn(plain, "?")] = '\0';
        for (const char *p = plain; *p != '\0'; p++)
            slashes += *p == '/';
        if (slashes < SLASHES_MIN)
            return FALSE;
    }
    return g_hash_table_contains(feeds->uris, plain);
}

gboolean
phishing_feeds_have(const struct phishing_feeds *feeds, const struct uris *uris)
{
    for (guint i = 0; feeds != NULL && i < uris->details->len; i++) {
        const struct uri_detail *detail = uris->details->pdata[i];
        for (guint c = 0; is_clicked(detail) && c < detail->cleaned->len; c++)
            if (has_uri(feeds, ((const struct uri_text *)detail->cleaned->pdata[c])->bytes))
                return TRUE;
    }
    return FALSE;
}
