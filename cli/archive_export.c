/* archive_export.c: `postern archive export`: messages as files.
 *
 * eml: DIR/ID.eml each, byte for byte as received. mbox: one file, mboxrd quoting, LF line ends (mbox has
 * no others). Files are written under a temporary name, synced, and linked to their own name only when whole; an
 * existing file is never replaced without --force. */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/archive.h"
#include "cli/archive_export.h"

struct export {
    struct archive_cli *cli;
    gboolean mbox, with_header, force;
    const char *output;
    int fd;           /* mbox: the temporary file, or stdout */
    char *temporary;  /* its name; NULL for stdout */
    guint64 written, existing;
};

static gboolean
set_errno(GError **error, const char *doing, const char *path)
{
    int code = errno;

    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s %s: %s", doing, path, g_strerror(code));
    return FALSE;
}

static gboolean
write_all(int fd, const void *bytes, gsize length, const char *path, GError **error)
{
    const char *at = bytes;

    while (length > 0) {
        gssize n = write(fd, at, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return set_errno(error, "can't write", path);
        at += n;
        length -= (gsize)n;
    }
    return TRUE;
}

/* Ends a temporary file: synced, and under its own name. *exists_r: that name was taken. */
static gboolean
publish(int fd, const char *temporary, const char *path, gboolean force, gboolean *exists_r, GError **error)
{
    gboolean ok = TRUE;

    *exists_r = FALSE;
    if (fsync(fd) < 0)
        ok = set_errno(error, "can't sync", temporary);
    if (close(fd) < 0 && ok)
        ok = set_errno(error, "can't close", temporary);
    if (ok && force) {
        if (rename(temporary, path) == 0)
            return TRUE;
        ok = set_errno(error, "can't make", path);
    } else if (ok && link(temporary, path) < 0) {
        if (errno == EEXIST)
            *exists_r = TRUE;
        else
            ok = set_errno(error, "can't make", path);
    }
    unlink(temporary);
    return ok;
}

static int
open_temporary(const char *path, char **name_r, GError **error)
{
    *name_r = g_strdup_printf("%s.part-%d", path, (int)getpid());
    int fd = open(*name_r, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        set_errno(error, "can't make", *name_r);
        g_clear_pointer(name_r, g_free);
    }
    return fd;
}

static gboolean
export_eml(struct export *export, const char *id, const char *header, const GByteArray *raw, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s.eml", id);
    g_autofree char *path = g_build_filename(export->output, name, NULL);
    g_autofree char *temporary = NULL;
    gboolean exists = FALSE;

    if (!export->force && access(path, F_OK) == 0) {
        export->existing++;
        archive_complain("%s is there already; left as it is (--force replaces)", path);
        return TRUE;
    }
    int fd = open_temporary(path, &temporary, error);
    if (fd < 0)
        return FALSE;
    if ((header && !write_all(fd, header, strlen(header), path, error)) ||
        !write_all(fd, raw->data, raw->len, path, error)) {
        close(fd);
        unlink(temporary);
        return FALSE;
    }
    if (!publish(fd, temporary, path, export->force, &exists, error))
        return FALSE;
    if (exists) {
        export->existing++;
        archive_complain("%s is there already; left as it is (--force replaces)", path);
    } else {
        export->written++;
        if (export->cli->json)
            printf("{\"id\":\"%s\",\"file\":\"%s\"}\n", id, name);
    }
    return TRUE;
}

static gint64
meta_time(const json_t *meta)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(archive_text(meta, "time"), NULL);

    return time ? g_date_time_to_unix(time) : 0;
}

/* archive ids come from the daemon, but become file names: only what an id is made of. */
static gboolean
is_plain_id(const char *id)
{
    return *id && strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz") == strlen(id) && strlen(id) < 32;
}

static gboolean
export_one(struct export *export, const char *id, GError **error)
{
    g_autoptr(GByteArray) raw = g_byte_array_new();
    g_autoptr(GString) header = g_string_new(NULL);
    json_t *meta = archive_fetch(export->cli, id, raw, error);
    gboolean ok;

    if (!meta)
        return FALSE;
    const char *content_id = archive_text(meta, "id");
    if (!is_plain_id(content_id)) {
        g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_PERMANENT, "the archive answered with a strange id");
        json_decref(meta);
        return FALSE;
    }
    gboolean crlf = !export->mbox && export_uses_crlf(raw->data, raw->len);
    if (export->with_header)
        export_envelope_header(header, export->cli->config->envelope.header,
                               json_object_get(meta, "x_envelope_to"), crlf);
    if (export->mbox) {
        g_autoptr(GString) entry = g_string_new(NULL);
        const json_t *event = json_array_get(json_object_get(meta, "events"), 0);
        export_mbox_entry(entry, archive_text(json_object_get(event, "envelope"), "from"), meta_time(meta),
                          export->with_header ? header->str : NULL, raw->data, raw->len);
        ok = write_all(export->fd, entry->str, entry->len, export->output, error);
        export->written += ok;
    } else {
        ok = export_eml(export, content_id, export->with_header ? header->str : NULL, raw, error);
    }
    json_decref(meta);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%" G_GUINT64_FORMAT " messages", export->written);
    return ok;
}

static gboolean
on_hit(const json_t *hit, gpointer data, GError **error)
{
    return export_one(data, archive_text(hit, "id"), error);
}

static gboolean
prepare_output(struct export *export, GError **error)
{
    if (!export->mbox) {
        if (g_mkdir_with_parents(export->output, 0700) < 0)
            return set_errno(error, "can't make directory", export->output);
        return TRUE;
    }
    if (g_str_equal(export->output, "-")) {
        export->fd = STDOUT_FILENO;
        return TRUE;
    }
    if (!export->force && access(export->output, F_OK) == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS, "%s is there already; another name, or --force",
                    export->output);
        return FALSE;
    }
    export->fd = open_temporary(export->output, &export->temporary, error);
    return export->fd >= 0;
}

static gboolean
finish_output(struct export *export, gboolean ok, GError **error)
{
    gboolean exists = FALSE;

    if (!export->temporary)
        return ok;
    if (!ok) {
        close(export->fd);
        unlink(export->temporary);
        return FALSE;
    }
    if (!publish(export->fd, export->temporary, export->output, export->force, &exists, error))
        return FALSE;
    if (exists)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS, "%s was made by another meanwhile; nothing was replaced",
                    export->output);
    return !exists;
}

static gboolean
run_export(struct export *export, char **ids, const struct archive_query *query, GError **error)
{
    guint64 count = 0;

    if (!prepare_output(export, error))
        return FALSE;
    gboolean ok = TRUE;
    for (; ok && ids && *ids; ids++)
        ok = export_one(export, *ids, error);
    if (ok && query->text)
        ok = archive_each_hit(export->cli, query, on_hit, export, &count, NULL, error);
    return finish_output(export, ok, error);
}

int
archive_export(int argc, char **argv, const char *config_path)
{
    g_auto(archive_cli) cli = {0};
    g_autofree char *format = NULL, *output = NULL, *mailbox = NULL;
    g_auto(GStrv) ids = NULL;
    struct export export = {.cli = &cli, .fd = -1};
    const GOptionEntry entries[] = {
        {"id", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &ids, "This message (may be given often)", "ID"},
        {"format", 'f', 0, G_OPTION_ARG_FILENAME, &format, "eml (a file each) or mbox (one file)", "FORMAT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Directory (eml) or file (mbox; - is stdout)", "PATH"},
        {"mailbox", 'm', 0, G_OPTION_ARG_FILENAME, &mailbox, "Only what this mailbox sent or was delivered", "ADDRESS"},
        {"with-envelope-header", 0, 0, G_OPTION_ARG_NONE, &export.with_header,
         "Put X-Envelope-To (envelope.header; all envelope recipients, Bcc too) above each message", NULL},
        {"force", 0, 0, G_OPTION_ARG_NONE, &export.force, "Replace files that are there", NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GError) error = NULL;

    int status = archive_begin(&cli, &argc, &argv, config_path, "[QUERY...]",
                               "Writes messages as files: all hits of a query, or those of --id.", entries, 0,
                               G_MAXINT - 1);
    if (status >= 0)
        return status;
    g_autofree char *text = argc > 1 ? archive_join_query(argv + 1) : NULL;
    export.mbox = format && g_str_equal(format, "mbox");
    export.output = output;
    if (!output || (!text && !ids) || (format && !export.mbox && !g_str_equal(format, "eml"))) {
        archive_complain("%s; see `postern archive export --help`",
                         !output             ? "--output is missing"
                         : (!text && !ids)   ? "give a query or --id"
                                             : "--format is eml or mbox");
        return ARCHIVE_EXIT_USAGE;
    }
    const struct archive_query query = {.text = text, .mailbox = mailbox, .snippets = FALSE};
    archive_connect(&cli, 120000);
    gboolean ok = run_export(&export, ids, &query, &error);
    archive_end_progress();
    g_free(export.temporary);
    if (!ok)
        return archive_explain(&cli, g_steal_pointer(&error));
    fprintf(stderr, "%" G_GUINT64_FORMAT " messages written, %" G_GUINT64_FORMAT " were there already\n",
            export.written, export.existing);
    return export.existing || export.written == 0 ? ARCHIVE_EXIT_NO : ARCHIVE_EXIT_OK;
}
