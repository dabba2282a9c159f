/* make_conf_docs.c: at build time, fills the settings tables into postern.conf.5.in and writes the sample.
 *
 *     make_conf_docs TEMPLATE MANUAL SAMPLE
 *
 * The line @SETTINGS@ of TEMPLATE is replaced by what settings_mdoc makes of lib/mail/config.c. */
#include "lib/mail/config.h"
#include <stdio.h>
#include <string.h>

static int
fail(const GError *error)
{
    fprintf(stderr, "make_conf_docs: %s\n", error->message);
    return 1;
}

int
main(int argc, char **argv)
{
    static const char mark[] = "@SETTINGS@\n";
    g_autofree char *template = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) page = NULL;
    g_autoptr(GString) sample = g_string_new("# postern.conf: the configuration of Postern. Every setting is shown with "
                                             "its default.\n# See postern.conf(5); check it with `postern config check`.\n");
    if (argc != 4) {
        fprintf(stderr, "usage: make_conf_docs TEMPLATE MANUAL SAMPLE\n");
        return 2;
    }
    if (!g_file_get_contents(argv[1], &template, NULL, &error))
        return fail(error);
    const char *at = strstr(template, mark);
    if (!at) {
        fprintf(stderr, "make_conf_docs: %s has no line @SETTINGS@\n", argv[1]);
        return 1;
    }
    page = g_string_new_len(template, at - template);
    settings_mdoc(config_sections, page);
    g_string_append(page, at + strlen(mark));
    settings_sample(config_sections, sample);
    if (!g_file_set_contents(argv[2], page->str, (gssize)page->len, &error) ||
        !g_file_set_contents(argv[3], sample->str, (gssize)sample->len, &error))
        return fail(error);
    return 0;
}
