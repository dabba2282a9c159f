/* greylist_import.c: `postern greylist import`: what postgrey remembers, taken over. */
#include "cli/greylist.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/policyd.h"
#include "cli/postgrey_dump.h"

#define POSTGREY_DELAY_S 300   /* its default: who came back after that has passed */
#define POSTGREY_CLIENTS 5     /* its default of --auto-whitelist-clients */
#define KEEP_S (35 * 86400)    /* its default of --max-age */

struct import {
    const struct config *config;
    char *who;
    guint64 triplets, clients, passed_over;
    gint64 now_s;
};

/* Whether the daemon could be reached. */
static gboolean
take_triplet(struct import *import, const struct postgrey_entry *entry)
{
    g_autofree char *from = g_strdup_printf("%" G_GUINT64_FORMAT, entry->first_or_count), *to = g_strdup_printf("%" G_GUINT64_FORMAT, entry->last_s);
    gboolean passed = entry->last_s >= entry->first_or_count && entry->last_s - entry->first_or_count >= POSTGREY_DELAY_S;
    json_t *told = POLICYD_ASK(import->config, "import", entry->client, entry->sender, entry->recipient, from, to, passed ? "1" : "0");

    json_decref(told);
    import->triplets += told != NULL;
    return told != NULL;
}

static gboolean
take_client(struct import *import, const struct postgrey_entry *entry)
{
    gint64 last = (gint64)MIN(entry->last_s, (guint64)import->now_s), left = last + KEEP_S - import->now_s;
    g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT, left);
    json_t *told;

    if (entry->first_or_count < POSTGREY_CLIENTS || left <= 0) {
        import->passed_over++;
        return TRUE;
    }
    told = POLICYD_ASK(import->config, "fact-put", "allow", entry->client, seconds, import->who, "postgrey let it in");
    json_decref(told);
    import->clients += told != NULL;
    return told != NULL;
}

static gboolean
take(const struct postgrey_entry *entry, gpointer data)
{
    struct import *import = data;
    gboolean taken = entry->sender != NULL ? take_triplet(import, entry) : take_client(import, entry);

    if ((import->triplets + import->clients) % 1000 == 999)
        fprintf(stderr, "\r%" G_GUINT64_FORMAT " triplets, %" G_GUINT64_FORMAT " clients", import->triplets, import->clients);
    return taken;
}

/* The file, or what db5.3_dump makes of it when it is a database. *pid_r: of that. NULL after saying why. */
static FILE *
open_dump(const char *path, GPid *pid_r)
{
    const char *const argv[] = {"db5.3_dump", "-p", path, NULL};
    g_autoptr(GError) error = NULL;
    char begin[8] = "";
    FILE *file = fopen(path, "rb");
    int out;

    if (file == NULL) {
        cli_error("%s: %s", path, g_strerror(errno));
        return NULL;
    }
    if (fread(begin, 1, sizeof begin, file) == sizeof begin && memcmp(begin, "VERSION=", sizeof begin) == 0) {
        rewind(file);
        return file;
    }
    fclose(file);
    if (!g_spawn_async_with_pipes(NULL, (char **)(gpointer)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, pid_r, NULL, &out, NULL,
                                  &error)) {
        cli_error("%s is a database; install db5.3-util, which has db5.3_dump (%s)", path, error->message);
        return NULL;
    }
    return fdopen(out, "rb");
}

int
greylist_import(int argc, char **argv, const char *config_path)
{
    struct import import = {.now_s = g_get_real_time() / G_USEC_PER_SEC};
    struct config *config;
    guint64 no_entries;
    gboolean good, stopped;
    GPid pid = 0;
    FILE *file;
    int done = cli_parse(&argc, &argv, "FILE",
                         "Takes over what postgrey remembers: its postgrey.db (triplets) or postgrey_clients.db (clients that have passed), or what\n"
                         "db5.3_dump -p prints of one. Stop postgrey first. Databases of --privacy and --lookup-by-host can't be taken over.",
                         NULL, 1, 1);

    if (done >= 0)
        return done;
    config = cli_load_config(config_path);
    file = config != NULL ? open_dump(argv[1], &pid) : NULL;
    if (file == NULL) {
        config_unref(config);
        return CLI_FAILED;
    }
    import.config = config;
    import.who = policyd_who();
    good = postgrey_dump_read(file, take, &import, &no_entries, &stopped);
    if (!good && !stopped)
        cli_error("%s is no output of db5.3_dump -p, or not all of it", argv[1]);
    fclose(file);
    if (pid != 0)
        g_spawn_close_pid(pid);
    fprintf(stderr, "\r");
    printf("%" G_GUINT64_FORMAT " triplets and %" G_GUINT64_FORMAT " clients taken over, %" G_GUINT64_FORMAT " passed over\n", import.triplets, import.clients,
           import.passed_over + no_entries);
    g_free(import.who);
    config_unref(config);
    return good ? CLI_OK : CLI_FAILED;
}
