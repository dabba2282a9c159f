/* greylist_import.c: `postern greylist import`: what postgrey remembers, taken over.
 *
 * postgrey keeps two Berkeley databases, which db5.3_dump -p prints as lines "HEADER=END", then key and value in turn, each after a blank,
 * then "DATA=END". postgrey.db: "NETWORK/SENDER/RECIPIENT" -> "FIRST,LAST" (seconds since 1970); postgrey_clients.db: "ADDRESS" -> "COUNT,LAST"
 * (how often a client has passed). */
#include "cli/greylist.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/policyd.h"

#define POSTGREY_DELAY_S 300   /* its default: who came back after that has passed */
#define POSTGREY_CLIENTS 5     /* its default of --auto-whitelist-clients */
#define KEEP_S (35 * 86400)    /* its default of --max-age */
#define LINE_MAX_BYTES 8192u

struct import {
    const struct config *config;
    char *who;
    guint64 triplets, clients, passed_over;
    gint64 now_s;
};

/* Undoes the dump's escapes: a backslash before itself, or before two hex digits. FALSE: they are none. */
static gboolean
unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; to++) {
        if (*from != '\\') {
            *to = *from++;
        } else if (from[1] == '\\') {
            *to = '\\';
            from += 2;
        } else if (g_ascii_isxdigit(from[1]) && g_ascii_isxdigit(from[2])) {
            *to = (char)(g_ascii_xdigit_value(from[1]) * 16 + g_ascii_xdigit_value(from[2]));
            from += 3;
        } else {
            return FALSE;
        }
    }
    *to = '\0';
    return TRUE;
}

/* "A,B", perhaps with more behind a comma. */
static gboolean
two_numbers(const char *text, guint64 *a_r, guint64 *b_r)
{
    char *end;

    *a_r = g_ascii_strtoull(text, &end, 10);
    if (end == text || *end != ',')
        return FALSE;
    text = end + 1;
    *b_r = g_ascii_strtoull(text, &end, 10);
    return end != text && (*end == '\0' || *end == ',');
}

/* -1: the daemon can't be reached, else whether it was taken. */
static int
take_triplet(struct import *import, char *key, guint64 first, guint64 last)
{
    char *sender = strchr(key, '/'), *recipient = strrchr(key, '/');
    g_autofree char *from = g_strdup_printf("%" G_GUINT64_FORMAT, first), *to = g_strdup_printf("%" G_GUINT64_FORMAT, last);
    json_t *told;

    if (sender == NULL || recipient == sender || recipient[1] == '\0')
        return 0;
    *sender++ = '\0';
    *recipient++ = '\0';
    told = POLICYD_ASK(import->config, "import", key, strcmp(sender, "@") == 0 ? "" : sender, recipient, from, to,
                       last >= first + POSTGREY_DELAY_S ? "1" : "0");
    json_decref(told);
    import->triplets += told != NULL;
    return told != NULL ? 1 : -1;
}

static int
take_client(struct import *import, const char *address, guint64 count, guint64 last)
{
    gint64 left = (gint64)last + KEEP_S - import->now_s;
    g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT, MIN(left, KEEP_S));
    json_t *told;

    if (count < POSTGREY_CLIENTS || left <= 0)
        return 0;
    told = POLICYD_ASK(import->config, "fact-put", "allow", address, seconds, import->who, "postgrey let it in");
    json_decref(told);
    import->clients += told != NULL;
    return told != NULL ? 1 : -1;
}

static int
take_pair(struct import *import, char *key, char *value)
{
    guint64 a, b;

    if (!unescape(key) || !unescape(value) || !two_numbers(value, &a, &b) || strlen(key) < 3)
        return 0;
    return strchr(key, '/') != NULL ? take_triplet(import, key, a, b) : take_client(import, key, a, b);
}

/* FALSE after saying why. */
static gboolean
take_all(struct import *import, FILE *file, const char *name)
{
    g_autofree char *key = NULL;
    char line[LINE_MAX_BYTES];
    gboolean in_data = FALSE, ended = FALSE;

    while (!ended && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        ended = in_data && strcmp(line, "DATA=END") == 0;
        if (!in_data) {
            in_data = strcmp(line, "HEADER=END") == 0;
        } else if (!ended && key == NULL) {
            key = g_strdup(line + (*line == ' '));
        } else if (!ended) {
            int taken = take_pair(import, key, line + (*line == ' '));
            if (taken < 0)
                return FALSE;
            import->passed_over += taken == 0;
            g_clear_pointer(&key, g_free);
            if ((import->triplets + import->clients) % 1000 == 999)
                fprintf(stderr, "\r%" G_GUINT64_FORMAT " triplets, %" G_GUINT64_FORMAT " clients", import->triplets, import->clients);
        }
    }
    if (!ended)
        cli_error("%s is no output of db5.3_dump -p, or not all of it", name);
    return ended;
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
    GPid pid = 0;
    FILE *file;
    gboolean good;
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
    good = take_all(&import, file, argv[1]);
    fclose(file);
    if (pid != 0)
        g_spawn_close_pid(pid);
    fprintf(stderr, "\r");
    printf("%" G_GUINT64_FORMAT " triplets and %" G_GUINT64_FORMAT " clients taken over, %" G_GUINT64_FORMAT " passed over\n", import.triplets, import.clients,
           import.passed_over);
    g_free(import.who);
    config_unref(config);
    return good ? CLI_OK : CLI_FAILED;
}
