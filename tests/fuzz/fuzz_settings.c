/* fuzz_settings.c: any text as postern.conf. What settings_scan lets through must never make libconfuse
 * stumble, and what loads must be shown as a file that loads to the same. */
#include "lib/mail/config.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

/* load - text through a file in memory */
static struct config *
load(const void *data, gsize size)
{
    struct settings_report *report = settings_report_new();
    int fd = memfd_create("conf", MFD_CLOEXEC);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    if (fd < 0 || fchmod(fd, 0640) != 0 || (size > 0 && write(fd, data, size) != (ssize_t)size))
        g_error("memfd");
    struct config *config = config_load(path, report);
    for (guint i = 0; i < report->errors->len; i++)
        if (g_regex_match_simple("^/proc/self/fd/\\d+:\\d+: libconfuse: ", g_ptr_array_index(report->errors, i), 0, 0))
            g_error("%s", (char *)g_ptr_array_index(report->errors, i));
    close(fd);
    settings_report_free(&report);
    return config;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    struct config *config = load(data, size);
    if (config) {
        g_autoptr(GString) first = g_string_new(NULL), second = g_string_new(NULL);
        settings_show(config_sections, config, TRUE, first);
        if (!strstr(first->str, "(hidden)")) {
            struct config *again = load(first->str, first->len);
            if (!again)
                g_error("what was shown doesn't load:\n%s", first->str);
            settings_show(config_sections, again, TRUE, second);
            if (!g_string_equal(first, second))
                g_error("shown:\n%s\nbut loaded:\n%s", first->str, second->str);
            config_unref(again);
        }
        config_unref(config);
    }
    return 0;
}
