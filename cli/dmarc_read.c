/* dmarc_read.c: `postern dmarc read`: reports of others, from files as they arrive, into SQL.
 *
 * An argument is a report (XML, gzip, zip), a mail with one, an mbox of such mails, or a directory of any of
 * these (a Maildir). What was read before is recognised, so the same mailbox can be read again each day. */
#include "cli/dmarc.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib/mail/auth/dmarc_received.h"
#include "lib/mail/auth/dmarc_report_read.h"

#define INPUT_MAX (256u << 20) /* bytes of one file */
#define DEPTH_MAX 4u           /* directories in directories */
#define MBOX_LINE "From "

struct reading {
    struct sql *sql;
    guint kept, known, failed;
    gboolean stop; /* the database failed */
};

static void
read_failed(struct reading *reading, const char *name, const char *why)
{
    dmarc_complain("%s: not read: %s", name, why);
    reading->failed++;
}

static void
read_report(struct reading *reading, const char *name, GBytes *bytes)
{
    const char *why = NULL;
    struct dmarc_report *report = dmarc_report_read(bytes, &why);
    enum dmarc_received what;
    g_autoptr(GError) error = NULL;
    g_autofree char *day = NULL;

    if (report == NULL) {
        read_failed(reading, name, why);
        return;
    }
    day = dmarc_date((gint64)MIN(report->begin, (guint64)G_MAXINT64));
    if (!dmarc_received_add(reading->sql, report, g_get_real_time() / G_USEC_PER_SEC, &what, &error)) {
        read_failed(reading, name, error->message);
        reading->stop = TRUE;
    } else if (what == DMARC_RECEIVED_USELESS) {
        read_failed(reading, name,
                    "the report does not say who sent it, its id, or which domain it is about");
    } else {
        dmarc_say("%s: %s: %s about %s, %s, %u rows, id %s%s", name,
                  what == DMARC_RECEIVED_NEW ? "kept" : "known already", report->org_name, report->domain,
                  day, report->rows->len, report->report_id,
                  report->left_out ? "; parts are left out, it is too big" : "");
        *(what == DMARC_RECEIVED_NEW ? &reading->kept : &reading->known) += 1;
    }
    dmarc_report_free(&report);
}

/* ---- files ---- */

/* The next line that begins a mail of an mbox after at (an offset behind a line's end), or the end. */
static gsize
next_mail(const char *data, gsize size, gsize at)
{
    while (at < size) {
        const char *end = memchr(data + at, '\n', size - at);

        if (end == NULL)
            return size;
        at = (gsize)(end - data) + 1;
        if (size - at >= strlen(MBOX_LINE) && memcmp(data + at, MBOX_LINE, strlen(MBOX_LINE)) == 0)
            return at;
    }
    return size;
}

static void
read_mbox(struct reading *reading, const char *name, GBytes *bytes)
{
    gsize size, at = 0;
    const char *data = g_bytes_get_data(bytes, &size);

    for (guint n = 1; at < size && !reading->stop; n++) {
        const char *line = memchr(data + at, '\n', size - at);
        gsize begin = line != NULL ? (gsize)(line - data) + 1 : size, end = next_mail(data, size, at);
        g_autoptr(GBytes) mail = g_bytes_new_from_bytes(bytes, begin, MAX(end, begin) - begin);
        g_autofree char *label = g_strdup_printf("%s, mail %u", name, n);

        read_report(reading, label, mail);
        at = end;
    }
}

static void
read_bytes(struct reading *reading, const char *name, GBytes *bytes)
{
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);

    if (size >= strlen(MBOX_LINE) && memcmp(data, MBOX_LINE, strlen(MBOX_LINE)) == 0)
        read_mbox(reading, name, bytes);
    else
        read_report(reading, name, bytes);
}

/* All of a file; NULL with why (caller frees). */
static GBytes *
slurp(int fd, char **why_r)
{
    g_autoptr(GByteArray) all = g_byte_array_new();
    guint8 piece[65536];

    for (;;) {
        gssize n = read(fd, piece, sizeof piece);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *why_r = g_strdup(g_strerror(errno));
            return NULL;
        }
        if (n == 0)
            return g_byte_array_free_to_bytes(g_steal_pointer(&all));
        if (all->len + (gsize)n > INPUT_MAX) {
            *why_r = g_strdup_printf("larger than %u MiB; split it", INPUT_MAX >> 20);
            return NULL;
        }
        g_byte_array_append(all, piece, (guint)n);
    }
}

static void
read_descriptor(struct reading *reading, const char *name, int fd)
{
    g_autofree char *why = NULL;
    g_autoptr(GBytes) bytes = slurp(fd, &why);

    if (bytes != NULL)
        read_bytes(reading, name, bytes);
    else
        read_failed(reading, name, why);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_path(struct reading *reading, const char *path, guint depth);

static void
read_directory(struct reading *reading, const char *path, guint depth)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    if (dir == NULL || depth == DEPTH_MAX) {
        read_failed(reading, path, dir == NULL ? error->message : "directories are too deep");
        return;
    }
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;)
        if (name[0] != '.')
            g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_ptr_array_sort(names, by_name);
    for (guint i = 0; i < names->len && !reading->stop; i++)
        read_path(reading, g_ptr_array_index(names, i), depth + 1);
}

static void
read_path(struct reading *reading, const char *path, guint depth)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (depth > 0 ? O_NONBLOCK : 0)); /* a pipe: not waited for */
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        read_failed(reading, path, g_strerror(errno));
    else if (S_ISDIR(st.st_mode))
        read_directory(reading, path, depth);
    else if (depth > 0 && !S_ISREG(st.st_mode))
        read_failed(reading, path, "it is no file");
    else
        read_descriptor(reading, path, fd);
    if (fd >= 0)
        close(fd);
}

int
dmarc_read(int argc, char **argv, const char *config_path)
{
    g_auto(dmarc_cli) cli = {0};
    struct reading reading = {0};
    int code = cli_parse(&argc, &argv, "FILE...",
                         "Keeps reports that others sent about our domains. FILE is a report (XML, gzip or "
                         "zip), a mail with one, "
                         "an mbox, or a directory of these (a Maildir); - is the standard input. A report "
                         "that is there already "
                         "is not kept twice. Exit status 1 when one could not be read.",
                         NULL, 1, G_MAXINT);

    if (code >= 0)
        return code;
    if (!dmarc_cli_open(&cli, config_path))
        return CLI_FAILED;
    reading.sql = cli.sql;
    for (int i = 1; i < argc && !reading.stop; i++) {
        if (strcmp(argv[i], "-") == 0)
            read_descriptor(&reading, "-", STDIN_FILENO);
        else
            read_path(&reading, argv[i], 0);
    }
    dmarc_say("%u kept, %u known already, %u not read", reading.kept, reading.known, reading.failed);
    return reading.failed > 0 ? CLI_FAILED : CLI_OK;
}
